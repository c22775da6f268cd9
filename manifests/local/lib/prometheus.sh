# Prometheus: scrapes the five weir hosts, and takes k6's results by remote write. Template: prometheus.yml.
PROMETHEUS_DIR=$WEIR_LOCAL/prometheus

prometheus_ports() { echo "$WEIR_PROMETHEUS_PORT WEIR_PROMETHEUS_PORT"; }
prometheus_url() { echo "http://127.0.0.1:$WEIR_PROMETHEUS_PORT"; }
prometheus_install() { has prometheus || die "Prometheus is missing: apt-get install prometheus"; }
prometheus_configure() {
  mkdir -p "$PROMETHEUS_DIR/data"
  sed "s/@PROMETHEUS@/$WEIR_PROMETHEUS_PORT/; s/@INGRESS@/$WEIR_INGRESS_ADMIN_PORT/; s/@WALLET@/$WEIR_WALLET_ADMIN_PORT/
    s/@RELAY@/$WEIR_RELAY_ADMIN_PORT/; s/@RECORDER@/$WEIR_RECORDER_ADMIN_PORT/; s/@ANALYTICS@/$WEIR_ANALYTICS_ADMIN_PORT/" \
    "$LOCAL_DIR/prometheus.yml" >"$PROMETHEUS_DIR/prometheus.yml"
}
prometheus_run() {
  start prometheus env -C "$PROMETHEUS_DIR" prometheus --config.file="$PROMETHEUS_DIR/prometheus.yml" \
    --storage.tsdb.path="$PROMETHEUS_DIR/data" --storage.tsdb.retention.time=7d --web.enable-remote-write-receiver \
    --web.listen-address="127.0.0.1:$WEIR_PROMETHEUS_PORT" --log.level=warn
}
prometheus_ready() { curl -sf "$(prometheus_url)/-/ready"; }
