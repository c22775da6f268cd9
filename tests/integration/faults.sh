# The test of the guarantees, sourced by test_faults and test_faults_outbox: players bet at 700/s while every server is
# killed and away for 10 s, and every host is stopped and killed, in turn. Then nothing may be lost or doubled.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

away() { # NAME SECONDS: kill -9, absent, back
  note "$1: kill -9, away for $2 s"
  engine_stop "$1" KILL || true
  sleep "$2" # the length of the outage is what is tested
  engine_start "$1"
}
restart() { # NAME SIGNAL
  note "$1: $2 and start again"
  weir_stop "$1" "$2" || fail "$1 did not end by $2 in time"
  host_start "$1"
  weir_wait "$1" 30
}

# Bets must be accepted again within 30 s of a fault: the count of the ledger moves on.
moves_on() {
  local before now end=$((SECONDS + 30))
  before=$(pg weir -Atc 'select sum(last_seq) from ledger.shards')
  while now=$(pg weir -Atc 'select sum(last_seq) from ledger.shards'); [ "$now" -lt $((before + 300)) ]; do
    [ $SECONDS -lt $end ] || fail "no bets accepted for 30 s after: $1"
    sleep 0.2
  done
}

players_start() { # RATE [OPTION...]
  rm -f "$WORK/stop" "$WORK/players.json"
  python3 tests/integration/players.py run --url "http://127.0.0.1:$WEIR_HTTP_PORT" --rate "$@" --until "$WORK/stop" --out "$WORK/players.json" >"$WORK/players.log" 2>&1 &
  players=$!
  trap 'kill $players 2>/dev/null || true; system_stop' EXIT
}
# players_finish BETS: goes on until so many are in the ledger; then every answer is compared with the stores.
players_finish() {
  while [ "$(pg weir -Atc 'select sum(last_seq) from ledger.shards')" -lt "$1" ]; do
    kill -0 $players 2>/dev/null || fail "the players ended early: $(tail -5 "$WORK/players.log")"
    sleep 0.5
  done
  touch "$WORK/stop"
  note "the players finish"
  wait $players || fail "players: $(cat "$WORK/players.log")"
  cat "$WORK/players.log"
  note "audit"
  audit --wait 60 --json "$WORK/audit.json" || fail "the audit is not exact"
  python3 tests/integration/players.py verify --out "$WORK/players.json" --pg "$(postgres_url weir)" --ch "$(clickhouse_url)" --at-least "$1"
}

faults_run() {
  local name signal
  system_fresh
  system_start "$@"
  players_start 700
  for name in postgres kafka clickhouse; do away "$name" 10; moves_on "$name away"; done
  for signal in TERM KILL; do
    for name in ingress wallet relay recorder analytics; do restart "$name" $signal; moves_on "$name $signal"; done
  done
  players_finish 20000
  for name in $WEIR_HOSTS; do weir_stop "$name" || fail "$name did not drain"; done
}
