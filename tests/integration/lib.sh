# What the integration tests share: a fresh system (own databases, topic offsets and hosts), the audit, waiting.
# Sourced; the servers run already (tests/run starts them), ports and folders come from its environment.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. manifests/local/lib.sh
: "${TEST_NAME:=$(basename "$0")}"
WORK=$WEIR_LOCAL/tests/$TEST_NAME
mkdir -p "$WORK"

fail() { echo "FAILED: $*" >&2; exit 1; }
note() { printf '%(%H:%M:%S)T  %s\n' -1 "$*"; }

# system_fresh: empty stores, empty topics, every engine up.
system_fresh() {
  local name
  system_stop
  for name in kafka postgres clickhouse; do engine_start "$name"; done
  pg postgres -c 'drop database if exists weir with (force)'
  ch 'drop database if exists weir' >/dev/null
  kafka_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$(kafka_plain)" --delete --if-exists --topic "$WEIR_TOPIC|$WEIR_DEAD_TOPIC" || true
  for name in recorder analytics; do
    kafka_tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$(kafka_plain)" --delete --group "$name" >/dev/null 2>&1 || true
  done
  weir_prepare >"$WORK/prepare.log" 2>&1 || fail "tables and topic: $(tail -3 "$WORK/prepare.log")"
}
# system_start [HOST=CONF...]: all five hosts; ingress=conf/x.conf replaces one conf.
declare -A HOST_CONF=()
host_start() { weir_start "$1" ${HOST_CONF[$1]:-}; }
system_start() {
  local name pair
  for pair in "$@"; do HOST_CONF[${pair%%=*}]=${pair#*=}; done
  for name in $WEIR_HOSTS; do host_start "$name"; done
  for name in $WEIR_HOSTS; do weir_wait "$name" 30; done
}
system_stop() { local name; for name in ingress wallet relay recorder analytics; do weir_stop "$name" || true; done; }
trap system_stop EXIT

# audit [ARGS...]: waits until everything has arrived; its report goes to stdout.
audit() {
  "$WEIR_BUILD/weir-audit" --ledger "$(postgres_url weir)" --kafka "$(kafka_brokers)" --topic "$WEIR_TOPIC" --kafka-user "$KAFKA_USER" \
    --kafka-password-file "$SECRETS/kafka-password" --clickhouse "$(clickhouse_url)" "$@"
}
