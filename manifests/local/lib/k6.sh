# k6, the load tool: the user's own, else built once from its Go module (there is no official package in Debian, npm or PyPI).
K6_VERSION=v1.8.1
K6_BUILT=$WEIR_CACHE/k6-$K6_VERSION

k6_bin() { if has k6; then command -v k6; else echo "$K6_BUILT"; fi; }
k6_install() {
  { has k6 || [ -x "$K6_BUILT" ]; } && return
  place_room "$WEIR_CACHE" 2500 "building k6" WEIR_CACHE
  step k6 "k6 $K6_VERSION, built from its Go module" "150 s on 2 cores" go_program "go.k6.io/k6@$K6_VERSION" "$K6_BUILT"
}
