# One way to handle every server. A server NAME is a file lib/NAME.sh with these functions:
#   NAME_install     download or build it into $WEIR_CACHE, with step(); nothing to do when it is there
#   NAME_configure   write its configuration and, the first time, its data folder under $WEIR_LOCAL/NAME
#   NAME_run         start() it
#   NAME_ready       true when it answers
#   NAME_ports       "PORT VARIABLE" a line
ENGINES="kafka postgres clickhouse prometheus"

engine_known() { case " $ENGINES " in *" $1 "*) ;; *) die "there is no server $1; there are: $ENGINES" ;; esac; }
engine_port() { "$1_ports" | awk 'NR == 1 {print $1}'; }

# The signal that means "end in good order": PostgreSQL's TERM would wait for its clients.
engine_signal() { if [ "$1" = postgres ]; then echo INT; else echo TERM; fi; }

# engine_ports_free NAME: stops with one line when something else has one of its ports.
engine_ports_free() {
  local port variable
  alive "$1" || while read -r port variable; do port_free "$1" "$port" "$variable"; done < <("$1_ports")
}

# engine_start NAME: start it when it does not run, and wait until it is ready.
engine_start() {
  engine_known "$1"
  if ! alive "$1"; then
    engine_ports_free "$1"
    "$1_configure" || return
    "$1_run" || return
  fi
  engine_wait "$1"
}

engine_wait() { wait_until "$1" "${2:-90}" "$1_ready"; }
engine_stop() { stop "$1" "${2:-$(engine_signal "$1")}"; }
