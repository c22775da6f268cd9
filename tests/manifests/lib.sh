# What the tests of the manifests share: a kubectl, a weir, rendering. Sourced.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. manifests/local/lib.sh
set +e
KUSTOMIZE_VERSION=v5.7.1
VARIANTS=$(cd manifests/variants && printf '%s\n' */kustomization.yaml | sed 's,/.*,,')
# What production and external expect of a Secret of one's own; manifests/README.md has the command that makes it.
SECRET_KEYS=kafka-password,kafka-internal-password,postgres-password,wallet-password,relay-password,recorder-password,audit-password,maintenance-password,clickhouse-password,grafana-password
WORK=$WEIR_LOCAL/tests/manifests
place_make
mkdir -p "$WORK"
failures=0

ok() { printf 'ok      %s\n' "$*"; }
bad() { printf 'FAILED  %s\n' "$*"; failures=$((failures + 1)); }
skip() { echo "skipped: $*"; exit 77; }

# kustomize_find: sets RENDER to a command that renders a folder: kubectl, kustomize, or kustomize built once from its Go
# module. Without any of them the reason is in WHY.
kustomize_find() {
  local built=$WEIR_CACHE/kustomize-$KUSTOMIZE_VERSION
  if has kubectl && kubectl kustomize --help >/dev/null 2>&1; then RENDER="kubectl kustomize"; return; fi
  if has kustomize; then RENDER="kustomize build"; return; fi
  if [ ! -x "$built" ]; then
    has go || bash manifests/local/setup +golang-go >/dev/null 2>&1 || { WHY="no kubectl, no kustomize and no go to build one with"; return 1; }
    go_program "sigs.k8s.io/kustomize/kustomize/v5@$KUSTOMIZE_VERSION" "$built" >"$WORK/kustomize.log" 2>&1 ||
      { WHY="kustomize does not build: $(tail -n 1 "$WORK/kustomize.log")"; return 1; }
  fi
  RENDER="$built build"
}

# render FOLDER FILE
render() { $RENDER "$1" >"$2" 2>"$2.err" || { tail -n 3 "$2.err"; return 1; }; }

# copy_of FOLDER: the tree's manifests and confs in a folder of their own, for tests that break something in them.
copy_of() {
  rm -rf "$1"
  mkdir -p "$1"
  cp -r manifests conf "$1"
}
