# curves: the whole system against one thing that grows; $OUT/NAME.tsv has a line a point, plots.gp draws them.
#   load         offered bets a second, to three times of what it can take
#   connections  players who each wait for an answer before the next bet
#   ledger       rows that are in the ledger already
#   size         bytes of a bet; the wallet with room for such events (max_event), else as it ships
#   wallets      1, 2 and 4 wallets on one ledger
curves_about() { echo "$((POINT_SECONDS * 60 + 300)) s"; }

CURVE_HEAD='x\tdue_s\taccepted_s\tp50_ms\tp99_ms\tp999_ms\taccepted_p99_ms\tnot_executed_s\tunknown_s\tother_errors_s\tunsent_s\tcpu_us_a_bet'
# point CURVE X OPTION...: one line of $OUT/CURVE.tsv. POINT_WAIT: what to wait for before the next one.
point() {
  local curve=$1 x=$2 before n; shift 2
  [ -s "$OUT/$curve.tsv" ] || printf "$CURVE_HEAD\n" >"$OUT/$curve.tsv"
  before=$(accepted)
  # shellcheck disable=SC2086
  cpu_begin $WEIR_HOSTS wallet-2 wallet-3 wallet-4 kafka postgres clickhouse
  players_run "$@"
  cpu_end
  n=$(($(accepted) - before))
  awk -v x="$x" -v cpu="$(awk -v tick="$WINDOW_TICKS" -v n="$n" '$1 != "machine" {s += $2} END {printf "%.1f", (n > 0 ? s / tick * 1e6 / n : 0)}' "$OUT/cpu")" '
    { v[$1] = $2 }
    END {
      s = v["ms"] / 1000; no = v["answers_503_not-executed"]; unknown = v["answers_503_unknown"]
      printf "%s\t%.0f\t%d\t%s\t%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%s\n", x, v["due"] / s, v["accepted_s"], v["p50"], v["p99"], v["p999"],
        v["accepted_p99"], no / s, unknown / s, (v["errors"] - no - unknown) / s, v["unsent"] / s, cpu }' "$OUT/players" >>"$OUT/$curve.tsv"
  say "$curve" "$(tail -n 1 "$OUT/$curve.tsv" | awk -F'\t' '{printf "%s: %s of %s bets/s accepted, p50 %s p99 %s ms", $1, $3, $2, $4, $5}')"
  ${POINT_WAIT:-settle_wait 60}
}

# From 1,000 a second, doubled up to what it can take, then beyond.
curve_load() {
  local rate=1000
  saturation
  while [ $rate -lt "$PEAK" ]; do
    point load $rate --steps "$rate:$POINT_SECONDS" --connections 1024
    rate=$((rate * 2))
  done
  for rate in "$PEAK" $((PEAK * 3 / 2)) $((PEAK * 2)) $((PEAK * 3)); do
    point load "$rate" --steps "$rate:$POINT_SECONDS" --connections 4096
  done
}
curve_connections() {
  local n
  for n in 1 4 16 64 256 1024 4096; do point connections $n --steps "0:$POINT_SECONDS" --connections $n; done
}

# Events for the players' own accounts, spread over all of the key: what comes next finds its place anywhere in the index.
ledger_fill() { # ROWS
  local have
  have=$(pg weir -Atc 'select count(*) from ledger.entries')
  [ "$have" -lt "$1" ] || return 0
  pg weir -c "with s as (select shard, last_seq from ledger.shards), m as (select count(*) n from s) insert into ledger.entries
    select 'player-' || g % $ACCOUNTS, 'debit', md5(g::text), decode(repeat('00', 16), 'hex'), 'accepted', 1, 'EUR', 0, now() - interval '1 day',
      t.epoch, s.shard, s.last_seq + 1 + (g - $have) / m.n, decode(repeat('ab', 100), 'hex')
    from generate_series($have, $1 - 1) g, m, ledger.meta t, s where s.shard = g % m.n" \
    -c "update ledger.shards s set last_seq = e.n, published = e.n from (select shard, max(seq) n from ledger.entries where seq is not null group by 1) e where e.shard = s.shard" \
    -c 'analyze ledger.entries' -c checkpoint
}
# The stores know nothing of the rows that were there before: only the front is at work, with nobody to wait for.
curve_ledger() {
  local rows name
  for rows in $LEDGER_ROWS; do
    weir_stop ingress; weir_stop relay; weir_stop wallet
    step ledger "$(thousands "$rows") rows in the ledger" "$((rows / 60000 + 1)) s" ledger_fill "$rows"
    for name in wallet relay ingress; do weir_start $name; weir_wait $name; done
    POINT_WAIT=true point ledger "$rows" --steps "0:$POINT_SECONDS" --connections 64
  done
}

curve_size() {
  local n folder=$WEIR_LOCAL/bench-size
  rm -rf "$folder"
  cp -r "$WEIR_ROOT/conf" "$folder"
  sed -i '/wallet-ledger = {/a max_event = "256KiB"' "$folder/wallet.conf"
  weir_stop ingress; weir_stop wallet
  weir_start wallet "$folder/wallet.conf"; weir_wait wallet; weir_start ingress; weir_wait ingress
  for n in 150 512 2048 8192 16384 32768 65536; do point size $n --steps "0:$POINT_SECONDS" --connections 64 --body-bytes $n; done
}

# wallets_start N: wallets beside the first, and an ingress that knows all.
wallets_start() {
  local i targets=$WEIR_WALLET_PORT
  for ((i = 2; i <= $1; i++)); do
    WEIR_WALLET_PORT=$((WEIR_WALLET_PORT + i - 1)) weir_start "wallet-$i" "$WEIR_ROOT/conf/wallet.conf"
    weir_wait "wallet-$i"
    targets="$targets,127.0.0.1:$((WEIR_WALLET_PORT + i - 1))" # the conf's target is made of the port
  done
  WEIR_WALLET_PORT=$targets weir_start ingress
  weir_wait ingress
}
curve_wallets() {
  local n i
  for n in 1 2 4; do
    weir_stop ingress
    wallets_start $n
    players_run --steps 0:1 --connections 256 # each has its shards
    point wallets $n --steps "0:$POINT_SECONDS" --connections 256
    weir_stop ingress
    for ((i = 2; i <= n; i++)); do weir_stop "wallet-$i"; done
  done
}

curves() {
  local name
  for name in $CURVES; do
    system_started
    "curve_$name"
    hosts_stop
  done
  curves_plot "$OUT"
  say curves "$OUT/*.tsv and *.svg"
}
# curves_plot FOLDER: an SVG beside each TSV.
curves_plot() {
  local name
  for name in load connections ledger size wallets overload; do
    [ ! -s "$1/$name.tsv" ] || gnuplot -e "tsv = '$1/$name.tsv'; svg = '$1/$name.svg'; name = '$name'" "$BENCH/plots.gp" || die "bench: gnuplot failed"
  done
}
