# What every benchmark shares: a fresh system, CPU seconds of processes, who else used the machine.
WINDOW_TICKS=$(getconf CLK_TCK)

# cpu_ticks NAME: of the process that start() started and its children, user and system.
cpu_ticks() {
  local pid id total=0 stat fields
  pid=$(pid_of "$1") || { echo 0; return; }
  for id in "$pid" $(children "$pid"); do
    read -r stat 2>/dev/null <"/proc/$id/stat" || continue
    read -ra fields <<<"${stat##*) }"
    total=$((total + fields[11] + fields[12]))
    [ "$id" != "$pid" ] || total=$((total + fields[13] + fields[14])) # children that have ended
  done
  echo "$total"
}
machine_ticks() { awk '/^cpu / {print $2 + $3 + $4 + $7 + $8 + $9}' /proc/stat; }

# cpu_begin NAME...: marks now; cpu_end NAME...: "NAME TICKS" a line since then, and the machine's, into $OUT/cpu.
cpu_mark() { local name; for name in machine "$@"; do [ "$name" = machine ] && echo "machine $(machine_ticks)" || echo "$name $(cpu_ticks "$name")"; done; }
cpu_begin() { CPU_NAMES="$*" CPU_MS=$(now_ms); cpu_mark "$@" >"$OUT/cpu.before"; }
cpu_end() {
  # shellcheck disable=SC2086
  cpu_mark $CPU_NAMES >"$OUT/cpu.after"
  CPU_MS=$(($(now_ms) - CPU_MS))
  join "$OUT/cpu.before" "$OUT/cpu.after" --nocheck-order | awk '{print $1, $3 - $2}' >"$OUT/cpu"
}
# cpu_of NAME [EVENTS]: CPU seconds of the marked stretch, or milliseconds per 1,000 EVENTS.
cpu_of() { awk -v name="$1" -v n="${2:-}" -v tick="$WINDOW_TICKS" '$1 == name {s = $2 / tick; if (n == "") printf "%.2f", s; else printf "%.2f", (n > 0 ? s * 1e6 / n : 0)}' "$OUT/cpu"; }
# cpu_others: how many cores were busy with what we did not mark. Reading it beside a figure says how much to trust that.
cpu_others() { awk -v tick="$WINDOW_TICKS" -v ms="$CPU_MS" '$1 == "machine" {all = $2} $1 != "machine" {ours += $2} END {o = (all - ours) / tick / (ms / 1000); printf "%.1f", (o > 0 ? o : 0)}' "$OUT/cpu"; }

rss_mb() { awk '/^VmRSS:/ {printf "%.1f", $2 / 1024}' "/proc/$(pid_of "$1")/status"; }
peak_mb() { awk '/^VmHWM:/ {printf "%.0f", $2 / 1024}' "/proc/$(pid_of "$1")/status"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f", a / b; else printf "-" }'; }
per_second() { awk -v n="$1" -v ms="$2" 'BEGIN { printf "%d", (ms > 0 ? n * 1000 / ms : 0) }'; }
thousands() { sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1"; }

# wal_warm: a PostgreSQL that has run for a while writes its log into files that it has used before. Until then a commit
# waits while a new one is made, 16 MB of zeroes and a sync: 50 ms, and once a second at this rate.
wal_warm() {
  [ "$(pg postgres -Atc "select count(*) > 128 from pg_ls_waldir()")" = f ] || return 0
  pg postgres -c "alter system set min_wal_size = '2GB'" -c 'select pg_reload_conf()' \
    -c "do \$\$ begin for i in 1..128 loop perform pg_logical_emit_message(false, 'bench', ''); perform pg_switch_wal(); end loop; end \$\$" \
    -c checkpoint >/dev/null
}

# system_fresh: empty stores and an empty topic; hosts stopped.
system_fresh() {
  local name
  hosts_stop
  pg postgres -c 'drop database if exists weir with (force)'
  ch 'drop database if exists weir sync' >/dev/null
  kafka_topics --delete --if-exists --topic "$WEIR_TOPIC" || true
  rm -f "$KAFKA_DIR/topic-$WEIR_TOPIC"
  for name in recorder analytics; do group_forget "$name"; done
  weir_prepare >"$OUT/prepare.log" 2>&1 || die "bench: no tables or topic: $(tail -n 3 "$OUT/prepare.log")"
}
group_forget() {
  kafka_tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$(kafka_plain)" --delete --group "$1" >/dev/null 2>&1 || true
}
