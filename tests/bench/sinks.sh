# kafka-to-postgres, kafka-to-clickhouse: from the start of the host to the last row of a part of the topic that it finds; in
# turns with a reference that is given the rows of the part before.
kafka_to_postgres_about() { echo "$((PAIRS * 14 + 20)) s"; }
kafka_to_clickhouse_about() { echo "$((PAIRS * 22 + 30)) s"; }

# topic_fill N EPOCH: N events more, whose identities that epoch tells from all others.
topic_fill() { "$WEIR_BUILD/tests/bench/bench-fill" "$(kafka_plain)" "$WEIR_TOPIC" "$1" "$2" || die "bench: bench-fill failed"; }

# sink_measure NAME STAGE ENGINE N: SINK_MS from the host's start to the last of N rows, with CPU marks of that stretch.
sink_measure() {
  local name=$1 stage=$2 engine=$3 want=$4 began end=$((SECONDS + 300)) n=0
  began=$(now_ms)
  weir_start "$name"
  cpu_begin "$name" "$engine" kafka
  while n=$(settled "$name" "$stage" || echo 0); [ "$n" -lt "$want" ]; do
    alive "$name" || die "bench: $name ended: $(tail -n 1 "$LOGS/$name.log")"
    [ $SECONDS -lt $end ] || die "bench: $name has stored $n of $want events after 300 s; http://127.0.0.1:$(weir_admin_port "$name")/status"
    sleep 0.05
  done
  SINK_MS=$(($(now_ms) - began))
  cpu_end
  keep "$name.host" "$(cpu_of "$name" "$want")"
  keep "$name.engine" "$(cpu_of "$engine" "$want")"
  keep "$name.peak" "$(peak_mb "$name")"
  weir_stop "$name"
}
sink_note() { echo "$(kept "$1.host") ms CPU per 1,000 (+ $(kept "$1.engine") in the engine; reference $(kept "$1.reference")), peak $(kept "$1.peak") MB"; } # HOST

# pg_reference EPOCH: those rows, from a file: what PostgreSQL takes from one connection when nothing has to be read.
pg_reference() {
  local began
  pg weir -c "\\copy (select * from record.bets where epoch = $1) to '$OUT/rows.copy'" -c checkpoint
  cpu_begin postgres
  began=$(now_ms)
  pg weir >/dev/null -c 'create temp table staging (like record.bets)' -c "\\copy staging from '$OUT/rows.copy'" \
    -c 'insert into record.reference select * from staging order by epoch, shard, seq on conflict do nothing'
  REFERENCE_MS=$(($(now_ms) - began))
  sleep 0.2 # an ended backend's time is its parent's once that has noticed
  cpu_end
  keep recorder.reference "$(cpu_of postgres "$PG_ROWS")"
  rm -f "$OUT/rows.copy"
}
pg_turn() { topic_fill "$PG_ROWS" "$1"; pg weir -c checkpoint; sink_measure recorder pg-sink postgres "$PG_ROWS"; } # EPOCH

kafka_to_postgres() {
  local i rows
  system_fresh
  pg weir -c 'create table record.reference (like record.bets including all)'
  pg_turn 1
  for ((i = 1; i <= PAIRS; i++)); do
    if [ $((i % 2)) = 0 ]; then pg_reference $i; pg_turn $((i + 1)); else pg_turn $((i + 1)); pg_reference $i; fi
    pair postgres "$(per_second "$PG_ROWS" "$SINK_MS")" "$(per_second "$PG_ROWS" "$REFERENCE_MS")"
  done
  rows=$(pg weir -Atc 'select count(*) from record.bets')
  [ "$rows" = $((PG_ROWS * (PAIRS + 1))) ] || die "bench: record.bets has $rows rows instead of $((PG_ROWS * (PAIRS + 1)))"
  pairs_row postgres "Kafka → PostgreSQL" rows/s "≥ 1.0 ×" 'psql \copy to temp + INSERT ON CONFLICT' "$(sink_note recorder)"
}

# ch_reference EPOCH: those rows, as one Native body.
ch_reference() {
  local began
  ch "select * from weir.bets_raw where epoch = $1 format Native" >"$OUT/rows.native"
  cpu_begin clickhouse
  began=$(now_ms)
  curl -sS --fail-with-body -H 'Expect:' "$(clickhouse_url)/?query=insert+into+weir.reference+format+Native" --data-binary "@$OUT/rows.native" >/dev/null
  REFERENCE_MS=$(($(now_ms) - began))
  cpu_end
  keep analytics.reference "$(cpu_of clickhouse "$CH_ROWS")"
  rm -f "$OUT/rows.native"
}
# without the question about conflicts, as the references
ch_turn() { topic_fill "$CH_ROWS" "$1"; CONFLICTS=replace sink_measure analytics ch-sink clickhouse "$CH_ROWS"; } # EPOCH

# ClickHouse's own consumer: Kafka engine and materialized view, of the same topic, by a group of its own. It takes the same
# bytes; it forgets nothing either, but what it wrote and had not committed comes twice.
engine_make() {
  mkdir -p "$CLICKHOUSE_DIR/work"
  { sed -e '/^import/d' -e 's/google\.protobuf\.//' "$WEIR_ROOT/proto/bets/v1/bets.proto"
    echo 'message Timestamp { int64 seconds = 1; int32 nanos = 2; }'; } >"$CLICKHOUSE_DIR/work/bench_bets.proto"
  ch "create table weir.engine as weir.bets_raw"
  ch "create table weir.queue (epoch Int64, shard UInt32, seq Int64, bet_id String, account_id String, stake_minor Int64, currency String,
        selection String, odds_milli Int32, balance_after_minor Int64, \`accepted_at.seconds\` Int64, \`accepted_at.nanos\` Int32)
      engine = Kafka settings kafka_broker_list = '$(kafka_plain)', kafka_topic_list = '$WEIR_TOPIC', kafka_group_name = 'bench-engine',
        kafka_format = 'ProtobufSingle', kafka_schema = 'bench_bets:BetPlaced', kafka_max_block_size = 65536, kafka_flush_interval_ms = 1000"
}
engine_reads() {
  ch "create materialized view weir.queue_to_engine to weir.engine as select epoch, toInt32(shard) as shard, seq, bet_id, account_id,
        stake_minor, currency, selection, odds_milli, balance_after_minor,
        fromUnixTimestamp64Micro(\`accepted_at.seconds\` * 1000000 + intDiv(\`accepted_at.nanos\`, 1000), 'UTC') as accepted_at from weir.queue"
}
# engine_turn ROWS: from the moment it may read until there are so many; then it may not any more.
engine_turn() {
  local began end=$((SECONDS + 120)) n
  cpu_begin clickhouse kafka
  began=$(now_ms)
  engine_reads
  while n=$(ch 'select count() from weir.engine'); [ "$n" -lt "$1" ]; do
    [ $SECONDS -lt $end ] || die "bench: ClickHouse's Kafka engine has $n of $1 rows after 120 s: $(ch 'select exceptions.text[-1] from system.kafka_consumers' | cut -c 1-200)"
    sleep 0.05
  done
  ENGINE_MS=$(($(now_ms) - began))
  cpu_end
  keep engine.engine "$(cpu_of clickhouse "$CH_ROWS")"
  sleep 1 # it commits its offsets
  ch 'drop table weir.queue_to_engine sync'
}

kafka_to_clickhouse() {
  local i rows
  system_fresh
  group_forget bench-engine
  ch 'create table weir.reference as weir.bets_raw'
  ch_turn 1
  engine_make
  engine_turn "$CH_ROWS"
  for ((i = 1; i <= PAIRS; i++)); do
    if [ $((i % 2)) = 0 ]; then ch_reference $i; ch_turn $((i + 1)); else ch_turn $((i + 1)); ch_reference $i; fi
    engine_turn $((CH_ROWS * (i + 1)))
    pair clickhouse "$(per_second "$CH_ROWS" "$SINK_MS")" "$(per_second "$CH_ROWS" "$REFERENCE_MS")"
    pair engine "$(per_second "$CH_ROWS" "$SINK_MS")" "$(per_second "$CH_ROWS" "$ENGINE_MS")"
  done
  rows=$(ch 'select count() from weir.bets')
  [ "$rows" = $((CH_ROWS * (PAIRS + 1))) ] || die "bench: weir.bets has $rows rows instead of $((CH_ROWS * (PAIRS + 1)))"
  pairs_row clickhouse "Kafka → ClickHouse" rows/s "≥ 1,000,000" 'one POST of all rows, Native, by curl' "$(sink_note analytics)"
  pairs_row engine "Kafka → ClickHouse, second reference" rows/s "≥ 4 ×" "ClickHouse's Kafka engine and a view" "the engine: $(kept engine.engine) ms CPU per 1,000"
  ch 'drop table weir.queue sync'
}
