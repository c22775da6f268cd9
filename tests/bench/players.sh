# Players, by bench-players, and what became of their bets.
HTTP() { echo "127.0.0.1:$WEIR_HTTP_PORT"; }

# players_run OPTION...: what it counted as "NAME VALUE" lines in $OUT/players, those of each step in $OUT/players.stepN.
players_run() {
  local n
  rm -f "$OUT"/players "$OUT"/players.step*
  "$WEIR_BUILD/tests/bench/bench-players" --to "$(HTTP)" --accounts "$ACCOUNTS" "$@" >"$OUT/players.log" 2>&1 9>&- ||
    die "bench: the players failed: $(tail -n 1 "$OUT/players.log")"
  sed -n 's/^bench //p' "$OUT/players.log" >"$OUT/players"
  for n in $(sed -nE 's/^step([0-9]+) due .*/\1/p' "$OUT/players.log"); do sed -n "s/^step$n //p" "$OUT/players.log" >"$OUT/players.step$n"; done
}
# player NAME [STEP]: 0 when it was not counted.
player() { awk -v name="$1" '$1 == name {v = $2} END {print v + 0}' "$OUT/players${2:+.step$2}"; }
# refusals [STEP]: every kind of answer that is no 2xx, with how many.
refusals() { awk '$1 ~ /^answers_/ && $1 !~ /^answers_2/ && $2 > 0 {sub(/^answers_/, "", $1); printf "%s%s %d", sep, $1, $2; sep = ", "} END {if (!sep) printf "none"}' "$OUT/players${1:+.step$1}"; }

# players_ready: every account opened and with money, by the API.
players_ready() {
  players_run --phase open
  players_run --phase fund
}
players_step() { step players "$(thousands "$ACCOUNTS") accounts opened and funded" "5 s" players_ready; }

accepted() { pg weir -Atc 'select sum(last_seq) from ledger.shards'; }

# settled NAME STAGE: how many events the sink has settled as stored.
settled() {
  curl -sf "http://127.0.0.1:$(weir_admin_port "$1")/metrics" |
    awk -v stage="stage=\"$2\"" '/^weir_settled_total/ && index($0, stage) && /status="ok"/ {n += $NF} END {printf "%d", n}'
}

# settle_wait [SECONDS]: until every accepted bet is confirmed and in both stores; SETTLE_MS is how long that took.
settle_wait() {
  local began end=$((SECONDS + ${1:-180})) ledger recorded=0 analysed=0
  began=$(now_ms)
  ledger=$(accepted)
  while [ "$recorded $analysed" != "$ledger $ledger" ]; do
    [ $SECONDS -lt $end ] || { say system "not settled: ledger $ledger, PostgreSQL $recorded, ClickHouse $analysed"; break; }
    recorded=$(settled recorder pg-sink) analysed=$(settled analytics ch-sink)
    [ "$recorded" -lt "$ledger" ] || recorded=$(pg weir -Atc 'select count(*) from record.bets')
    [ "$analysed" -lt "$ledger" ] || analysed=$(ch 'select count() from weir.bets')
    sleep 0.2
  done
  SETTLE_MS=$(($(now_ms) - began))
}

# hosts_start [CONF-FOLDER], hosts_stop: all five.
hosts_start() {
  local name
  for name in $WEIR_HOSTS; do weir_start "$name" "${1:-$WEIR_ROOT/conf}/$name.conf"; done
  for name in $WEIR_HOSTS; do weir_wait "$name" 30; done
}
hosts_stop() { local name; for name in ingress wallet relay recorder analytics; do weir_stop "$name" || true; done; }
# system_started: fresh stores, all hosts, players with money.
system_started() {
  system_fresh
  hosts_start
  players_step
}

audit_exact() { # what the row is called
  local status=0
  "$WEIR_BUILD/weir-audit" --ledger "$(weir_db audit)" --record "$(weir_db audit)" --table record.bets --kafka "$(kafka_brokers)" \
    --topic "$WEIR_TOPIC" --kafka-user "$KAFKA_USER" --kafka-password-file "$SECRETS/kafka-password" --clickhouse "$(clickhouse_url)" \
    --wait 30 >"$OUT/audit.log" 2>&1 || status=$?
  row "$1: audit of $(accepted) bets" "$([ $status = 0 ] && echo exact || echo "NOT EXACT")" "" exact "" "" "$([ $status = 0 ] || tail -n 1 "$OUT/audit.log")"
}
