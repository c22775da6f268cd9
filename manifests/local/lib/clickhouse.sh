# ClickHouse: the user's own `clickhouse`, else a server made of libchdb, ClickHouse's engine as a library (npm), by
# chserve.c. Loopback only, user default without a password.
CHDB_VERSION=26.7.3-stable.1
CHDB_SHA512=5cff7b98caa7739b59a4a432c11f0dedc2d3b073624e61ebdf4a42e66ce8de35a6ba48ca9f62016bad1cd81fe059435cb858ce3235a8a2b408082a81563e70a7
CHDB_DIR=$WEIR_CACHE/libchdb-$CHDB_VERSION
CLICKHOUSE_DIR=$WEIR_LOCAL/clickhouse

clickhouse_ports() {
  echo "$WEIR_CLICKHOUSE_PORT WEIR_CLICKHOUSE_PORT"
  echo "$WEIR_CLICKHOUSE_TCP_PORT WEIR_CLICKHOUSE_TCP_PORT"
}
clickhouse_url() { echo "http://127.0.0.1:$WEIR_CLICKHOUSE_PORT"; }
clickhouse_have() { [ -e "$CHDB_DIR/libchdb.so" ] && has cc; }

clickhouse_install() {
  has clickhouse && return
  if [ ! -e "$CHDB_DIR/libchdb.so" ]; then
    [ "$(uname -m)" = x86_64 ] || die "libchdb $CHDB_VERSION is there for x86_64 only: install ClickHouse yourself, with clickhouse on PATH"
    place_room "$WEIR_CACHE" 1000 ClickHouse WEIR_CACHE
    step clickhouse "ClickHouse 26.7 as libchdb from npm, 178 MB" "25 s" clickhouse_fetch
  fi
  if [ ! "$CHDB_DIR/chserve" -nt "$LOCAL_DIR/chserve.c" ]; then
    cc -O2 -Wall -Wextra -pthread -o "$CHDB_DIR/chserve.$$" "$LOCAL_DIR/chserve.c" -L"$CHDB_DIR" -lchdb "-Wl,-rpath,$CHDB_DIR" ||
      die "chserve.c does not compile"
    mv "$CHDB_DIR/chserve.$$" "$CHDB_DIR/chserve"
  fi
}
# npm's own cache is left alone: 178 MB more for a file that is unpacked once.
clickhouse_fetch() {
  local work=$CHDB_DIR.new.$$ file=chdb-lib-linux-x64-gnu-$CHDB_VERSION.tgz
  mkdir -p "$work/npm"
  (cd "$work" && npm pack --silent --ignore-scripts --cache "$work/npm" "@chdb/lib-linux-x64-gnu@$CHDB_VERSION")
  echo "$CHDB_SHA512  $work/$file" | sha512sum -c --quiet || die "libchdb: the download has another checksum than expected; not used"
  tar -xzf "$work/$file" -C "$work" package/libchdb.so
  mkdir -p "$CHDB_DIR"
  mv "$work/package/libchdb.so" "$CHDB_DIR/libchdb.so"
  rm -rf "$work"
}

clickhouse_configure() {
  local handlers='<http_handlers><rule><url>/metrics</url><handler><type>prometheus</type></handler></rule><defaults/></http_handlers>'
  mkdir -p "$CLICKHOUSE_DIR/data" "$CLICKHOUSE_DIR/work"
  place_room "$WEIR_LOCAL" 1000 "ClickHouse's data"
  # --logger.level on the command line is not obeyed by libchdb.
  cat >"$CLICKHOUSE_DIR/config.xml" <<-P
	<clickhouse>
	  <logger><level>warning</level></logger>
	  <background_schedule_pool_size>4</background_schedule_pool_size>
	  $handlers
	</clickhouse>
	P
  # A whole server's configuration, for a clickhouse of the user's own.
  cat >"$CLICKHOUSE_DIR/server.xml" <<-P
	<clickhouse>
	  <logger><level>warning</level><console>1</console></logger>
	  <listen_host>127.0.0.1</listen_host>
	  <http_port>$WEIR_CLICKHOUSE_PORT</http_port>
	  <tcp_port>$WEIR_CLICKHOUSE_TCP_PORT</tcp_port>
	  <path>$CLICKHOUSE_DIR/data/</path>
	  $handlers
	  <users>
	    <default>
	      <password></password>
	      <networks><ip>127.0.0.1</ip></networks>
	      <profile>default</profile>
	      <quota>default</quota>
	      <access_management>1</access_management>
	    </default>
	  </users>
	  <profiles><default/></profiles>
	  <quotas><default/></quotas>
	</clickhouse>
	P
}

# The working folder is where ClickHouse looks for files and format schemas.
clickhouse_run() {
  if has clickhouse; then
    start clickhouse env -C "$CLICKHOUSE_DIR/work" clickhouse server --config-file="$CLICKHOUSE_DIR/server.xml"
  else
    start clickhouse env -C "$CLICKHOUSE_DIR/work" "$CHDB_DIR/chserve" -C "$CLICKHOUSE_DIR/config.xml" --path "$CLICKHOUSE_DIR/data" \
      --listen_host 127.0.0.1 --http_port "$WEIR_CLICKHOUSE_PORT" --tcp_port "$WEIR_CLICKHOUSE_TCP_PORT"
  fi
}
clickhouse_ready() { curl -sf "$(clickhouse_url)/ping"; }

# ch "SQL" [DATABASE]
ch() { curl -sS --fail-with-body "$(clickhouse_url)/${2:+?database=$2}" --data-binary "$1"; }
