# What a run leaves in the tree: RESULTS.md, CAPACITY.md, results/*.tsv, plots/*.svg.

version_of() { # PROGRAM: of what weir was built or ran with
  case $1 in
    Kafka) echo "$KAFKA_VERSION" ;;
    PostgreSQL) pg postgres -Atc 'show server_version' ;;
    ClickHouse) ch 'select version()' ;;
    librdkafka) "$WEIR_BUILD/tests/bench/bench-fill" version ;;
    compiler) "$(sed -nE 's/^CMAKE_C_COMPILER:[A-Z]+=//p' "$WEIR_BUILD/CMakeCache.txt")" --version | head -n 1 ;;
  esac
}
# versions_note: while the engines run; for results_write.
versions_note() {
  local name
  {
    echo "| | |"
    echo "|---|---|"
    echo "| date | $(date -u +%FT%H:%MZ) |"
    echo "| commit | $(git -C "$WEIR_ROOT" rev-parse --short=12 HEAD)$(git -C "$WEIR_ROOT" diff --quiet HEAD -- ':!tests/bench' || echo ' and changes') |"
    echo "| machine | $(nproc) cores of $(sed -nE 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(awk '/MemTotal/ {printf "%.0f GB", $2 / 1e6}' /proc/meminfo), Linux $(uname -r); players, hosts and engines all on it |"
    for name in Kafka PostgreSQL ClickHouse librdkafka compiler; do echo "| $name | $(version_of $name) |"; done
  } >"$OUT/versions.md"
}

# profile: which library's code the CPU time of each host is spent in, under load; only where perf is.
profile() {
  local name
  has perf || return 0
  players_run --steps 0:12 --connections 256 &
  sleep 2
  for name in $WEIR_HOSTS; do perf record -q -F 299 -o "$OUT/$name.data" -p "$(pid_of "$name")" -- sleep 8 >/dev/null 2>&1 9>&- & done
  wait
  {
    echo '| host | % of its CPU time, by whose code |'
    echo '|---|---|'
    for name in $WEIR_HOSTS; do
      printf '| %s | %s |\n' "$name" "$(perf report -i "$OUT/$name.data" --sort dso --stdio 2>/dev/null |
        awk '/^ +[0-9]/ {sub(/%/, "", $1); if ($1 + 0 >= 2) {printf "%s%s %.0f", sep, $2, $1; sep = ", "}}')"
    done
  } >"$OUT/profile.md"
  rm -f "$OUT"/*.data
}

# history_add: a line of results/history.tsv, what a bet cost each process in this run at 256 connections.
history_add() {
  local commit
  [ -s "$OUT/pairs.system.256" ] || return 0
  commit=$(sed -nE 's/^\| commit \| ([0-9a-f]+).*/\1/p' "$OUT/versions.md")
  {
    grep -v "^$commit" "$BENCH/results/history.tsv"
    printf '%s\t%s\t%.0f\t%s\t%s\n' "$commit" "$(date -u +%F)" "$(cut -f 1 "$OUT/pairs.system.256" | median)" \
      "$(printf %.1f "$(kept cpu.256)")" "$(sed -n 's/^256 connections\t//p' "$OUT/hosts.tsv")"
  } >"$OUT/history.tsv"
  cp "$OUT/history.tsv" "$BENCH/results/history.tsv"
}

results_write() {
  local name
  mkdir -p "$BENCH/results"
  curves_plot "$OUT"
  for name in load connections ledger size wallets overload; do
    [ ! -s "$OUT/$name.tsv" ] || { cp "$OUT/$name.tsv" "$BENCH/results/"; mkdir -p "$BENCH/plots"; cp "$OUT/$name.svg" "$BENCH/plots/"; }
  done
  cp "$OUT/rows.tsv" "$BENCH/results/table.tsv"
  history_add
  results_page >"$BENCH/RESULTS.md"
  [ ! -s "$OUT/kept.bytes.wal" ] || capacity_page >"$BENCH/CAPACITY.md"
}
tsv_markdown() { awk -F'\t' '{printf "|"; for (i = 1; i <= NF; i++) printf " %s |", $i; print ""; if (NR == 1) {printf "|"; for (i = 1; i <= NF; i++) printf "---|"; print ""}}' "$1"; }
results_page() {
  local name
  echo "# Results"
  echo
  echo "Written by \`tests/bench/run --results${RUN_NAMES:+ $RUN_NAMES}\`; [README.md](README.md) says what is measured and how. Medians of"
  echo "pairs, taken in turns with the reference; the spread in brackets. Trust ratios and CPU time more than rates."
  echo
  cat "$OUT/versions.md"
  echo
  echo "## Table"
  echo
  table_markdown
  if [ -s "$OUT/hosts.tsv" ]; then
    echo
    echo "## CPU time"
    echo
    tsv_markdown "$OUT/hosts.tsv"
    printf '\n## Before and after\n\n256 connections, CPU µs a bet: each run of `--results` so far. Machines differ from run to run; the shares do not.\n\n'
    tsv_markdown "$BENCH/results/history.tsv"
  fi
  if [ -s "$OUT/profile.md" ]; then echo; echo "## Where the time goes"; echo; cat "$OUT/profile.md"; fi
  [ ! -d "$BENCH/plots" ] || printf '\n## Curves\n\n'
  for name in load connections ledger size wallets overload; do
    [ ! -s "$BENCH/plots/$name.svg" ] || printf '[%s](results/%s.tsv)\n\n![%s](plots/%s.svg)\n\n' "$name" "$name" "$name" "$name"
  done
}
