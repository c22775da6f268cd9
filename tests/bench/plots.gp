# Draws one TSV of tests/bench/run curves or overload. Given by -e: tsv, svg, name.
set terminal svg size 860,460 font "sans-serif,12" name "weir" background "white"
set output svg
set datafile separator "\t"
set key below
set format x "%.0s%c"
set grid
set ytics nomirror
set y2tics
set yrange [0:*]
set y2range [0.1:*]
set logscale y2
set ylabel "bets a second"
set y2label "milliseconds"
if (name eq "overload") {
  set xlabel "seconds"
  plot tsv using 1:2 with lines lw 1 title "offered", \
       tsv using 1:3 with lines lw 2 title "accepted", \
       tsv using 1:4 with lines title "refused", \
       tsv using 1:5 with lines title "no free connection", \
       tsv using 1:7 axes x1y2 with lines dt 2 title "p99 of accepted"
} else {
  set xlabel name eq "load" ? "offered bets a second" : name eq "connections" ? "connections, each with one bet at a time" : \
             name eq "ledger" ? "rows in the ledger" : name eq "size" ? "bytes of a bet (JSON)" : "wallets on one ledger"
  if (name ne "load") { set logscale x 2 }
  if (name eq "ledger") { set logscale x 10 }
  plot tsv using 1:3 with linespoints lw 2 title "accepted", \
       tsv using 1:8 with linespoints title "503 not-executed", \
       tsv using 1:9 with linespoints title "503 unknown", \
       tsv using 1:4 axes x1y2 with linespoints dt 2 title "p50", \
       tsv using 1:5 axes x1y2 with linespoints dt 2 title "p99", \
       tsv using 1:6 axes x1y2 with linespoints dt 2 title "p999"
}
