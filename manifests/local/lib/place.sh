# The folders of this system: made once, ours, and never with a changed mode of somebody else's.

# place_make: $WEIR_LOCAL and $WEIR_CACHE, with room for what comes.
place_make() {
  mkdir -p "$WEIR_CACHE" || die "cannot make $WEIR_CACHE: set WEIR_CACHE to a folder you can write"
  # 755 whatever the umask is: PostgreSQL refuses to run as root, so another user has to reach its folder in here.
  [ -d "$WEIR_LOCAL" ] || install -d -m 755 "$WEIR_LOCAL" || die "cannot make $WEIR_LOCAL: set WEIR_LOCAL to a folder you can write"
  [ -O "$WEIR_LOCAL" ] || die "$WEIR_LOCAL belongs to $(stat -c %U "$WEIR_LOCAL"), not to you: set WEIR_LOCAL to a folder of your own"
  [ -e "$WEIR_LOCAL/.weir" ] || [ -z "$(ls -A "$WEIR_LOCAL")" ] || die "$WEIR_LOCAL has other things in it: set WEIR_LOCAL to an empty or new folder"
  touch "$WEIR_LOCAL/.weir"
  mkdir -p "$LOGS" "$RUN"
  [ -d "$SECRETS" ] || install -d -m 700 "$SECRETS"
}

# place_room FOLDER MB "WHAT": stops with one line when there is less room.
place_room() {
  [ "$(free_mb "$1")" -ge "$2" ] || die "$3 needs $2 MB in $1 and $(free_mb "$1") MB are free: free some, or set ${4:-WEIR_LOCAL} to another disk"
}

# secret NAME: a password made once and kept where only its owner reads it.
secret() {
  [ -s "$SECRETS/$1" ] || (umask 077 && tr -dc a-zA-Z0-9 </dev/urandom | head -c 24 >"$SECRETS/$1.new" && mv "$SECRETS/$1.new" "$SECRETS/$1")
  cat "$SECRETS/$1"
}

# place_lock: one up or down at a time in one $WEIR_LOCAL. Held until the shell ends; servers do not inherit it.
place_lock() {
  exec 9>"$RUN/lock"
  flock -n 9 || die "another up or down is at work in $WEIR_LOCAL: wait for it"
}
