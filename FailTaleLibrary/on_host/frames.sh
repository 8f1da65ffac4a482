# Frames: lines with which the host tells FailTale how it read. They travel on stderr, beside the evidence, and bear a
# nonce that neither a log nor a list of processes can know: only builtins of the shell ever see it.
# Set from outside: failtale_nonce.
failtale_nonce=${failtale_nonce-}
tell() { printf '\036%s %s\n' "$failtale_nonce" "$*" >&2; }
# The printf of mksh and posh is a program, which costs as much as any, and `ps` sees what it is given. That of yash is its
# own, though only where there is the program.
if ! PATH=/dev/null printf '' 2>/dev/null; then
  mark_of_frames=$(printf '\036')
  if PATH=/dev/null print -rn -- '' 2>/dev/null; then
    tell() { print -r -- "$mark_of_frames$failtale_nonce $*" >&2; }
  elif PATH=/dev/null echo >/dev/null 2>&1; then
    tell() { echo_as_is "$mark_of_frames$failtale_nonce $*" >&2; }
  fi
fi
# echo_as_is TEXT: for an echo that takes a backslash for its own.
echo_as_is() {
  as_is='' not_yet=$1
  while :; do
    case $not_yet in *\\*) as_is=$as_is${not_yet%%\\*}\\\\ not_yet=${not_yet#*\\} ;; *) break ;; esac
  done
  echo "$as_is$not_yet"
}
# Lines that travel beside the evidence.
carry() {
  tell carry
  cat >&2
  tell carried
}
# count WORD: passes stdin on and tells how many lines and bytes it was; a host without tee tells nothing of that.
count() {
  command -v tee >/dev/null 2>&1 || exec cat
  { tee /dev/fd/3 2>/dev/null 3>&1 >&4 | counted "$1"; } 4>&1
}
counted() {
  sum=$(exec wc -lc)
  # shellcheck disable=SC2086 # two numbers among spaces
  tell "$1" $sum
}
# stream BLOCKS SIZE: passes stdin on as it comes, in so many reads at most; whether that was all of it. What a command has
# printed is then beyond this host when the connection is cut. A `dd` that is not there has read nothing.
stream() {
  { blocks=$(dd bs="$2" count="$1" 2>&1 >&6); } 6>&1
  blocks=${blocks%% records in*}
  blocks=${blocks##*[!0-9+]} # GNU's dd may warn in front of it
  case $blocks in
    *+*) [ "$((${blocks%+*} + ${blocks#*+}))" -lt "$1" ] ;;
    *) return 1 ;;
  esac
}
# pass CAP: what most commands print passes as it comes. What follows is counted, and the newest bytes of it pass.
pass() {
  if stream "$(($1 < 57344 ? $1 / 512 + 1 : 112))" 512; then tell whole; return; fi
  printf '\036%s rest\n' "$failtale_nonce"
  count rest | tail -c "$(($1 + 1))"
}
# newest BYTES: the same of what bounds and counts itself; should it exceed that, the newest bytes pass at last.
newest() {
  size=$(($1 < 65536 ? 512 : 4096))
  stream "$(($1 / size))" "$size" || exec tail -c "$1"
}
# in_one_piece BYTES: the newest bytes, once all have come. Each piece of an answer costs the client what a small answer does.
in_one_piece() { exec tail -c "$1"; }
