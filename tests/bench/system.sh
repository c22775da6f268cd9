# system: five hosts and all engines on one machine, players by wrk, then the audit.
system_about() { echo "$(((SECONDS_EACH + 10) * 2 + 60)) s"; }
HTTP() { echo "http://127.0.0.1:$WEIR_HTTP_PORT"; }

# wrk_run PHASE SECONDS CONNECTIONS: its summary as "NAME VALUE" lines in $OUT/wrk.
wrk_run() {
  PHASE=$1 ACCOUNTS=$ACCOUNTS RUN_ID=$(date +%s%N | tail -c 12) wrk -t 2 -c "$3" -d "$2s" --timeout 5s -s "$BENCH/players.lua" "$(HTTP)" >"$OUT/wrk.log" 2>&1 9>&- ||
    die "bench: wrk failed: $(tail -n 1 "$OUT/wrk.log")"
  sed -n 's/^bench //p' "$OUT/wrk.log" >"$OUT/wrk"
}
wrk_value() { awk -v name="$1" '$1 == name {print $2}' "$OUT/wrk"; }

# players_ready: every account opened and with money, by the API. A repeated request changes nothing.
players_ready() {
  local n tries
  for tries in 1 2 3 4 5 6 7 8; do
    wrk_run open 3 32
    n=$(pg weir -Atc 'select count(*) from ledger.accounts')
    [ "$n" -lt "$ACCOUNTS" ] || break
  done
  for tries in 1 2 3 4 5 6 7 8; do
    wrk_run fund 3 32
    n=$(pg weir -Atc 'select count(*) from ledger.accounts where balance_minor > 0')
    [ "$n" -lt "$ACCOUNTS" ] || return 0
  done
  die "bench: only $n of $ACCOUNTS accounts are funded: $(tail -n 3 "$OUT/wrk.log")"
}

accepted() { pg weir -Atc 'select sum(last_seq) from ledger.shards'; }

# settle_wait: until every accepted bet is confirmed and in both stores; SETTLE_MS is how long that took.
settle_wait() {
  local began end=$((SECONDS + 180)) ledger recorded=0 analysed=0
  began=$(now_ms)
  ledger=$(accepted)
  while [ "$recorded $analysed" != "$ledger $ledger" ]; do
    [ $SECONDS -lt $end ] || { say system "not settled after 180 s: ledger $ledger, PostgreSQL $recorded, ClickHouse $analysed"; break; }
    recorded=$(settled recorder pg-sink) analysed=$(settled analytics ch-sink)
    [ "$recorded" -lt "$ledger" ] || recorded=$(pg weir -Atc 'select count(*) from record.bets')
    [ "$analysed" -lt "$ledger" ] || analysed=$(ch 'select count() from weir.bets')
    sleep 0.2
  done
  SETTLE_MS=$(($(now_ms) - began))
}

# bets CONNECTIONS: one row of bets, and a line a process of what it took.
bets() {
  local before after name n all="$WEIR_HOSTS kafka postgres clickhouse"
  before=$(accepted)
  # shellcheck disable=SC2086
  cpu_begin $all
  wrk_run bet "$SECONDS_EACH" "$1"
  after=$(accepted) n=$((after - before))
  settle_wait
  cpu_end
  row "system, $1 connections" "$(per_second $n "$(wrk_value ms)")" bets/s "≥ 8,000" "$2" "$3" \
    "p50 $(wrk_value p50) p99 $(wrk_value p99) ms (target < 100), $(wrk_value errors) errors, in both stores $(awk -v ms="$SETTLE_MS" 'BEGIN {printf "%.1f", ms / 1000}') s later"
  {
    [ -s "$OUT/hosts.tsv" ] || printf 'CPU ms per 1,000 bets\t%s\tothers and wrk, cores\n' "$(echo $all | sed 's/ /\t/g')"
    printf '%s connections' "$1"; for name in $all; do printf '\t%s' "$(cpu_of "$name" $n)"; done; printf '\t%s\n' "$(cpu_others)"
    printf 'peak MB'; for name in $WEIR_HOSTS; do printf '\t%s' "$(peak_mb "$name")"; done; printf '\n'
  } >>"$OUT/hosts.tsv"
}

# What the HTTP part alone takes: the same requests into http-ingress ▸ null.
null_reference() {
  export WEIR_BENCH_NULL_ADMIN_PORT=30186
  weir_start bench-null "$BENCH/null.conf"
  weir_wait bench-null 30
  cpu_begin bench-null
  wrk_run bet 5 64
  cpu_end
  row "http-ingress ▸ null" "$(wrk_value requests_s)" requests/s "" "" "" "p99 $(wrk_value p99) ms, $(cpu_of bench-null "$(wrk_value requests)") ms CPU per 1,000"
  weir_stop bench-null
}

pgbench_bin() { if has pgbench; then command -v pgbench; else echo "$(postgres_bin)/pgbench"; fi; }

# What PostgreSQL takes when a program writes each bet in a transaction of its own: lock, look up, insert, update, commit.
ledger_reference() {
  local log=$OUT/pgbench.log
  pg weir -c 'create schema reference' \
    -c 'create table reference.shards (like ledger.shards including all)' -c 'insert into reference.shards select * from ledger.shards' \
    -c 'create table reference.accounts (like ledger.accounts including all)' -c 'insert into reference.accounts select * from ledger.accounts' \
    -c 'create table reference.entries (like ledger.entries including all)'
  "$(pgbench_bin)" -n -M prepared -c 64 -j 2 -T 10 -D accounts="$ACCOUNTS" -f "$BENCH/one_by_one.sql" "$(postgres_url weir)" >"$log" 2>&1 ||
    die "bench: pgbench failed: $(tail -n 1 "$log")"
  pg weir -c 'drop schema reference cascade' 2>/dev/null
  sed -nE 's/^tps = ([0-9]+).*/\1/p' "$log"
}

system() {
  local connections reference name
  system_fresh
  rm -f "$OUT/filled"
  null_reference
  for name in $WEIR_HOSTS; do weir_start "$name"; done
  for name in $WEIR_HOSTS; do weir_wait "$name" 30; done
  step players "$(thousands "$ACCOUNTS") accounts opened and funded" "10 s" players_ready
  reference=$(ledger_reference)
  for connections in $CONNECTIONS; do bets "$connections" "$reference" "pgbench: the same ledger rows, one a transaction"; done
  audit_exact
}
audit_exact() {
  local status=0
  "$WEIR_BUILD/weir-audit" --ledger "$(weir_db audit)" --record "$(weir_db audit)" --table record.bets --kafka "$(kafka_brokers)" \
    --topic "$WEIR_TOPIC" --kafka-user "$KAFKA_USER" --kafka-password-file "$SECRETS/kafka-password" --clickhouse "$(clickhouse_url)" \
    --wait 30 >"$OUT/audit.log" 2>&1 || status=$?
  row "audit of $(accepted) bets" "$([ $status = 0 ] && echo exact || echo "NOT EXACT")" "" exact "" "" "$([ $status = 0 ] || tail -n 1 "$OUT/audit.log")"
}
