# Where the logs of a host stand now. `tell` and `carry` speak on stdout here.
clock() {
  tell clock "$(date +%s.%N)"
  tell zone "$(date +%z)"
}
cursor() { tell cursor "$(journalctl --no-pager -n 0 --show-cursor 2>/dev/null | sed -n 's/^-- cursor: //p')"; }
# mark PATTERN PATH...: position and identity of each file that the pattern means.
mark() {
  pattern=$1
  shift
  choose "$@" | while IFS= read -r path; do
    look "$path"
    if [ -r "$path" ]; then
      tell file "$inode" "$size" "$(digest "$size" < "$path")" "$path"
    else
      tell unreadable "$path"
    fi
  done
  if [ "$#" -gt "$most" ]; then tell many "$pattern"; else tell pattern "$pattern"; fi
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
