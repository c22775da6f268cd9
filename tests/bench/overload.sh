# overload: three times as many bets as the system can take, for a minute: what becomes of them, and how long it is felt.
overload_about() { echo "$((OVERLOAD_SECONDS + 110)) s"; }

rss_all() { local name; for name in $WEIR_HOSTS; do printf '%s %.0f MB ' "$name" "$(rss_mb "$name")"; done; }
late_replies() { curl -sf "http://127.0.0.1:$WEIR_INGRESS_ADMIN_PORT/metrics" | awk '/^weir_wallet_client_late_replies_total/ {n += $NF} END {printf "%d", n}'; }
# recovered FROM: seconds after the overload, which ends with second FROM, until three in a row are as the first step was: a p99
# below twice its p99, at most twice its share of errors (1 % at least).
recovered() {
  awk -F'\t' -v from="$1" -v p99="$(player accepted_p99 1)" -v errors="$(player errors 1)" -v due="$(player due 1)" '
    BEGIN { share = 2 * errors / due; if (share < 0.01) share = 0.01 }
    NR > 1 && $1 >= from && !done { good = ($4 + $5 <= share * $2 && $7 > 0 && $7 < 2 * p99) ? good + 1 : 0; if (good == 3) { done = 1; print $1 - 2 - from } }
    END { if (!done) print "never" }' "$OUT/overload.tsv"
}

# saturation: PEAK, accepted bets a second in a closed loop.
saturation() {
  players_run --steps 0:3 --connections 256 # caches
  players_run --steps "0:$SECONDS_EACH" --connections 512
  PEAK=$(player accepted_s)
  settle_wait
}

overload() {
  local before after name late
  system_started
  saturation
  before=$(rss_all) late=$(late_replies)
  players_run --steps "$((PEAK / 2)):10,$((PEAK * 3)):$OVERLOAD_SECONDS,$((PEAK / 2)):30" --connections "$OVERLOAD_CONNECTIONS" --series "$OUT/overload.tsv"
  after=$(for name in $WEIR_HOSTS; do printf '%s %s MB ' "$name" "$(peak_mb "$name")"; done)
  late=$(($(late_replies) - late))
  settle_wait
  row "overload: $(thousands $((PEAK * 3))) bets/s for $OVERLOAD_SECONDS s" "$(player accepted_s 2)" "accepted/s" "≥ 0.8 ×" "$PEAK" "the same system, 512 connections, closed loop" \
    "of $(thousands "$(player due 2)") due: accepted $(thousands "$(player accepted 2)"), refused: $(refusals 2), of which $(thousands "$late") were debited when their player had been told unknown; found no free connection of $OVERLOAD_CONNECTIONS in 5 s: $(thousands "$(player unsent 2)")"
  row "overload: p99 of what is accepted" "$(player accepted_p99 2)" ms "< 100" "$(player accepted_p99 1)" "at half of saturation" \
    "p50 $(player accepted_p50 2) ms from due; p50 $(player served_p50 2), p99 $(player served_p99 2) ms from sent"
  row "overload: 503 without Retry-After" "$(player no_retry_after)" answers 0 "" "" ""
  row "overload: back to normal after" "$(recovered $((10 + OVERLOAD_SECONDS)))" s "" "" "" "at half of saturation; all is in both stores $(awk -v ms="$SETTLE_MS" 'BEGIN {printf "%.1f", ms / 1000}') s after the last bet"
  row "overload: memory" "" "" "" "" "" "before: $before; peak: $after"
  audit_exact overload
  hosts_stop
}
