# What a log held before its window, as shapes and times of what stands in the window, too. Set from outside:
#   look_back      the awk program that knows shapes; empty: nobody looks back
#   sift           is the collector's own filter; held_before prints what the log held before the window
look_back=${look_back-}
failtale_nonce=${failtale_nonce-}
# with_look_back KIND PATH: the lines of a part of the window pass on, whatever becomes of the program beside them.
with_look_back() {
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
# The program learns from it where the window begins, and what its own words must bear to be believed.
separate() { printf '\036%s window %s %s\n' "$failtale_nonce" "$1" "$2"; }
