# The demo's page, from k6's results, the hosts' metrics and the audit: files in $OUT.

# report_snapshot WHEN: the metrics of both recorders, as ages are counted from there to there.
report_snapshot() {
  local host
  for host in recorder analytics; do curl -sf "http://127.0.0.1:$(weir_admin_port $host)/metrics" >"$OUT/$host.$1" || true; done
}
# report_reached: what Prometheus reaches now.
report_reached() { curl -sf "$(prometheus_url)/api/v1/targets?state=active" >"$OUT/targets.json" || true; }

# quantiles HOST: p50 p95 p99 in ms of the age of its events, of those between the snapshots; - when there were none.
quantiles() {
  awk -v names="50 95 99" '
    /^weir_event_age_seconds_bucket/ {
      split($0, part, "le=\""); le = part[2]; sub(/".*/, "", le)
      n = $NF; if (FILENAME ~ /before$/) n = -n
      le = (le == "+Inf") ? 1e18 : le + 0
      if (!(le in count)) edge[++edges] = le
      count[le] += n
    }
    END {
      for (i = 2; i <= edges; i++) for (j = i; j > 1 && edge[j] < edge[j - 1]; j--) { t = edge[j]; edge[j] = edge[j - 1]; edge[j - 1] = t }
      total = count[edge[edges]]; split(names, want, " ")
      for (q = 1; q <= 3; q++) {
        if (total == 0) { printf "- "; continue }
        need = total * want[q] / 100; low = 0; below = 0
        for (i = 1; i <= edges && count[edge[i]] < need; i++) { low = edge[i]; below = count[edge[i]] }
        if (edge[i] >= 1e18) printf ">%.0f ", low * 1000
        else printf "%.1f ", (low + (edge[i] - low) * (need - below) / (count[edge[i]] - below)) * 1000
      }
    }' "$OUT/$1.before" "$OUT/$1.after" 2>/dev/null || echo "- - -"
}

k6_value() { jq -r "$1" "$OUT/k6.json"; }
audit_value() { jq -r "($1) // \"-\"" "$OUT/audit.json"; }
thousands() { sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1"; }

line() { printf '  %-26s %9s  %s\n' "$1" "$(thousands "$2")" "${3:-}"; }
times() { awk -v what="$1" -v a="$2" -v b="$3" -v c="$4" 'function f(x) { return x ~ /^[0-9]/ ? sprintf("%.1f", x) : x }
  BEGIN { printf "  %-26s %9s %9s %9s\n", what, f(a), f(b), f(c) }'; }

report() {
  echo
  echo "weir: $(k6_value '.seconds | floor') s of bets on $(nproc) cores"
  echo
  line "bets accepted" "$(k6_value .accepted)" "$(k6_value '.bets_per_s | floor')/s"
  line "bets refused" "$(k6_value .refused)" "stake above the balance: 402"
  line "sent again" "$(k6_value .replayed)" "same bet_id: the first answer again, nothing debited"
  [ "$(k6_value '.not_now + .unanswered + .dropped')" = 0 ] ||
    echo "  503 or no answer $(k6_value .not_now), never answered $(k6_value .unanswered), not placed $(k6_value .dropped)"
  echo
  times milliseconds p50 p95 p99
  # shellcheck disable=SC2046
  {
    times "HTTP answer to a bet" $(k6_value '.bet_answer_ms | .p50, .p95, .p99')
    times "wallet call within it" $(k6_value '.wallet_call_ms | .p50, .p95, .p99 | . // "-"')
    times "a bet's age in PostgreSQL" $(quantiles recorder)
    times "a bet's age in ClickHouse" $(quantiles analytics)
  }
  echo
  k6_value '.limits[] | "  \(if .met then "met   " else "MISSED" end)  \(.what): \(.limit) \(.unit)"'
  k6_value '.failed_checks[] | "  FAILED  \(.name): \(.fails) of \(.fails + .passes)"'
  echo
  report_audit
  echo
  report_targets
}

targets() { jq -r ".data.activeTargets | $1" "$OUT/targets.json" 2>/dev/null || true; }
# One line, and one for each that Prometheus cannot reach, with the reason.
report_targets() {
  [ -n "$(targets length)" ] || { echo "  Prometheus does not answer"; return; }
  line "Prometheus targets up" "$(targets 'map(select(.health == "up")) | length')" "of $(targets length)"
  targets '.[] | select(.health != "up") | "  DOWN  \(.scrapeUrl): \(.lastError)"'
}

# Totals since the first demo: the audit is of everything that is there.
report_audit() {
  line "accepted in the ledger" "$(audit_value .accepted)" "of all runs so far"
  line "events in the topic" "$(audit_value '.topic_records - .topic_repeats')" "and $(audit_value .topic_repeats) repeats of them"
  line "rows in PostgreSQL" "$(audit_value .record_rows)"
  line "rows in ClickHouse" "$(audit_value .analysis_rows)"
  echo
  line "lost" "$(audit_value .lost)"
  line "doubled" "$(audit_value .doubled)"
  line "money out of balance" "$(audit_value .money)"
  [ "$(cat "$OUT/audit.status")" = 0 ] || { echo; echo "  NOT EXACT; the audit names the ids: $LOGS/audit.log"; }
}

report_again() {
  local at=http://localhost:$WEIR_HTTP_PORT/v1 json="-H 'Content-Type: application/json'"
  cat <<-P

	All is stopped again; data and logs are in $WEIR_LOCAL. Start it with
	    bash manifests/local/up          (manifests/local/status, manifests/local/down)
	and try
	    curl $at/accounts $json -d '{"account_id":"ann","currency":"EUR"}'
	    curl $at/accounts/ann/deposits $json -H 'Idempotency-Key: d1' -d '{"amount_minor":5000,"currency":"EUR"}'
	    curl $at/bets $json -d '{"bet_id":"b1","account_id":"ann","stake_minor":250,"currency":"EUR","selection":"AJA-PSV:home","odds_milli":1850}'
	P
}
