# Where the logs of a host stand now. `tell` and `carry` speak on stdout here.
# Set from outside: most.
most=${most-}
clock() {
  tell clock "$(date +%s.%N)"
  tell zone "$(date +%z)"
}
cursor() { tell cursor "$(journalctl --no-pager -n 0 --show-cursor 2>/dev/null | sed -n 's/^-- cursor: //p')"; }
# mark PATTERN PATH...: position and identity of each file that the pattern means.
mark() {
  pattern=$1
  shift
  found=$(inventory "$@" | newest_files | sort -k3,3nr)
  if [ -n "$found" ]; then
    # rotation is for logs that are written to: the oldest of many files go by inode and size alone
    sums=$(printf '%s\n' "$found" | head -n 100 | heads | digests)
    { printf '%s\n' "$sums"; echo; printf '%s\n' "$found"; } |
      awk '!n && $0 == "" { n = 1; next } !n { sum[++sums] = $0; next } { print (n in sum ? sum[n] : "-"), $0; n++ }' |
      while read -r sum inode size written path; do
        if [ -r "$path" ]; then
          tell file "$inode" "$size" "$written" "$sum" "$path"
        else
          tell unreadable "$path"
        fi
      done
  fi
  if [ "$#" -gt "$most" ]; then tell many "$pattern"; else tell pattern "$pattern"; fi
}
# From an inventory: what digests() reads.
heads() {
  list=$(cat)
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
