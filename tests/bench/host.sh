# host: what weir itself costs an event, and to start, without any server.
host_about() { echo "5 s"; }
host() {
  local plugins=$WEIR_BUILD/plugins:$WEIR_BUILD/plugins-test
  WEIR_PLUGIN_PATH=$plugins "$WEIR_BUILD/tests/bench/bench-chain" 2000000 "$PAIRS" >>"$OUT/rows.tsv"
  mkdir -p "$WEIR_LOCAL/bench-start"
  BENCH_ADMIN=127.0.0.1:$WEIR_INGRESS_ADMIN_PORT BENCH_FOLDER=$WEIR_LOCAL/bench-start WALLET_LISTEN=unix:$WEIR_LOCAL/bench-start/wallet \
    WEIR_PLUGIN_PATH=$plugins "$WEIR_BUILD/tests/bench/bench-start" "$PAIRS" "$WEIR_INGRESS_ADMIN_PORT" \
    "$WEIR_BUILD/weir" "$BENCH/start.conf" >>"$OUT/rows.tsv"
}
