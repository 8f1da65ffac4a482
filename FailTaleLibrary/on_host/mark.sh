# Where the logs of a host stand now. `tell` and `carry` speak on stdout here.
# Set from outside: most.
most=${most-} newline=${newline-} usual_ifs=${usual_ifs-} found=${found-} marked=
clock() {
  # shellcheck disable=SC2046 # two words
  set -- $(date '+%s.%N %z')
  tell clock "${1-}"
  tell zone "${2-}"
}
cursor() {
  said=$(exec journalctl --no-pager -n 0 --show-cursor 2>/dev/null)
  case $said in *'-- cursor: '*) tell cursor "${said##*-- cursor: }" ;; *) tell cursor '' ;; esac
}
# mark PATTERN PATH...: the files that a pattern means are to be marked, by `marks`.
mark() {
  marked="$marked=$1$newline"
  shift
  odd=''
  for path; do case $path in *"$newline"*) odd=yes; break ;; esac; done
  if [ -z "$odd" ]; then
    IFS=$newline
    marked="$marked$*$newline"
    IFS=$usual_ifs
  else # a path of two lines is none of them
    for path; do case $path in *"$newline"*) ;; *) marked="$marked$path$newline" ;; esac; done
  fi
}
# marks: position and identity of each file that the patterns mean. One look for all of them, for what each program costs to
# start would be spent on each pattern; but no more names at once than a program takes.
marks() {
  if [ -z "$marked" ]; then return; fi
  rest=${marked%
}
  if [ "${#rest}" -le 1000000 ]; then
    look_at "$rest"
    return
  fi
  while :; do
    one=${rest%%
=*}
    look_at "$one"
    if [ "$one" = "$rest" ]; then return; fi
    rest="=${rest#*
=}"
  done
}
look_at() {
  by_line
  # shellcheck disable=SC2086 # one word a line
  set -- "$1" $1
  by_word
  lines=$1
  shift
  inventory "$@" # patterns are no files
  if [ "$#" -gt 100 ]; then
    of_patterns=$(by_pattern | sort -k1,1n -k4,4nr | awk -v most="$most" '++count[$1] <= most')
  else
    of_patterns=$(by_pattern)
  fi
  digest_beginnings
  tell_files
}
# NUMBER INODE SIZE WRITTEN PATH of each file that the pattern of that number means, from lines and found.
by_pattern() {
  { printf '%s\n\n%s\n' "$lines" "$found"; } | awk '
    !listed && $0 == "" { listed = 1; next }
    !listed && /^=/ { number++; next }
    !listed { if (!known[number, $0]++) patterns[$0] = patterns[$0] " " number; next }
    /^8/ {
      path = $0
      sub(/^[0-9a-f]+ [0-9]+ [0-9]+ [0-9]+ /, "", path)
      if (told[path]++) next
      count = split(patterns[path], pattern, " ")
      for (i = 1; i <= count; i++) of[pattern[i]] = of[pattern[i]] pattern[i] substr($0, index($0, " ")) "\n"
    }
    END { for (i = 1; i <= number; i++) printf "%s", of[i] }'
}
# Sets sums: digests of the first hundred files of each pattern, in their order. Rotation is for logs that are written to: the
# oldest of many files go by inode and size alone.
digest_beginnings() {
  list='' paths='' sums='' of=0
  by_line
  for line in $of_patterns; do
    by_word
    path=${line#* * * * } size=${line#* * } size=${size%% *}
    is_digested "${line%% *}" || continue
    list="$list$((size < 256 ? size : 256)) $path$newline"
    case $newline$paths in *"$newline$path$newline"*) ;; *) paths="$paths$path$newline" ;; esac
  done
  by_line
  # shellcheck disable=SC2086 # one word a line
  set -- $paths
  by_word
  if [ "$#" -gt 0 ]; then sums=$({ printf '%s\n' "$list"; head -v -c 256 -- "$@" 2>/dev/null; } | digests); fi
}
is_digested() { # NUMBER
  if [ "$1" != "$of" ]; then of=$1 count=0; fi
  count=$((count + 1))
  [ "$count" -le 100 ]
}
tell_files() {
  by_line
  # shellcheck disable=SC2086 # one word a line
  set -- $of_patterns
  of=0 number=0 named=0 name=''
  for line in $lines =; do
    by_word
    case $line in =*) ;; *) named=$((named + 1)); continue ;; esac
    while [ "${1%% *}" = "$number" ]; do
      tell_file "$1"
      shift
    done
    if [ "$named" -gt "$most" ]; then tell many "$name"; elif [ "$number" -gt 0 ]; then tell pattern "$name"; fi
    number=$((number + 1)) named=0 name=${line#=}
  done
}
tell_file() { # NUMBER INODE SIZE WRITTEN PATH
  path=${1#* * * * } sum=-
  if is_digested "${1%% *}"; then sum=${sums%%"$newline"*} sums=${sums#*"$newline"}; fi
  place=${1#* }
  if can_open "$path"; then tell file "${place%"$path"}$sum $path"; else tell unreadable "$path"; fi
}
# snapshot SECONDS COMMAND: ended in time where the host can, and within this process group, so that none escapes it.
snapshot() {
  if timeout --foreground 1 true 2>/dev/null; then
    timeout --foreground -k 1 "$1" sh -c "$2"
  elif timeout 1 true 2>/dev/null; then
    timeout -k 1 "$1" sh -c "$2"
  else
    sh -c "$2"
  fi 2>/dev/null </dev/null
}
