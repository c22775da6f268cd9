# Go, for what is built from its Go module. From 1.21 on it fetches by itself the newer Go that a module asks for. Debian
# 12's 1.19 does not: but that newer Go is a module as well, which any Go can download. It lacks the x bits then.
GO_VERSION=go1.26.0
GO_FETCHED=$WEIR_CACHE/$GO_VERSION

# go_at_least MINOR: true when the user's own is at least that.
go_at_least() { has go && [ "$(go env GOVERSION 2>/dev/null | sed -nE 's/^go1\.([0-9]+).*/\1/p')" -ge "$1" ] 2>/dev/null; }

go_fetch() {
  local work=$GO_FETCHED.new.$$ dir status=0
  mkdir -p "$work"
  dir=$(cd "$work" && GOPATH=$work/path GOFLAGS=-modcacherw go mod download -json "golang.org/toolchain@v0.0.1-$GO_VERSION.linux-$(go env GOARCH)" | sed -nE 's/.*"Dir": "(.*)",?$/\1/p')
  [ -n "$dir" ] && chmod -R u+w,a+x "$dir/bin" "$dir/pkg/tool" && mv -T "$dir" "$GO_FETCHED" || [ -d "$GO_FETCHED" ] ||
    { echo "$GO_VERSION, which this is built with, does not come: $(go version) could not download it as a module" >&2; status=1; }
  rm -rf "$work"
  return $status
}

# go_recent COMMAND...: a go command, by a Go that is new enough, for a Go that was fetched with caches that go again.
go_recent() {
  local work status=0
  if go_at_least 21; then go "$@"; return; fi
  [ -x "$GO_FETCHED/bin/go" ] || go_fetch || return
  work=$(mktemp -d "$WEIR_CACHE/go.XXXXXX")
  GOPATH=$work/path GOCACHE=$work/cache GOFLAGS="-modcacherw ${GOFLAGS:-}" GOTOOLCHAIN=local GOROOT=$GO_FETCHED "$GO_FETCHED/bin/go" "$@" || status=$?
  rm -rf "$work"
  return $status
}

# go_program PACKAGE@VERSION FILE: FILE, built from that module.
go_program() {
  local work name=${1%@*}
  name=${name##*/}
  work=$(mktemp -d "$WEIR_CACHE/$name.XXXXXX")
  GOBIN=$work go_recent install -trimpath -ldflags='-s -w' "$1" && mv "$work/$(ls "$work")" "$2" || { rm -rf "$work"; return 1; }
  rm -rf "$work"
}
