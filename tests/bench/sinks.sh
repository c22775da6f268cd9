# kafka-to-postgres, kafka-to-clickhouse: from the start of the host to the last row of a full topic.
kafka_to_postgres_about() { echo "60 s for $(thousands "$EVENTS") events"; }
kafka_to_clickhouse_about() { echo "25 s"; }

# topic_fill: the topic full of unique events, once for both.
topic_fill() {
  [ ! -e "$OUT/filled" ] || return 0
  system_fresh
  step fill "$(thousands "$EVENTS") events into the topic" "5 s" "$WEIR_BUILD/tests/bench/bench-fill" "$(kafka_plain)" "$WEIR_TOPIC" "$EVENTS"
  touch "$OUT/filled"
}

# settled NAME STAGE: how many events the sink has settled as stored.
settled() {
  curl -sf "http://127.0.0.1:$(weir_admin_port "$1")/metrics" |
    awk -v stage="stage=\"$2\"" '/^weir_settled_total/ && index($0, stage) && /status="ok"/ {n += $NF} END {printf "%d", n}'
}

# sink_measure NAME STAGE ENGINE: SINK_MS from the host's start to the last row, with CPU marks of that stretch.
sink_measure() {
  local name=$1 stage=$2 engine=$3 began end=$((SECONDS + 300)) n=0
  began=$(now_ms)
  weir_start "$name"
  cpu_begin "$name" "$engine" kafka
  profile_begin "$name"
  while n=$(settled "$name" "$stage" || echo 0); [ "$n" -lt "$EVENTS" ]; do
    alive "$name" || die "bench: $name ended: $(tail -n 1 "$LOGS/$name.log")"
    [ $SECONDS -lt $end ] || die "bench: $name has stored $n of $EVENTS events after 300 s; http://127.0.0.1:$(weir_admin_port "$name")/status"
    sleep 0.1
  done
  SINK_MS=$(($(now_ms) - began))
  cpu_end
  profile_end "$name"
}
sink_note() { # NAME ENGINE
  echo "$(cpu_of "$1" "$EVENTS") ms CPU per 1,000 (+ $(cpu_of "$2" "$EVENTS") in the engine), peak $(peak_mb "$1") MB, others used $(cpu_others) cores"
}

kafka_to_postgres() {
  local rows ms note
  topic_fill
  sink_measure recorder pg-sink postgres
  note=$(sink_note recorder postgres)
  weir_stop recorder
  rows=$(pg weir -Atc 'select count(*) from record.bets')
  [ "$rows" = "$EVENTS" ] || die "bench: record.bets has $rows rows instead of $EVENTS"
  ms=$(postgres_reference)
  note="$note; reference: $(cpu_of postgres "$EVENTS") in the engine"
  row "Kafka → PostgreSQL" "$(per_second "$EVENTS" "$SINK_MS")" rows/s "≥ 50,000" "$(per_second "$EVENTS" "$ms")" 'psql \copy to temp + INSERT ON CONFLICT' "$note"
}
# The same rows, from a file: what PostgreSQL takes from one connection when nothing has to be read from anywhere.
postgres_reference() {
  local began
  pg weir -c "\\copy record.bets to '$OUT/rows.copy'" -c 'truncate record.bets' -c checkpoint
  cpu_begin postgres
  began=$(now_ms)
  pg weir >/dev/null -c 'create temp table staging (like record.bets)' -c "\\copy staging from '$OUT/rows.copy'" \
    -c 'insert into record.bets select * from staging order by epoch, shard, seq on conflict do nothing'
  echo $(($(now_ms) - began))
  sleep 0.2 # an ended backend's time is its parent's once that has noticed
  cpu_end
  rm -f "$OUT/rows.copy"
}

kafka_to_clickhouse() {
  local rows ms note
  topic_fill
  CONFLICTS=replace sink_measure analytics ch-sink clickhouse # without the question about conflicts, as the reference
  note=$(sink_note analytics clickhouse)
  weir_stop analytics
  rows=$(ch 'select count() from weir.bets')
  [ "$rows" = "$EVENTS" ] || die "bench: weir.bets has $rows rows instead of $EVENTS"
  ms=$(clickhouse_reference)
  note="$note; reference: $(cpu_of clickhouse "$EVENTS") in the engine"
  row "Kafka → ClickHouse" "$(per_second "$EVENTS" "$SINK_MS")" rows/s "≥ 300,000" "$(per_second "$EVENTS" "$ms")" 'one POST of all rows, Native, by curl' "$note"
}
clickhouse_reference() {
  local began
  ch 'select * from weir.bets format Native' >"$OUT/rows.native"
  ch 'create table weir.reference as weir.bets_raw' >/dev/null
  cpu_begin clickhouse
  began=$(now_ms)
  curl -sS --fail-with-body -H 'Expect:' "$(clickhouse_url)/?query=insert+into+weir.reference+format+Native" --data-binary "@$OUT/rows.native" >/dev/null
  echo $(($(now_ms) - began))
  cpu_end
  ch 'drop table weir.reference sync' >/dev/null
  rm -f "$OUT/rows.native"
}
