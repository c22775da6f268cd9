# relay: three ways for an event into the topic, in turns, each PAIRS times at the same load:
#   inline       published by the ingress and confirmed, a relay beside it (grace 10s): as it ships
#   unconfirmed  the same without relay and confirmations: what those cost is the difference
#   outbox       not published by the ingress; a relay with grace 0 reads each event from the ledger
# Then a relay that was away: how fast it catches up with AWAY events, and what bets notice of it.
relay_about() { echo "$((PAIRS * 3 * (RELAY_SECONDS + 6) + 60)) s"; }

relay_hosts_start() { # ARRANGEMENT
  case $1 in
    inline) weir_start ingress; weir_start relay; weir_wait relay ;;
    unconfirmed) WEIR_PLUGIN_PATH=$WEIR_BUILD/plugins:$WEIR_BUILD/plugins-test weir_start ingress "$BENCH/unconfirmed.conf" ;;
    outbox) weir_start ingress "$WEIR_ROOT/conf/ingress-outbox.conf"; GRACE=0s weir_start relay; weir_wait relay ;;
  esac
  weir_wait ingress
}
relay_hosts_stop() {
  weir_stop ingress
  weir_stop relay || true
  pg weir -c 'update ledger.shards set published = last_seq where published < last_seq' # of `unconfirmed`: nobody's any more
}
backlog() { pg weir -Atc 'select sum(last_seq - published) from ledger.shards'; }

# age_ms HOST QUANTILE: from accepted_at until the topic had it, by the histogram's bucket; since the host's start.
age_ms() {
  curl -sf "http://127.0.0.1:$(weir_admin_port "$1")/metrics" | awk -v q="$2" '
    /^weir_event_age_seconds_bucket/ && /stage="kafka-producer"/ {match($0, /le="[^"]*"/); le[++n] = substr($0, RSTART + 4, RLENGTH - 5); c[n] = $NF}
    END {for (i = 1; i <= n; i++) if (c[n] > 0 && c[i] >= q * c[n]) {print le[i] == "+Inf" ? "above 10000" : le[i] * 1000; exit}}'
}

# relay_round ARRANGEMENT: one line of figures into $OUT/relay.tsv.
relay_round() {
  local before n name host=ingress names="wallet ingress kafka postgres" end
  [ "$1" = unconfirmed ] || names="$names relay"
  [ "$1" != outbox ] || host=relay
  relay_hosts_start "$1"
  players_run --steps 0:1 # connections and caches
  before=$(accepted)
  # shellcheck disable=SC2086
  cpu_begin $names
  players_run --steps "0:$RELAY_SECONDS"
  n=$(($(accepted) - before)) end=$((SECONDS + 30))
  while [ "$1" != unconfirmed ] && [ "$(backlog)" != 0 ] && [ $SECONDS -lt $end ]; do sleep 0.1; done
  cpu_end
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$(player accepted_s)" "$(player p50)" "$(player p99)" \
    "$(awk -v tick="$WINDOW_TICKS" -v n="$n" '$1 != "machine" {s += $2} END {printf "%.1f", s / tick * 1e6 / n}' "$OUT/cpu")" \
    "$(age_ms $host 0.5)" "$(age_ms $host 0.99)" "$(player errors)" >>"$OUT/relay.tsv"
  for name in $names; do printf '%s %s: %s\n' "$1" "$name" "$(cpu_of "$name" "$n")"; done >>"$OUT/relay.cpu"
  relay_hosts_stop
}

# of ARRANGEMENT COLUMN: the median of the rounds. against ARRANGEMENT COLUMN: of the ratios to `unconfirmed`, round by round.
of() { awk -v a="$1" -v c="$2" '$1 == a {print $c}' "$OUT/relay.tsv" | median; }
against() {
  awk -v a="$1" -v c="$2" '$1 == a {x[++n] = $c} $1 == "unconfirmed" {y[++m] = $c} END {for (i = 1; i <= n; i++) printf "%.3f\n", x[i] / y[i]}' "$OUT/relay.tsv" | median
}
relay_row() { # ARRANGEMENT TARGET
  awk -v a="$1" '$1 == a {x[++n] = $2} $1 == "unconfirmed" {y[++m] = $2} END {for (i = 1; i <= n; i++) printf "%s\t%s\n", x[i], y[i]}' "$OUT/relay.tsv" >"$OUT/pairs.$1"
  pairs_row "$1" "events: $1, 64 connections" bets/s "$2" "no relay, no confirmations" \
    "CPU $(against "$1" 5) of it; all CPU $(of "$1" 5) ms per 1,000, HTTP p50 $(of "$1" 3) p99 $(of "$1" 4) ms, in the topic after p50 $(of "$1" 6) p99 $(of "$1" 7) ms, $(of "$1" 8) errors"
}

# AWAY events that nobody published, an hour old; the relay starts while bets come in.
relay_away() {
  local began ms alone beside
  weir_start ingress; weir_wait ingress
  players_run --steps 0:5 --connections 16
  alone="$(player accepted_s) bets/s, p99 $(player p99) ms"
  pg weir -c "with s as (select shard, last_seq from ledger.shards), m as (select count(*) n from s) insert into ledger.entries
    select 'away-' || g % 1000, 'debit', 'away-' || g, decode(repeat('00', 16), 'hex'), 'accepted', 1, 'EUR', 0, now() - interval '1 hour',
      t.epoch, s.shard, s.last_seq + 1 + g / m.n, decode(repeat('ab', 150), 'hex')
    from generate_series(0, $AWAY - 1) g, m, ledger.meta t, s where s.shard = g % m.n" \
    -c "update ledger.shards s set last_seq = (select max(seq) from ledger.entries e where e.shard = s.shard)"
  began=$(now_ms)
  weir_start relay
  cpu_begin relay postgres kafka
  players_run --steps 0:5 --connections 16
  beside="$(player accepted_s) bets/s, p99 $(player p99) ms"
  while [ "$(pg weir -Atc "select count(*) from ledger.shards s where exists (select from ledger.entries e where e.shard = s.shard and e.seq > s.published and e.account_id like 'away-%')")" != 0 ]; do sleep 0.1; done
  ms=$(($(now_ms) - began))
  cpu_end
  row "a relay that was away, $(thousands "$AWAY") events" "$(per_second "$AWAY" "$ms")" events/s "" "" "" \
    "relay $(cpu_of relay "$AWAY") ms CPU per 1,000, peak $(peak_mb relay) MB; bets alone $alone, beside it $beside"
  relay_hosts_stop
}

relay() {
  local round arrangement order
  system_fresh
  weir_start wallet; weir_wait wallet 30
  weir_start ingress; weir_wait ingress 30
  players_step
  relay_hosts_stop
  for ((round = 0; round < PAIRS; round++)); do
    [ $((round % 2)) = 0 ] && order="inline unconfirmed outbox" || order="unconfirmed inline outbox"
    for arrangement in $order; do relay_round $arrangement; done
  done
  relay_row inline "≥ 0.97 of it"
  relay_row outbox ""
  relay_away
  weir_stop wallet
}
