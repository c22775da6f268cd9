# The weir hosts: one binary, one conf each. The confs take every address from the environment; weir_env gives them this
# machine's. A host NAME of one's own needs WEIR_<NAME>_ADMIN_PORT and a conf.
WEIR_HOSTS="wallet relay recorder analytics ingress" # in the order in which they start; they wait for each other anyway
WEIR_TOPIC=bets.placed
WEIR_DEAD_TOPIC=bets.dead # what recorder and analytics could not store: kept until a person has dealt with it

weir_bin() { echo "$WEIR_BUILD/weir"; }
weir_admin_variable() { local v=WEIR_${1^^}_ADMIN_PORT; echo "${v//-/_}"; }
weir_admin_port() { local v; v=$(weir_admin_variable "$1"); [ -n "${!v:-}" ] || die "no admin port for $1: set $v"; echo "${!v}"; }

# weir_env NAME: exports what the confs ask for.
weir_env() {
  export WEIR_PLUGIN_PATH=${WEIR_PLUGIN_PATH:-$WEIR_BUILD/plugins}
  export ADMIN_LISTEN; ADMIN_LISTEN=127.0.0.1:$(weir_admin_port "$1")
  export HTTP_LISTEN=127.0.0.1:$WEIR_HTTP_PORT WALLET_LISTEN=127.0.0.1:$WEIR_WALLET_PORT WALLET=127.0.0.1:$WEIR_WALLET_PORT
  export KAFKA_BROKERS KAFKA_USER KAFKA_PASSWORD
  KAFKA_BROKERS=$(kafka_brokers) KAFKA_PASSWORD=$(secret kafka-password)
  export CLICKHOUSE WALLET_DB RELAY_DB RECORDER_DB
  CLICKHOUSE=$(clickhouse_url)
  WALLET_DB=$(weir_db wallet) RELAY_DB=$(weir_db relay) RECORDER_DB=$(weir_db recorder)
}

# weir_ports_free NAME: stops with one line when something else has one of its ports.
weir_ports_free() {
  local port
  alive "$1" && return
  port=$(weir_admin_port "$1") || exit 1
  port_free "$1" "$port" "$(weir_admin_variable "$1")"
  case $1 in ingress | all-in-one) port_free "$1" "$WEIR_HTTP_PORT" WEIR_HTTP_PORT ;; esac
  case $1 in wallet | all-in-one) port_free "$1" "$WEIR_WALLET_PORT" WEIR_WALLET_PORT ;; esac
}

# weir_start NAME [CONF...]: without waiting; a host is ready when every stage has been ready once.
weir_start() {
  local name=$1; shift
  alive "$name" && return
  [ -x "$(weir_bin)" ] || die "there is no $(weir_bin): build it (cmake -S . -B build -G Ninja && ninja -C build), or set WEIR_BUILD"
  weir_ports_free "$name"
  [ $# -gt 0 ] || set -- "$WEIR_ROOT/conf/$name.conf"
  (weir_env "$name" && start "$name" "$(weir_bin)" run "$@")
}
weir_ready() { curl -sf "http://127.0.0.1:$(weir_admin_port "$1")/readyz"; }
weir_wait() { wait_until "$1" "${2:-30}" weir_ready "$1"; }
weir_stop() { stop "$@"; }

# weir_db LOGIN: the database, as one of the logins that weir_prepare makes: wallet, relay, recorder, audit.
weir_db() { echo "postgresql://$1@127.0.0.1:$WEIR_POSTGRES_PORT/weir"; }

# weir_prepare: tables, views and the topics that the hosts expect; a login for each host, with the rights of its role and
# no more. Safe to run again.
weir_prepare() {
  bash "$WEIR_ROOT/manifests/sql/apply" --create-databases --ledger "$(postgres_url weir)" --recorder "$(postgres_url weir)" \
    --clickhouse "$(clickhouse_url)"
  local login
  for login in wallet relay recorder audit; do
    pg weir -c "do \$\$ begin create role $login login; exception when duplicate_object then null; end \$\$" \
      -c "grant weir_$login to $login"
  done 2>&1 | { grep -v 'is already a member' || true; }
  kafka_topic "$WEIR_TOPIC" 3
  kafka_topic "$WEIR_DEAD_TOPIC" 1 --config retention.ms=-1 --config max.message.bytes=2097152
}
