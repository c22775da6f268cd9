# Reads `abidiff --leaf-changes-only` and prints every line that tells of more than growth at the end of a struct that
# may grow. Nothing printed: a plugin built with the older header runs in the newer host.
/^Leaf changes summary|^Changed leaf types|^Removed\/Changed\/Added|^$/ { next }
/^'struct weir_(host|ctx|promise|plugin|opt|metric|outcome) at .*' changed:$/ { type = $0; old = -1; next }
/^'/ { type = ""; print; next }
type != "" && /^  type size changed from [0-9]+ to [0-9]+ \(in bits\)$/ { old = $5; next }
type != "" && /^  type size hasn't changed$/ { next } # what did change follows, and is none of these
type != "" && /^  [0-9]+ data member insertions?:$/ { next }
type != "" && /^    '.*', at offset [0-9]+ \(in bits\)/ {
  at = $0; sub(/.*, at offset /, "", at); sub(/ .*/, "", at)
  if (old >= 0 && at + 0 >= old + 0) next
}
{ print (type != "" ? type " " : "") $0 }
