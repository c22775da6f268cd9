# k6, the load tool: the user's own, else built once from its Go module (there is no official package in Debian, npm or PyPI).
K6_VERSION=v1.8.1
K6_BUILT=$WEIR_CACHE/k6-$K6_VERSION
K6_GO=go1.26.0 # for a Debian whose Go is older than k6 wants

k6_bin() { if has k6; then command -v k6; else echo "$K6_BUILT"; fi; }
k6_install() {
  { has k6 || [ -x "$K6_BUILT" ]; } && return
  place_room "$WEIR_CACHE" 2500 "building k6" WEIR_CACHE
  step k6 "k6 $K6_VERSION, built from its Go module" "150 s on 2 cores" k6_build
}

# Go from 1.21 on fetches by itself the newer Go that a module asks for. Debian 12's 1.19 does not: but that newer Go is
# a module as well, which any Go can download. It lacks the x bits then.
k6_build() {
  local work=$WEIR_CACHE/k6.new.$$ go=go dir
  mkdir -p "$work"
  if ! go_at_least 21; then
    export GOPATH=$work/go GOCACHE=$work/cache GOFLAGS=-modcacherw
    dir=$(cd "$work" && go mod download -json "golang.org/toolchain@v0.0.1-$K6_GO.linux-$(go env GOARCH)" | sed -nE 's/.*"Dir": "(.*)",?$/\1/p')
    chmod -R u+w,a+x "$dir/bin" "$dir/pkg/tool"
    go=$dir/bin/go
    export GOTOOLCHAIN=local GOROOT=$dir
  fi
  GOBIN=$work "$go" install -trimpath -ldflags='-s -w' "go.k6.io/k6@$K6_VERSION"
  mv "$work/k6" "$K6_BUILT"
  rm -rf "$work"
}
