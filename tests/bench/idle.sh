# idle: what a host costs that has nothing to do.
idle_about() { echo "20 s"; }
# cpu_ns NAME: of all its threads; the ticks of cpu_ticks are too coarse for a host that sleeps.
cpu_ns() { cat /proc/"$(pid_of "$1")"/task/*/schedstat | awk '{ns += $1} END {printf "%.0f", ns}'; }

idle() {
  local name began
  local -A ns
  system_fresh
  hosts_start
  sleep 3 # first connections, the first rounds of every timer
  for name in $WEIR_HOSTS; do ns[$name]=$(cpu_ns "$name"); done
  began=$(now_ms)
  sleep 10
  for name in $WEIR_HOSTS; do
    row "idle $name, CPU" "$(awk -v ns="$(($(cpu_ns "$name") - ns[$name]))" -v ms="$(($(now_ms) - began))" 'BEGIN {printf "%.2f", ns / 1e4 / ms}')" "% of a core" "< 0.2" "" "" ""
    row "idle $name, memory" "$(rss_mb "$name")" "MB RSS" "< 32" "" "" "$(awk '/^Pss:/ {pss = $2} /^Private_Dirty:/ {own = $2} END {printf "%.1f MB of its share, %.1f MB its own", pss / 1024, own / 1024}' "/proc/$(pid_of "$name")/smaps_rollup")"
  done
  hosts_stop
}
