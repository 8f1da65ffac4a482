# What a log held before its window, as shapes and times of what stands in the window, too. Set from outside:
#   look_back      the awk program that knows shapes; empty: nobody looks back
#   brief          not empty: a glance is wanted, so many bytes of the most telling lines of each part
#   sought         words with commas between them; lines that hold one come first
#   newest         how many lines of a part the client keeps
#   greps          not empty: there is a filter, `matching`
#   sift           is the collector's own filter, for an awk; held_before prints what the log held before the window. Both are
#                  called in a pipeline
newest=${newest-} greps=${greps-} look_back=${look_back-} brief=${brief-} sought=${sought-}
glancing=$look_back # which stays where there is no past to look at
failtale_nonce=${failtale_nonce-}
# with_look_back KIND PATH: the lines of a part of the window pass on, whatever becomes of the program beside them.
with_look_back() {
  if [ -n "$brief" ]; then glance "$@"; return; fi
  if [ -z "$look_back" ] || ! command -v tee >/dev/null 2>&1; then cat; return; fi
  { tee /dev/fd/3 2>/dev/null 3>&1 >&4 | { looked_back "$@"; drain; } 4>&-; } 4>&1
}
drain() { while read -r _; do :; done; }
looked_back() {
  {
    separate "$@"
    held_before </dev/null | sift
    separate "$@"
    exec tr '\000' '\001'
  } | awk -v most=48 "$look_back" >&2 2>/dev/null
}
# give_text KIND TEXT CAP PATH: a part that a variable holds, which no NUL can. The client counts and cuts what is few, for each
# filter costs the host a program.
give_text() {
  if [ "${#2}" -gt 32768 ] || [ "${#2}" -ge "$3" ] || [ -n "$brief" ]; then
    printf '\036%s part %s %s %s\n' "$failtale_nonce" "$1" "$3" "$4"
    say "$2" | narrow "$3" | with_look_back "$1" "$4"
    return
  fi
  given=$2
  if [ -n "$greps" ]; then
    tell produced 0 "$((${#2} + 1))"
    given=$(say "$2" | matching)
    if [ -z "$given" ]; then return; fi
  fi
  printf '\036%s entire %s %s %s %s\n' "$failtale_nonce" "$1" "$3" "$newest" "$4"
  say "$given"
  if [ -z "$look_back" ]; then return; fi
  {
    separate "$1" "$4"
    held_before </dev/null | sift
    separate "$1" "$4"
    say "$given"
  } | awk -v most=48 "$look_back" >&2 2>/dev/null
}
# In place of the lines: the most telling of them, as many as there is room for.
glance() {
  {
    separate "$@"
    if [ -n "$look_back" ]; then held_before </dev/null | sift; fi
    separate "$@"
    exec tr '\000' '\001'
  } |
    sought=$sought awk -v most=12 -v room="$brief" -v past="${look_back:+yes}" "$glancing" 3>&2 2>/dev/null
}
# The program learns from it where the window begins, and what its own words must bear to be believed.
separate() { printf '\036%s window %s %s\n' "$failtale_nonce" "$1" "$2"; }
# Sifted lines of a log that is silent in the window, oldest first -> carried: at most four in which it said last that it stopped.
# Each must tell that by itself, so that no part of a value of several lines is among them.
last_words() {
  said=$(exec awk '
    { line = tolower(substr($0, 1, 401)) }
    line ~ /shut ?down|shutting down|stopp(ed|ing)|sig(term|int|quit)|signal (2|3|15)([^0-9]|$)|terminat|bye|deactivated/ {
      if (NR - last > 12) count = 0
      last = NR
      if (NF > 2 && length(line) <= 400) said[++count] = $0
      next
    }
    line ~ /start(ed|ing)|listening|initiali[sz]ed|accept/ { count = 0 }
    END {
      if (NR - last <= 6)
        for (i = 1; i <= count; i++)
          if (i <= 2 || i > count - 2) print said[i]
    }' 2>/dev/null)
  if [ -z "$said" ]; then return; fi
  tell carry
  printf '%s\n' "$said" >&2
  tell carried
}
