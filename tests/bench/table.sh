# The table: $OUT/rows.tsv, one row a figure:
#   what, figure, unit, target, its spread, reference, its spread, reference is, ratio, its spread, pairs, note

# row WHAT FIGURE UNIT TARGET REFERENCE-FIGURE "REFERENCE" NOTE: measured once. TARGET "": none.
row() {
  local ratio=
  [ -z "$5" ] || ratio=$(ratio "$2" "$5")
  printf '%s\t%s\t%s\t%s\t\t%s\t\t%s\t%s\t\t\t%s\n' "$1" "$2" "$3" "$4" "$5" "$6" "$ratio" "$7" >>"$OUT/rows.tsv"
}

# pair KEY FIGURE REFERENCE: one of the pairs that pairs_row KEY WHAT UNIT TARGET "REFERENCE" NOTE makes a row of: medians
# and spreads, the ratio pair by pair.
pair() { printf '%s\t%s\n' "$2" "$3" >>"$OUT/pairs.$1"; }
pairs_row() {
  awk -F'\t' -v OFS='\t' -v what="$2" -v unit="$3" -v target="$4" -v reference="$5" -v note="$6" '
    function sort(v, i, j, t) { for (i = 2; i <= NR; i++) for (j = i; j > 1 && v[j] < v[j - 1]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t } }
    function median(v) { return (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }
    function n(x) { return sprintf(x >= 1000 ? "%.0f" : x >= 10 ? "%.1f" : "%.2f", x) }
    function spread(v) { return n(v[1]) " to " n(v[NR]) }
    { a[NR] = $1 + 0; b[NR] = $2 + 0; r[NR] = $2 > 0 ? $1 / $2 : 0 }
    END { sort(a); sort(b); sort(r)
      print what, n(median(a)), unit, target, spread(a), n(median(b)), spread(b), reference, n(median(r)), spread(r), NR, note }' \
    "$OUT/pairs.$1" >>"$OUT/rows.tsv"
}

# keep KEY VALUE: a figure beside a pair; kept KEY: the median of them.
keep() { echo "$2" >>"$OUT/kept.$1"; }
kept() { median <"$OUT/kept.$1"; }
median() { sort -g | awk '{v[NR] = $1} END {print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2}'; }

table_title() {
  echo "weir $(git -C "$WEIR_ROOT" describe --always --dirty 2>/dev/null || echo '?'), $(date +%F), $(nproc) cores of $(sed -nE 's/^model name.*: //p' /proc/cpuinfo | head -n 1), everything on this machine"
}
# thousands, and the note of a row, in awk
AWK_N='function note() { return $11 == "" ? $12 : $11 " pairs, " $5 ($12 == "" ? "" : "; " $12) }
function n(x, l) { if (x !~ /^[0-9]+$/) return x; while (match(x, /^[0-9]+[0-9][0-9][0-9]($|,)/)) { l = index(x, ","); if (!l) l = length(x) + 1; x = substr(x, 1, l - 4) "," substr(x, l - 3) } return x }'

table_print() {
  echo
  table_title
  echo
  awk -F'\t' "$AWK_N"'
    BEGIN { f = "%-34s %12s %-11s %-10s %12s %-21s  %-38s %s\n"; printf f, "what", "figure", "unit", "target", "reference", "ratio", "reference is", "note" }
    { printf f, $1, n($2), $3, $4, n($6), $9 ($10 == "" ? "" : " (" $10 ")"), $8, note() }' "$OUT/rows.tsv"
  [ ! -s "$OUT/hosts.tsv" ] || { echo; column -t -s $'\t' "$OUT/hosts.tsv"; }
}
table_markdown() {
  echo '| what | figure | target | reference | ratio | reference is | note |'
  echo '|---|---|---|---|---|---|---|'
  awk -F'\t' "$AWK_N"'
    { printf "| %s | %s %s | %s | %s | %s | %s | %s |\n", $1, n($2), $3, $4, n($6), $9 ($10 == "" ? "" : " (" $10 ")"), $8, note() }' "$OUT/rows.tsv"
}
table_json() {
  awk -F'\t' '
    function text(x) { gsub(/[\\"]/, "\\\\&", x); return "\"" x "\"" }
    function value(x) { return x ~ /^-?[0-9]+(\.[0-9]+)?$/ ? x : text(x) }
    BEGIN { split("what figure unit target spread reference reference_spread reference_is ratio ratio_spread pairs note", name, " "); print "[" }
    { printf "%s  {", (NR > 1 ? ",\n" : ""); for (i = 1; i <= 12; i++) if ($i != "") printf "%s%s: %s", (i > 1 ? ", " : ""), text(name[i]), value($i); printf "}" }
    END { print "\n]" }' "$OUT/rows.tsv"
}
