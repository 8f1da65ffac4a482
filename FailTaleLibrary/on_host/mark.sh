# Where the logs of a host stand now. `tell` and `carry` speak on stdout here.
# Set from outside: most.
most=${most-} marked=
clock() {
  tell clock "$(date +%s.%N)"
  tell zone "$(date +%z)"
}
cursor() { tell cursor "$(journalctl --no-pager -n 0 --show-cursor 2>/dev/null | sed -n 's/^-- cursor: //p')"; }
# mark PATTERN PATH...: the files that a pattern means are to be marked, by `marks`.
mark() {
  marked="$marked$(listed "$@")
"
}
# A path of two lines is none of them.
listed() {
  printf '=%s\n' "$1"
  shift
  for path; do
    case $path in
      *'
'*) ;;
      *) printf '%s\n' "$path" ;;
    esac
  done
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
  found=$(all_files "$1")
  found=$(
    { printf '%s\n' "$1"; echo; printf '%s\n' "$found"; } | awk '
      !listed && $0 == "" { listed = 1; next }
      !listed && /^=/ { number++; next }
      !listed { if (!known[number, $0]++) patterns[$0] = patterns[$0] " " number; next }
      NF {
        path = $0
        sub(/^[0-9]+ [0-9]+ [0-9]+ /, "", path)
        if (told[path]++) next
        count = split(patterns[path], pattern, " ")
        for (i = 1; i <= count; i++) print pattern[i], $0
      }' | sort -k1,1n -k4,4nr | awk -v most="$most" '++count[$1] <= most'
  )
  # rotation is for logs that are written to: the oldest of many files go by inode and size alone
  sums=$(printf '%s\n' "$found" | awk '
    NF && ++count[$1] <= 100 { sub(/^[0-9]+ /, ""); path = $0; sub(/^[0-9]+ [0-9]+ [0-9]+ /, "", path); if (!told[path]++) print }
  ' | heads | digests)
  { printf '%s\n' "$1"; echo; printf '%s\n' "$sums"; echo; printf '%s\n' "$found"; } | awk -v most="$most" '
    $0 == "" && parts < 2 { parts++; next }
    !parts && /^=/ { name[++patterns] = substr($0, 2); next }
    !parts { paths[patterns]++; next }
    parts == 1 { sum[++sums] = $0; next }
    NF {
      path = $0
      sub(/^[0-9]+ [0-9]+ [0-9]+ [0-9]+ /, "", path)
      if (++count[$1] <= 100 && !(path in sum_of)) sum_of[path] = sum[++used]
      files[$1] = files[$1] $2 " " $3 " " $4 " " ((path in sum_of) ? sum_of[path] : "-") " " path "\n"
    }
    END { for (i = 1; i <= patterns; i++) print files[i] "=" (paths[i] > most ? "many" : "pattern") " " name[i] }' |
    while IFS= read -r line; do
      case $line in
        =*) tell "${line#=}" ;;
        *)
          path=${line#* * * * }
          if [ -r "$path" ]; then tell file "$line"; else tell unreadable "$path"; fi
          ;;
      esac
    done
}
# The inventory of all files of a list.
all_files() {
  IFS='
'
  set -f
  # shellcheck disable=SC2046 # one word a line
  set -- $(printf '%s\n' "$1" | grep -v '^=')
  inventory "$@"
}
# From an inventory: what digests() reads.
heads() {
  list=$(cat)
  if [ -z "$list" ]; then return; fi
  printf '%s\n' "$list" | awk '{ size = $2 + 0; sub(/^[0-9]+ [0-9]+ [0-9]+ /, ""); print (size < 256 ? size : 256), $0 }'
  echo
  IFS='
'
  set -f
  # shellcheck disable=SC2046 # one word a line
  set -- $(printf '%s\n' "$list" | cut -d ' ' -f 4-)
  head -v -c 256 -- "$@" 2>/dev/null
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
