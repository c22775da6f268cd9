# system: five hosts and all engines on one machine, in turns with what one part of it could do alone; then the audit.
system_about() { echo "$((PAIRS * (SECONDS_EACH * 3 + 38) + LONG_SECONDS * 2 + 40)) s"; }

# null_pairs: the HTTP interface in front of nothing, and the same library, answering by itself.
null_pairs() {
  local i name note
  weir_start bench-null "$BENCH/null.conf"
  weir_wait bench-null 30
  start bench-mhd "$WEIR_BUILD/tests/bench/bench-mhd" "$WEIR_BENCH_MHD_PORT"
  wait_until bench-mhd 10 port_taken "$WEIR_BENCH_MHD_PORT"
  for ((i = 0; i < PAIRS; i++)); do
    for name in $([ $((i % 2)) = 0 ] && echo bench-null bench-mhd || echo bench-mhd bench-null); do
      cpu_begin $name
      case $name in bench-null) players_run --steps 0:3 ;; *) players_run --steps 0:3 --to "127.0.0.1:$WEIR_BENCH_MHD_PORT" ;; esac
      cpu_end
      keep "$name.rate" "$(player requests_s)"
      keep "$name.cpu" "$(cpu_of $name "$(player requests)")"
      keep "$name.p99" "$(player p99)"
    done
    pair null "$(tail -n 1 "$OUT/kept.bench-null.rate")" "$(tail -n 1 "$OUT/kept.bench-mhd.rate")"
    pair null-cpu "$(tail -n 1 "$OUT/kept.bench-null.cpu")" "$(tail -n 1 "$OUT/kept.bench-mhd.cpu")"
  done
  note="p99 $(kept bench-null.p99) ms, reference $(kept bench-mhd.p99); the players take $(player cpu_us) µs CPU a request"
  pairs_row null "http-ingress ▸ null, 64 connections" requests/s "≥ 0.8 ×" "libmicrohttpd alone, external epoll" "$note"
  pairs_row null-cpu "http-ingress ▸ null, CPU" "µs a request" "" "libmicrohttpd alone, external epoll" ""
  weir_stop bench-null
  stop bench-mhd
}

pgbench_bin() { if has pgbench; then command -v pgbench; else echo "$(postgres_bin)/pgbench"; fi; }

# What PostgreSQL takes when a program writes each bet in a transaction of its own: lock, look up, insert, update, commit.
ledger_prepare() {
  pg weir -c 'create schema reference' \
    -c 'create table reference.shards (like ledger.shards including all)' -c 'insert into reference.shards select * from ledger.shards' \
    -c 'create table reference.accounts (like ledger.accounts including all)' -c 'insert into reference.accounts select * from ledger.accounts' \
    -c 'create table reference.entries (like ledger.entries including all)'
}
ledger_turn() { # LEDGER_S: bets a second
  local log=$OUT/pgbench.log
  "$(pgbench_bin)" -n -M prepared -c 64 -j 2 -T 5 -D accounts="$ACCOUNTS" -f "$BENCH/one_by_one.sql" "$(postgres_url weir)" >"$log" 2>&1 ||
    die "bench: pgbench failed: $(tail -n 1 "$log")"
  LEDGER_S=$(sed -nE 's/^tps = ([0-9]+).*/\1/p' "$log")
}

# bets_turn CONNECTIONS [SECONDS [NAME]]: closed loop, until every bet is in both stores; CPU of every process for it, kept by NAME.
bets_turn() {
  local before n name wal seconds=${2:-$SECONDS_EACH} key=${3:-$1} all="$WEIR_HOSTS kafka postgres clickhouse"
  before=$(accepted) wal=$(wal_bytes)
  # shellcheck disable=SC2086
  cpu_begin $all
  players_run --steps "0:$seconds" --connections "$1"
  settle_wait
  cpu_end
  n=$(($(accepted) - before))
  for name in $all; do keep "cpu.$key.$name" "$(cpu_of "$name" $n)"; done
  keep "cpu.$key.players" "$(player cpu_us)"
  keep "cpu.$key" "$(awk -v tick="$WINDOW_TICKS" -v n="$n" -v players="$(player cpu_us)" '$1 != "machine" {s += $2} END {print s / tick * 1e6 / n + players}' "$OUT/cpu")"
  keep bytes.request "$(($(player bytes_out) / n))"
  keep bytes.answer "$(($(player bytes_in) / n))"
  keep bytes.wal "$((($(wal_bytes) - wal) / n))"
  for name in p50 p99 p999; do keep "$key.$name" "$(player $name)"; done
  keep "$key.errors" "$(player errors)"
  keep "$key.settle" "$(awk -v ms="$SETTLE_MS" 'BEGIN {printf "%.1f", ms / 1000}')"
}
wal_bytes() { pg postgres -Atc "select pg_current_wal_lsn() - '0/0'" | cut -d . -f 1; }
# stored_bytes: what a bet takes where it stays; before anything is trimmed.
stored_bytes() {
  local n
  n=$(accepted)
  keep bytes.ledger "$(pg weir -Atc "select pg_total_relation_size('ledger.entries') / $n")"
  keep bytes.record "$(pg weir -Atc "select pg_total_relation_size('record.bets') / $n")"
  keep bytes.topic "$(($(cat "$KAFKA_DIR"/data/"$WEIR_TOPIC"-*/*.log | wc -c) / n))"
  keep bytes.clickhouse "$(($(ch "select sum(bytes_on_disk) from system.parts where database = 'weir' and table = 'bets_raw' and active") / n))"
}
bets_row() { # CONNECTIONS
  pairs_row "system.$1" "system, $1 connections" bets/s "$([ "$1" -lt 256 ] || echo "≥ 23,148")" "pgbench: the same ledger rows, one a transaction" \
    "p50 $(kept "$1.p50") p99 $(kept "$1.p99") (target < 100) p999 $(kept "$1.p999") ms, $(kept "$1.errors") errors, in both stores $(kept "$1.settle") s later"
  row "system, $1 connections, CPU of all" "$(awk -v us="$(kept "cpu.$1")" 'BEGIN {printf "%.1f", us}')" "µs a bet" "$([ "$1" -lt 256 ] || echo "≤ 80")" "" "" "players included"
}
long_turn() { # CONNECTIONS FROM: FROM says what is in the stores
  bets_turn "$1" "$LONG_SECONDS" long
  row "system, $1 connections, $LONG_SECONDS s, $2" "$(player accepted_s)" bets/s "≥ 23,148" "" "" \
    "p50 $(player p50) p99 $(player p99) (target < 100) p999 $(player p999) ms, $(player errors) errors; $(tail -n 1 "$OUT/kept.cpu.long") µs CPU of all a bet; in both stores $(tail -n 1 "$OUT/kept.long.settle") s later"
}
# hosts_table: CPU of each process a bet, and its peak memory, beside the table.
hosts_table() {
  local connections name all="$WEIR_HOSTS kafka postgres clickhouse players"
  {
    printf 'CPU µs a bet\t%s\n' "$(echo $all | sed 's/ /\t/g')"
    for connections in $CONNECTIONS; do
      printf '%s connections' "$connections"; for name in $all; do printf '\t%.1f' "$(kept "cpu.$connections.$name")"; done; printf '\n'
    done
    printf 'peak MB (target < 32)'; for name in $WEIR_HOSTS; do printf '\t%s' "$(peak_mb "$name")"; done; printf '\n'
  } >"$OUT/hosts.tsv"
}

# wallet_pairs: the wallet call at half the rate of saturation, as the ingress tells it in Server-Timing, and a bare unary
# gRPC call of as many bytes between two processes, at the same rate.
wallet_pairs() {
  local i rate
  rate=$(awk '{print int($1 / 2)}' <<<"$(cut -f 1 "$OUT/pairs.system.${CONNECTIONS##* }" | median)")
  start bench-echo "$WEIR_BUILD/tests/bench/bench-echo" serve "127.0.0.1:$WEIR_BENCH_ECHO_PORT"
  wait_until bench-echo 10 port_taken "$WEIR_BENCH_ECHO_PORT"
  for ((i = 0; i < PAIRS; i++)); do
    wallet_turn "$rate"
    echo_turn "$rate"
    pair wallet "$(player wallet_p99)" "$(tail -n 1 "$OUT/kept.echo.p99")"
    keep wallet.p50 "$(player wallet_p50)"
  done
  stop bench-echo
  pairs_row wallet "wallet call at $(thousands "$rate") bets/s, p99" ms "< 5" "bare gRPC unary echo, C core, as many a second" \
    "p50 $(kept wallet.p50) ms, reference $(kept echo.p50); the wallet's has a PostgreSQL commit in it"
}
wallet_turn() { players_run --steps "$1:4" --connections 256; }
echo_turn() {
  "$WEIR_BUILD/tests/bench/bench-echo" call "127.0.0.1:$WEIR_BENCH_ECHO_PORT" "$1" 4 200 >"$OUT/echo.log" || die "bench: bench-echo failed"
  keep echo.p50 "$(awk '$2 == "p50" {print $3}' "$OUT/echo.log")"
  keep echo.p99 "$(awk '$2 == "p99" {print $3}' "$OUT/echo.log")"
}

system() {
  local i connections
  null_pairs
  system_started
  long_turn "${CONNECTIONS##* }" "from empty stores"
  ledger_prepare
  for ((i = 0; i < PAIRS; i++)); do
    [ $((i % 2)) = 0 ] || ledger_turn
    for connections in $CONNECTIONS; do
      bets_turn "$connections"
      keep "rate.$connections" "$(player accepted_s)"
    done
    [ $((i % 2)) = 1 ] || ledger_turn
    for connections in $CONNECTIONS; do pair "system.$connections" "$(tail -n 1 "$OUT/kept.rate.$connections")" "$LEDGER_S"; done
  done
  for connections in $CONNECTIONS; do bets_row "$connections"; done
  hosts_table
  stored_bytes
  wallet_pairs
  long_turn "${CONNECTIONS##* }" "after $(thousands "$(accepted)") bets"
  [ -z "$results" ] || profile
  settle_wait
  audit_exact system
  hosts_stop
}
