# Frames: lines with which the host tells FailTale how it read. They travel on stderr, beside the evidence, and bear a
# nonce that neither a log nor a list of processes can know: only builtins of the shell ever see it.
# Set from outside: failtale_nonce.
failtale_nonce=${failtale_nonce-}
tell() { printf '\036%s %s\n' "$failtale_nonce" "$*" >&2; }
# Lines that travel beside the evidence.
carry() {
  tell carry
  cat >&2
  tell carried
}
# count WORD: passes stdin on and tells how many lines and bytes it was.
count() { { { tee /dev/fd/3 2>/dev/null >&4; } 3>&1 | counted "$1"; } 4>&1; }
counted() {
  sum=$(wc -lc)
  # shellcheck disable=SC2086 # two numbers among spaces
  tell "$1" $sum
}
# pass CAP: passes the beginning of stdin on as it comes. What follows, which most commands never have, it counts, and passes
# the newest bytes of it. A `dd` that is not there, or that does not know `fullblock`, has read nothing: then all follows.
pass() {
  size=$(($1 < 8192 ? $1 + 1 : 8192))
  most=$(($1 < 57344 ? $1 / size + 1 : 7))
  { blocks=$(dd bs="$size" count="$most" iflag=fullblock 2>&1 >&6); } 6>&1
  case $blocks in
    "$most"+*) ;;
    [0-7]+[01]\ *) tell whole; return ;;
  esac
  printf '\036%s rest\n' "$failtale_nonce"
  count rest | tail -c "$(($1 + 1))"
}
