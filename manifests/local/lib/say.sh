# What a person sees: one line a step, with what to expect and what it took.
now_ms() { date +%s%3N; }
say() { printf '  %-11s %s\n' "$1" "$2"; }
die() { echo "weir: $*" >&2; exit 1; }

# step NAME "WHAT" "ABOUT" COMMAND...: run it with its output in the log, show the time going by, stop everything when it
# fails. COMMAND runs in a subshell under set -e; never call step in an if or before ||, where bash would ignore that.
step() {
  local name=$1 what=$2 about=$3 log=$LOGS/$1.log began=$SECONDS status ticker
  shift 3
  mkdir -p "$LOGS"
  if [ -t 1 ]; then printf '  %-11s %s (about %s)' "$name" "$what" "$about"; else say "$name" "$what (about $about)"; fi
  step_ticks "$name" "$what" "$about" $BASHPID 9>&- &
  ticker=$!
  set +e
  (set -e; "$@") >>"$log" 2>&1 </dev/null 9>&-
  status=$?
  kill $ticker 2>/dev/null; wait $ticker 2>/dev/null
  set -e
  [ ! -t 1 ] || printf '\r\033[K'
  if [ $status != 0 ]; then step_failed "$name" "$what" "$log" $status; exit 1; fi
  say "$name" "$what: done in $((SECONDS - began)) s"
}

# The clock of a step: once a second on a terminal, every 20 seconds into a file. Ends with the step, whatever ends that.
step_ticks() {
  local name=$1 what=$2 about=$3 parent=$4 began=$SECONDS next=20
  while sleep 1 >/dev/null 2>&1 && kill -0 "$parent" 2>/dev/null; do
    if [ -t 1 ]; then
      printf '\r\033[K  %-11s %s (about %s) … %d s' "$name" "$what" "$about" $((SECONDS - began))
    elif [ $((SECONDS - began)) -ge $next ]; then
      say "$name" "… $((SECONDS - began)) s"
      next=$((next + 20))
    fi
  done
}

# One clear line first: our own when there is one, or the full disk that most tools hide in a page of text.
step_failed() {
  local name=$1 what=$2 log=$3 status=$4 line folder
  for folder in "$WEIR_LOCAL" "$WEIR_CACHE" /var; do
    if [ -d "$folder" ] && [ "$(free_mb "$folder")" -lt 50 ]; then
      echo "weir: $what failed: the disk of $folder is full ($(free_mb "$folder") MB free); free some and run this again" >&2
      return
    fi
  done
  line=$(tail -n 20 "$log" | grep '^weir: ' | tail -n 1)
  if [ -n "$line" ]; then echo "$line" >&2; return; fi
  { echo "weir: $what failed (status $status); the end of $log:"; tail -n 8 "$log" | sed 's/^/    /'; } >&2
}

free_mb() { df --output=avail -BM "$1" 2>/dev/null | tail -n 1 | tr -dc 0-9; }
