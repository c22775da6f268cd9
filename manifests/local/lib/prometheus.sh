# Prometheus, with the cluster's own configuration and rules (manifests/monitoring): only where its targets are found
# differs. Kafka's figures come from an agent inside it, PostgreSQL's and the disks' from Debian's exporters.
PROMETHEUS_DIR=$WEIR_LOCAL/prometheus
MONITORING=$WEIR_ROOT/manifests/monitoring
JMX_VERSION=1.0.1
JMX_JAR=$WEIR_CACHE/jmx_prometheus_javaagent-$JMX_VERSION.jar

prometheus_ports() {
  echo "$WEIR_PROMETHEUS_PORT WEIR_PROMETHEUS_PORT"
  echo "$WEIR_POSTGRES_METRICS_PORT WEIR_POSTGRES_METRICS_PORT"
  echo "$WEIR_MACHINE_METRICS_PORT WEIR_MACHINE_METRICS_PORT"
}
prometheus_url() { echo "http://127.0.0.1:$WEIR_PROMETHEUS_PORT"; }
prometheus_install() {
  local name
  for name in prometheus prometheus-postgres-exporter prometheus-node-exporter; do
    has $name || die "Prometheus: there is no $name: apt-get install $name"
  done
  [ -e "$JMX_JAR" ] || step kafka "Kafka's agent for Prometheus from Maven Central, 3 MB" "10 s" prometheus_fetch
}
prometheus_fetch() {
  local work=$JMX_JAR.new.$$
  mvn -q -B dependency:copy "-Dartifact=io.prometheus.jmx:jmx_prometheus_javaagent:$JMX_VERSION" "-DoutputDirectory=$work"
  mv "$work/${JMX_JAR##*/}" "$JMX_JAR"
  rmdir "$work"
}

prometheus_configure() {
  mkdir -p "$PROMETHEUS_DIR/data"
  rm -rf "$PROMETHEUS_DIR/rules"
  cp -r "$MONITORING/rules" "$PROMETHEUS_DIR/rules"
  prometheus_targets >"$PROMETHEUS_DIR/pods.json"
  echo '[]' >"$PROMETHEUS_DIR/kubelet.json"
  # Of each pair of lines marked `discovery` one is left, naming the file of its job.
  awk '/job_name:/ { job = $3 }
    !/# discovery$/ { print; next }
    /kubernetes_sd_configs:/ { printf "    file_sd_configs: [ { files: [ %s.json ] } ]\n", job }' \
    "$MONITORING/prometheus.yml" | sed '/serviceaccount/d' >"$PROMETHEUS_DIR/prometheus.yml"
}

# prometheus_pod POD NAME COMPONENT PORT: a target as its pod in the cluster would be found.
prometheus_pod() {
  printf '{ "targets": [ "127.0.0.1:%s" ], "labels": { "__meta_kubernetes_pod_ip": "127.0.0.1", "__meta_kubernetes_pod_name": "%s",
    "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "true", "__meta_kubernetes_pod_annotation_prometheus_io_port": "%s",
    "__meta_kubernetes_pod_label_app_kubernetes_io_name": "%s", "__meta_kubernetes_pod_label_app_kubernetes_io_component": "%s" } }' \
    "$4" "$1" "$4" "$2" "$3"
}
prometheus_targets() {
  local host
  echo '['
  for host in $WEIR_HOSTS; do prometheus_pod "$host" weir "$host" "$(weir_admin_port "$host")"; echo ,; done
  prometheus_pod kafka kafka kafka "$WEIR_KAFKA_METRICS_PORT"; echo ,
  prometheus_pod postgres-exporter postgres-exporter monitoring "$WEIR_POSTGRES_METRICS_PORT"; echo ,
  prometheus_pod clickhouse clickhouse clickhouse "$WEIR_CLICKHOUSE_PORT"; echo ,
  prometheus_pod machine node-exporter monitoring "$WEIR_MACHINE_METRICS_PORT"; echo ,
  prometheus_pod prometheus prometheus monitoring "$WEIR_PROMETHEUS_PORT"
  echo ']'
}

# The exporters are children of Prometheus and end with it, however that ends.
prometheus_run() {
  DATA_SOURCE_NAME="$(postgres_url weir)?sslmode=disable" start prometheus env -C "$PROMETHEUS_DIR" bash -c '
    setpriv --pdeathsig TERM prometheus-postgres-exporter --web.listen-address="127.0.0.1:$1" --log.level=error &
    setpriv --pdeathsig TERM prometheus-node-exporter --web.listen-address="127.0.0.1:$2" --log.level=error \
      --collector.disable-defaults --collector.filesystem &
    shift 2
    exec prometheus "$@"' prometheus "$WEIR_POSTGRES_METRICS_PORT" "$WEIR_MACHINE_METRICS_PORT" \
    --config.file=prometheus.yml --storage.tsdb.path=data --storage.tsdb.retention.time=7d --web.enable-remote-write-receiver \
    --web.listen-address="127.0.0.1:$WEIR_PROMETHEUS_PORT" --log.level=warn
}
prometheus_ready() { curl -sf "$(prometheus_url)/-/ready"; }
