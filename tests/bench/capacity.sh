# CAPACITY.md: what 10^9, 10^10 and 10^11 bets a day take, from what this run has measured.

# capacity_inputs: NAME VALUE, of the whole system at the most connections.
capacity_inputs() {
  local name c=${CONNECTIONS##* }
  for name in $WEIR_HOSTS kafka postgres clickhouse; do echo "us_$name $(kept "cpu.$c.$name")"; done
  for name in request answer wal ledger record topic clickhouse; do echo "bytes_$name $(kept "bytes.$name")"; done
  echo "rate_system $(cut -f 1 "$OUT/pairs.system.$c" | median)"
  echo "rate_recorder $(cut -f 1 "$OUT/pairs.postgres" 2>/dev/null | median)"
  echo "rate_analytics $(cut -f 1 "$OUT/pairs.clickhouse" 2>/dev/null | median)"
}

capacity_page() {
  cat <<'MD'
# Past one machine

Written by `tests/bench/run --results` from the costs in [RESULTS.md](RESULTS.md): arithmetic, not a measurement. What was
measured is one machine; nothing here says that a network of them was tried.

MD
  capacity_inputs | awk '
    function n(x, l) { x = x >= 10 || x == int(x) ? sprintf("%.0f", x) : sprintf("%.1f", x); while (match(x, /^[0-9]+[0-9][0-9][0-9]($|,)/)) { l = index(x, ","); if (!l) l = length(x) + 1; x = substr(x, 1, l - 4) "," substr(x, l - 3) } return x }
    function up(x) { return x <= 1 ? 1 : (x == int(x) ? x : int(x) + 1) }
    function line(what, how, a, b, c) { printf "| %s | %s | %s | %s | %s |\n", what, how, a, b, c }
    function cores(what, us,  i) { for (i = 1; i <= 3; i++) v[i] = n(up(peak[i] * us / 1e6 / use)); line(what, sprintf("peak × %.1f µs ÷ %.1f", us, use), v[1], v[2], v[3]) }
    function each(what, how, scale,  i) { for (i = 1; i <= 3; i++) v[i] = n(peak[i] * scale); line(what, how, v[1], v[2], v[3]) }
    function disk(what, bytes, copies,  i) { for (i = 1; i <= 3; i++) v[i] = n(day[i] * bytes * copies / 1e12); line(what ", TB a day", sprintf("bets × %d B × %d", bytes, copies), v[1], v[2], v[3]) }
    { x[$1] = $2 }
    END {
      factor = 3; use = 0.5; machine = 32; disk_mb = 400
      for (i = 1; i <= 3; i++) { day[i] = 10 ^ (8 + i); average[i] = day[i] / 86400; peak[i] = average[i] * factor }
      print "Assumed: the busiest second has " factor " times the average; machines are half busy at it (`÷ " use "`), so that one of"
      print "two sites can be lost; servers have " machine " cores; a disk syncs " disk_mb " MB/s of write-ahead log; topics and databases have"
      print "three copies. A copy of a topic is taken to cost its broker what the first did.\n"
      print "| | arithmetic | 10⁹ a day | 10¹⁰ | 10¹¹ |"
      print "|---|---|---|---|---|"
      line("bets a second, average", "bets ÷ 86,400", n(average[1]), n(average[2]), n(average[3]))
      line("bets a second, peak", "× " factor, n(peak[1]), n(peak[2]), n(peak[3]))
      cores("ingress, cores (a lane each)", x["us_ingress"])
      cores("wallet, cores", x["us_wallet"])
      cores("PostgreSQL, ledger and record, cores", x["us_postgres"])
      for (i = 1; i <= 3; i++) {
        by_cpu = up(peak[i] * x["us_postgres"] / 1e6 / use / machine); by_disk = up(peak[i] * x["bytes_wal"] / 1e6 / disk_mb)
        ledgers[i] = by_cpu > by_disk ? by_cpu : by_disk
      }
      line("PostgreSQL servers, without their copies", sprintf("by cores ÷ %d, or peak × %d B of log ÷ %d MB/s", machine, x["bytes_wal"], disk_mb), n(ledgers[1]), n(ledgers[2]), n(ledgers[3]))
      cores("brokers, cores", x["us_kafka"] * 3)
      if (x["rate_recorder"] > 0) {
        for (i = 1; i <= 3; i++) v[i] = n(up(peak[i] / x["rate_recorder"] / use))
        line("partitions, at least: one a recorder lane", sprintf("peak ÷ %s rows/s ÷ %.1f", n(x["rate_recorder"]), use), v[1], v[2], v[3])
      }
      cores("recorder, cores", x["us_recorder"])
      if (x["rate_analytics"] > 0) {
        for (i = 1; i <= 3; i++) lanes[i] = up(peak[i] / x["rate_analytics"] / use)
        line("analytics, lanes", sprintf("peak ÷ %s rows/s ÷ %.1f", n(x["rate_analytics"]), use), n(lanes[1]), n(lanes[2]), n(lanes[3]))
        for (i = 1; i <= 3; i++) v[i] = n(peak[i] / lanes[i])
        line("ClickHouse, INSERTs a second (and rows in each)", "one a lane and second (rows: peak ÷ lanes)", n(lanes[1]) " (" v[1] ")", n(lanes[2]) " (" v[2] ")", n(lanes[3]) " (" v[3] ")")
      }
      cores("ClickHouse, cores", x["us_clickhouse"])
      each("players, Gbit/s in", sprintf("peak × %d B", x["bytes_request"]), x["bytes_request"] * 8 / 1e9)
      each("players, Gbit/s out", sprintf("peak × %d B", x["bytes_answer"]), x["bytes_answer"] * 8 / 1e9)
      each("topic, Gbit/s: in, two copies, two readers", sprintf("peak × %d B × 5", x["bytes_topic"]), x["bytes_topic"] * 5 * 8 / 1e9)
      disk("ledger", x["bytes_ledger"], 3)
      disk("record", x["bytes_record"], 3)
      disk("topic", x["bytes_topic"], 3)
      disk("ClickHouse", x["bytes_clickhouse"], 2)
      printf "\nMeasured on one machine of two cores: %s bets/s.\n", n(x["rate_system"])
    }'
  cat <<'MD'

## Where each part stops, and what then

- **http-ingress, wallet-client** share nothing: more lanes, then more hosts behind any TCP balancer. A bet may be repeated at
  another one.
- **wallet** hosts are many on one ledger: each shard of the ledger keeps to one wallet while it lives. More than shards (64 as
  shipped, up to 65,536 when the ledger is made) are of no use, and before that PostgreSQL is the limit.
- **The ledger** stops at one PostgreSQL server: its cores, or the log that it can sync. Then several, each with its own
  wallets. A ledger has its own epoch, so identities of two never meet, and everything after it takes events of all. Who
  belongs to which ledger is for the conf: `route` by a field of the bet (`currency`, or a region) in front of one wallet-client
  a ledger, or a whole cell of ingress, wallets and ledger behind a balancer that hashes the account. An account lives in
  one ledger: to move it, or to split one ledger in two, is not built.
- **The topic**: partitions are for ever (their number decides where a key goes), so make them for the peak that will come; one
  lane reads as many as it gets. Brokers scale with partitions.
- **record** stops at one PostgreSQL server as well. Several recorders of one group with confs of different databases would
  spread rows by partition, and rows of one partition would move with it: give each database a topic, or a `route` behind the
  consumer.
- **ClickHouse** takes few large INSERTs: a lane makes one a second, so lanes are few and blocks large. A table of its own per
  server and a Distributed table over them, with one group of analytics hosts a server, is how it grows; identities do not
  depend on where a row is.
- **The relay** reads what was not published: nothing, as long as nothing dies. One a ledger.
MD
}
