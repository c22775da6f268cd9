# naive: the whole system with batches of one, as a program does it that handles each bet as it comes: one debit a
# transaction, one event a request to Kafka, one row an INSERT. In turns with the system as it ships.
naive_about() { echo "$((PAIRS * (NAIVE_SECONDS * 2 + 25) + 30)) s"; }

# naive_conf FOLDER: conf/ with these batches; everything else as it is.
naive_conf() {
  rm -rf "$1"
  cp -r "$WEIR_ROOT/conf" "$1"
  sed -i '/wallet-ledger = {/a max_batch = 1' "$1/wallet.conf"
  sed -i 's/linger  = "[0-9]*ms".*/linger = "0s"  rdkafka = [ "batch.num.messages=1" ]/' "$1/ingress.conf"
  sed -i -e 's/linger   = "50ms".*/max_rows = 1/' -e '/fetch.min.bytes/d' "$1/recorder.conf"
  sed -i -e 's/linger   = "1s".*/linger = "0s"  max_rows = 1/' -e '/fetch.min.bytes/d' "$1/analytics.conf"
  [ "$(cat "$1"/*.conf | grep -c 'max_batch = 1$\|num.messages=1\|max_rows = 1$')" = 4 ] || die "bench: conf/ has changed: naive.sh does not find what it replaces"
}
# naive_turn KEY FOLDER: bets, and how many of them are where they belong as long again after the last one.
naive_turn() {
  local before recorded analysed n
  before=$(accepted) recorded=$(pg weir -Atc 'select count(*) from record.bets') analysed=$(ch 'select count() from weir.bets')
  hosts_start "$2"
  # shellcheck disable=SC2086
  cpu_begin $WEIR_HOSTS kafka postgres clickhouse
  players_run --steps "0:$NAIVE_SECONDS" --connections 64
  cpu_end
  n=$(($(accepted) - before))
  sleep "$NAIVE_SECONDS"
  keep "$1.rate" "$(player accepted_s)"
  keep "$1.p99" "$(player p99)"
  keep "$1.errors" "$(player errors)"
  keep "$1.cpu" "$(awk -v tick="$WINDOW_TICKS" -v n="$n" '$1 != "machine" {s += $2} END {printf "%.1f", s / tick * 1e6 / n}' "$OUT/cpu")"
  keep "$1.recorded" "$(awk -v a="$(($(pg weir -Atc 'select count(*) from record.bets') - recorded))" -v b="$n" 'BEGIN {printf "%.0f", 100 * a / b}')"
  keep "$1.analysed" "$(awk -v a="$(($(ch 'select count() from weir.bets') - analysed))" -v b="$n" 'BEGIN {printf "%.0f", 100 * a / b}')"
}
# What the one turn has left behind is not for the other to write: the workers are killed, their groups begin at the end.
naive_forget() {
  local name
  weir_stop recorder KILL; weir_stop analytics KILL
  hosts_stop
  for name in recorder analytics; do
    kafka_tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$(kafka_plain)" --group "$name" \
      --topic "$WEIR_TOPIC" --reset-offsets --to-latest --execute >"$OUT/offsets.log" 2>&1 || die "bench: the offsets of $name: $(tail -n 1 "$OUT/offsets.log")"
  done
}

naive() {
  local i folder=$WEIR_LOCAL/bench-naive
  naive_conf "$folder"
  system_started
  hosts_stop
  for ((i = 0; i < PAIRS; i++)); do
    naive_turn whole "$WEIR_ROOT/conf"; hosts_stop
    naive_turn single "$folder"; naive_forget
    pair naive "$(tail -n 1 "$OUT/kept.whole.rate")" "$(tail -n 1 "$OUT/kept.single.rate")"
    pair naive-cpu "$(tail -n 1 "$OUT/kept.whole.cpu")" "$(tail -n 1 "$OUT/kept.single.cpu")"
  done
  pairs_row naive "system as it ships, 64 connections" bets/s "" "the same with batches of one" \
    "p99 $(kept whole.p99) ms, reference $(kept single.p99); errors $(kept whole.errors), $(kept single.errors); ${NAIVE_SECONDS} s later $(kept whole.recorded) % are in PostgreSQL and $(kept whole.analysed) % in ClickHouse, reference $(kept single.recorded) and $(kept single.analysed) %"
  pairs_row naive-cpu "system as it ships, CPU of all" "µs a bet" "" "the same with batches of one" "while bets come in"
}
