# Debian packages: what is missing for a purpose, installed in one go. A tool of the user's own is taken before ours.

has() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# java_at_least MAJOR: true when the user's own is at least that.
java_at_least() { has java && [ "$(java -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p')" -ge "$1" ] 2>/dev/null; }

# What the build needs. npm carries librdkafka's source where the system's is older than 2.6.1 (Debian 12: 2.0.2).
packages_build() {
  echo build-essential cmake ninja-build pkg-config git ca-certificates \
    libconfig-dev libuv1-dev libprotobuf-c-dev protobuf-c-compiler libprotobuf-dev libmicrohttpd-dev \
    libgrpc-dev libssl-dev zlib1g-dev libzstd-dev liblz4-dev libpq-dev libcurl4-openssl-dev \
    libjansson-dev libxxhash-dev libcmocka-dev
  { pkg-config --atleast-version=2.6.1 rdkafka 2>/dev/null || has npm; } || echo npm
}

# packages_NAME: of each engine.
packages_kafka() {
  java_at_least 17 || echo openjdk-17-jre-headless
  [ -n "$(kafka_libs)" ] || has mvn || echo maven openjdk-17-jre-headless
}
packages_postgres() { { [ -n "$(postgres_bin)" ] && has psql; } || echo postgresql-15 postgresql-client-15; }
packages_clickhouse() {
  echo curl
  has clickhouse || clickhouse_have || echo npm build-essential
}
packages_prometheus() {
  local name
  for name in prometheus prometheus-postgres-exporter prometheus-node-exporter; do has $name || echo $name; done
  [ -e "$JMX_JAR" ] || has mvn || echo maven openjdk-17-jre-headless
}
packages_k6() { has k6 || [ -x "$K6_BUILT" ] || has go || echo golang-go ca-certificates; }
packages_weir() { echo curl; }

# packages_missing PACKAGE...: those that are not installed, each once.
packages_missing() {
  local p
  for p in $(printf '%s\n' "$@" | sort -u); do
    case $p in
      npm | maven | build-essential) ! has "$(echo "$p" | sed 's/maven/mvn/; s/build-essential/g++/')" || continue ;;
      curl | cmake | git) ! has "$p" || continue ;;
      ninja-build) ! has ninja || continue ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
  done
}

# packages_install PACKAGE...: what is missing of them, as one step.
packages_install() {
  local missing count
  # shellcheck disable=SC2046
  missing=$(packages_missing "$@" | tr '\n' ' ')
  [ -n "${missing% }" ] || return 0
  has apt-get || die "this machine has no apt-get; install these yourself and run this again: $missing"
  if [ "$(id -u)" != 0 ]; then
    has sudo || die "to install packages this needs root or sudo; or do it yourself: apt-get install --no-install-recommends $missing"
    sudo -v || die "sudo said no; install these yourself and run this again: $missing"
  fi
  place_room /var 2500 "installing Debian packages" "the disk of /var"
  count=$(echo "$missing" | wc -w)
  step debian "$count Debian packages and what they need" "$((15 + count * 2)) s" as_root bash "$LOCAL_DIR/lib/apt-install" $missing
}
