# The servers and weir hosts of this machine, as shell functions: sourced by setup, up, down, status, demo and by tests.
#
#   engine_start kafka            start one of: kafka postgres clickhouse prometheus; returns when it is ready
#   engine_stop kafka KILL        stop it (its own polite signal without a second word)
#   engine_wait kafka 60          wait until it is ready; fails when it ended or the seconds are over
#   weir_start relay [CONF...]    start a weir host (conf/relay.conf unless said otherwise), without waiting
#   weir_wait relay               until its /readyz says yes
#   weir_stop relay [SIGNAL]      and wait for its end
#   alive NAME, pid_of NAME, memory_mb NAME
#
# Everything that runs and its data live under $WEIR_LOCAL, what is downloaded under $WEIR_CACHE, ports in ./ports:
# another WEIR_LOCAL with other ports is another, separate system.
LOCAL_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
WEIR_ROOT=$(cd "$LOCAL_DIR/../.." && pwd)
: "${WEIR_LOCAL:=/var/tmp/weir-local}"
: "${WEIR_CACHE:=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/weir}"
: "${WEIR_BUILD:=$WEIR_ROOT/build}"
export WEIR_LOCAL WEIR_CACHE WEIR_BUILD
LOGS=$WEIR_LOCAL/logs
RUN=$WEIR_LOCAL/run
SECRETS=$WEIR_LOCAL/secrets

. "$LOCAL_DIR/ports"
for part in say place process packages go engine kafka postgres clickhouse prometheus k6 weir; do
  . "$LOCAL_DIR/lib/$part.sh"
done
unset part
