# What a log held before its window, as shapes and times of what stands in the window, too. Set from outside:
#   look_back      the awk program that knows shapes; empty: nobody looks back
#   brief          not empty: a glance is wanted, so many bytes of the most telling lines of each part
#   sought         words with commas between them; lines that hold one come first
#   sift           is the collector's own filter; held_before prints what the log held before the window
look_back=${look_back-} brief=${brief-} sought=${sought-}
glancing=$look_back # which stays where there is no past to look at
failtale_nonce=${failtale_nonce-}
# with_look_back KIND PATH: the lines of a part of the window pass on, whatever becomes of the program beside them.
with_look_back() {
  if [ -n "$brief" ]; then glance "$@"; return; fi
  if [ -z "$look_back" ]; then cat; return; fi
  { { tee /dev/fd/3 2>/dev/null >&4; } 3>&1 | { looked_back "$@"; cat >/dev/null; } 4>&-; } 4>&1
}
looked_back() {
  {
    separate "$@"
    held_before </dev/null | sift
    separate "$@"
    cat
  } | tr '\000' '\001' | awk -v most=48 "$look_back" >&2 2>/dev/null
}
# In place of the lines: the most telling of them, as many as there is room for.
glance() {
  {
    separate "$@"
    if [ -n "$look_back" ]; then held_before </dev/null | sift; fi
    separate "$@"
    cat
  } | tr '\000' '\001' |
    sought=$sought awk -v most=12 -v room="$brief" -v past="${look_back:+yes}" "$glancing" 3>&2 2>/dev/null
}
# The program learns from it where the window begins, and what its own words must bear to be believed.
separate() { printf '\036%s window %s %s\n' "$failtale_nonce" "$1" "$2"; }
