# PostgreSQL: the ledger's and the recorder's databases in one server. Loopback only, no passwords.
POSTGRES_DIR=$WEIR_LOCAL/postgres

postgres_ports() { echo "$WEIR_POSTGRES_PORT WEIR_POSTGRES_PORT"; }
# postgres_url [DATABASE]: as the superuser.
postgres_url() { echo "postgresql://postgres@127.0.0.1:$WEIR_POSTGRES_PORT/${1:-postgres}"; }

# The folder of initdb and postgres: the user's own on PATH, else Debian's newest.
postgres_bin() {
  local d
  if has initdb && has postgres; then dirname "$(command -v postgres)"; return; fi
  for d in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr); do [ ! -x "$d/postgres" ] || { echo "$d"; return; }; done
}

postgres_install() { [ -n "$(postgres_bin)" ] || die "PostgreSQL is missing: apt-get install postgresql-15"; }

# It refuses to run as root: then as the user postgres, who must be able to reach the folder. setpriv becomes the command
# itself, so the process id is the server's.
if [ "$(id -u)" = 0 ]; then POSTGRES_AS=(setpriv --reuid postgres --regid postgres --init-groups); else POSTGRES_AS=(); fi
postgres_as() { env -C / "${POSTGRES_AS[@]}" "$@"; }

postgres_configure() {
  local bin
  bin=$(postgres_bin)
  if [ ! -e "$POSTGRES_DIR/weir.conf" ]; then # written last
    place_room "$WEIR_LOCAL" 2000 "PostgreSQL's data"
    rm -rf "$POSTGRES_DIR" # what an interrupted set-up left
    if [ "$(id -u)" = 0 ]; then install -d -o postgres -g postgres -m 700 "$POSTGRES_DIR"; else install -d -m 700 "$POSTGRES_DIR"; fi
    postgres_as test -w "$POSTGRES_DIR" ||
      die "the user postgres cannot reach $POSTGRES_DIR, as a folder above it is private: set WEIR_LOCAL to another place, /var/tmp/weir-local for one"
    postgres_as "$bin/initdb" -D "$POSTGRES_DIR" -A trust -U postgres -E UTF8 --locale=C.UTF-8 >"$LOGS/initdb.log" 2>&1 ||
      die "initdb failed: $(tail -n 1 "$LOGS/initdb.log") ($LOGS/initdb.log)"
    echo "include 'weir.conf'" >>"$POSTGRES_DIR/postgresql.conf"
  fi
  cat >"$POSTGRES_DIR/weir.conf" <<-P
	listen_addresses = '127.0.0.1'
	port = $WEIR_POSTGRES_PORT
	unix_socket_directories = ''
	max_connections = 200
	shared_buffers = 512MB
	max_wal_size = 4GB
	wal_compression = lz4
	checkpoint_timeout = 15min
	P
  chmod 644 "$POSTGRES_DIR/weir.conf" # whatever the umask is, PostgreSQL reads it as its own user
}

# A killed server that nobody has reaped yet is a zombie, and PostgreSQL takes that for a running one; stop() has waited
# for all its processes.
postgres_run() {
  local old
  old=$(head -n 1 "$POSTGRES_DIR/postmaster.pid" 2>/dev/null) && ! started "$old" >/dev/null && rm -f "$POSTGRES_DIR/postmaster.pid"
  start postgres env -C / "${POSTGRES_AS[@]}" "$(postgres_bin)/postgres" -D "$POSTGRES_DIR"
}

# pg DATABASE PSQL-ARGS...
pg() { local db=$1; shift; psql -X -q -v ON_ERROR_STOP=1 "$(postgres_url "$db")" "$@"; }
postgres_ready() { pg postgres -c 'select 1'; }
