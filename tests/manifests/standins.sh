# Images under the official names, made here from the parts of the local demo: for a cluster that reaches no registry.
# Sourced, after manifests/local/lib.sh. Needs buildah, and debootstrap the first time.
#   standins_make FOLDER [NAME...]     FOLDER/NAME.tar of each that is not there yet (all by default)
STANDINS=$WEIR_ROOT/tests/manifests/standins
declare -A STANDIN_IMAGE=(
  [kafka]=apache/kafka:4.3.1 [postgres]=postgres:15-bookworm [clickhouse]=clickhouse/clickhouse-server:26.7 [k6]=grafana/k6:1.8.1
  [prometheus]=prom/prometheus:v3.5.0 [postgres-exporter]=quay.io/prometheuscommunity/postgres-exporter:v0.17.1 [grafana]=grafana/grafana:12.1.1
)
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}

# The base that every Dockerfile names; what Debian publishes under this name is made the same way.
standins_base() {
  local work box
  ! buildah inspect --type image docker.io/library/debian:bookworm-slim >/dev/null 2>&1 || return 0
  work=$(mktemp -d "$WEIR_CACHE/debian.XXXXXX")
  debootstrap --variant=minbase bookworm "$work/root" >"$work.log" 2>&1 || { tail -3 "$work.log"; return 1; }
  rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/* "$work"/root/usr/share/{doc,man,locale}/*
  box=$(buildah from scratch)
  buildah add -q "$box" "$work/root" / >/dev/null
  buildah config --cmd bash "$box"
  buildah commit -q --rm "$box" docker.io/library/debian:bookworm-slim >/dev/null
  rm -rf "$work"
}

# Prometheus v3.5.0 is its Go module's v0.305.0. About 10 minutes, once.
prometheus_build() {
  local built=$WEIR_CACHE/prometheus-3.5.0 work
  [ ! -x "$built" ] || return 0
  work=$(mktemp -d "$WEIR_CACHE/prometheus.XXXXXX")
  printf 'module standin\ngo 1.24.0\nrequire github.com/prometheus/prometheus v0.305.0\n' >"$work/go.mod"
  (cd "$work" && CGO_ENABLED=0 GOFLAGS=-mod=mod go_recent build -trimpath -ldflags '-s -w' -o "$built.new" github.com/prometheus/prometheus/cmd/prometheus) >"$work.log" 2>&1 ||
    { tail -3 "$work.log"; return 1; }
  mv "$built.new" "$built"
  rm -rf "$work" "$work.log"
}

# standins_context NAME FOLDER: what the Dockerfile copies, by hard link where that is possible.
standins_context() {
  mkdir -p "$2"
  case $1 in
    kafka) cp -al "$(kafka_libs)" "$2/libs" 2>/dev/null || cp -r "$(kafka_libs)" "$2/libs"; cp "$STANDINS/kafka-run" "$2" ;;
    clickhouse)
      cp -l "$CHDB_DIR/libchdb.so" "$2" 2>/dev/null || cp "$CHDB_DIR/libchdb.so" "$2"
      cc -O2 -pthread -o "$2/chserve" "$LOCAL_DIR/chserve.c" -L"$CHDB_DIR" -lchdb '-Wl,-rpath,$ORIGIN'
      cp "$STANDINS/clickhouse-server" "$2"
      ;;
    k6) cp "$(k6_bin)" "$2/k6" ;;
    prometheus) cp "$WEIR_CACHE/prometheus-3.5.0" "$2/prometheus" ;;
    grafana) cp "$STANDINS/grafana-place" "$2" ;;
  esac
}

standins_make() {
  local to=$1 name work; shift
  [ $# -gt 0 ] || set -- "${!STANDIN_IMAGE[@]}"
  mkdir -p "$to"
  standins_base || return
  for name in "$@"; do
    [ ! -e "$to/$name.tar" ] || continue
    case $name in
      kafka | clickhouse | k6) "${name}_install" || return ;;
      prometheus) prometheus_build || return ;;
    esac
    work=$(mktemp -d "$WEIR_CACHE/standin.XXXXXX")
    standins_context "$name" "$work" &&
      buildah build --layers --format docker -t "${STANDIN_IMAGE[$name]}" -f "$STANDINS/$name.Dockerfile" "$work" >"$to/$name.log" 2>&1 &&
      buildah push -q "${STANDIN_IMAGE[$name]}" "docker-archive:$to/$name.tar.new:$(standins_whole "$name")" >>"$to/$name.log" 2>&1 ||
      { rm -rf "$work"; tail -3 "$to/$name.log"; return 1; }
    mv "$to/$name.tar.new" "$to/$name.tar"
    rm -rf "$work"
  done
}
standins_whole() {
  case ${STANDIN_IMAGE[$1]} in
    *.*/*/*) echo "${STANDIN_IMAGE[$1]}" ;;
    */*) echo "docker.io/${STANDIN_IMAGE[$1]}" ;;
    *) echo "docker.io/library/${STANDIN_IMAGE[$1]}" ;;
  esac
}
