# Lines COUNT PATH, an empty line, and what `head -v` prints of these paths -> a digest of each, in order; `-` where
# nothing came. A path may be listed with several counts. Newlines at the end count for nothing: `head` adds one of its own.
BEGIN { for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i }
!listed && $0 == "" { listed = 1; next }
!listed {
  path = $0
  sub(/^[0-9]+ /, "", path)
  counts[++paths] = $1 + 0
  if (!((name = "==> " path " <==") in heading)) heading[name] = paths
  text_of[paths] = heading[name]
  next
}
($0 in heading) && heading[$0] > current { current = heading[$0]; opened = 0; next }
current && length(text[current]) < 256 { text[current] = text[current] (opened++ ? "\n" : "") $0 }
END { for (i = 1; i <= paths; i++) print (text_of[i] in text) ? sum(substr(text[text_of[i]], 1, counts[i])) : "-" }
function sum(bytes,    i, h) {
  sub(/\n+$/, "", bytes)
  h = 7
  for (i = 1; i <= length(bytes); i++) h = (h * 31 + code[substr(bytes, i, 1)]) % 2147483647
  return h
}
