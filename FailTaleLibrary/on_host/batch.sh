# Several commands one after the other, in a session that they share; what they print goes on as it comes. Set from outside:
#   failtale_nonce     the items' nonce and the visit's
# What exceeds the bound of all ends this shell, and the client asks for the rest again, each item by itself.
failtale_nonce=${failtale_nonce-}
items_nonce=${failtale_nonce% *} nonce=${failtale_nonce#* }
# quick NUMBER TICKS TENTHS CAP PRODUCER.
quick() {
  begin "$1"
  sh -c "$5" </dev/null
  status=$? before=$1 cap=$4
}
# plain NUMBER TICKS TENTHS CAP WORD...: a program and its arguments, without a shell of its own, which takes the host as long.
# What is no program gets one, so that its words are the usual ones.
plain() {
  begin "$1"
  before=$1 cap=$4
  shift 4
  if command -v "$1" >/dev/null; then "$@" </dev/null; else sh -c "$*" </dev/null; fi
  status=$?
}
# several NUMBER TICKS TENTHS CAP TEXT PROGRAM...: the same of programs that are joined by | || && or ;
several() {
  begin "$1"
  before=$1 cap=$4 text=$5
  shift 5
  for each; do
    command -v "$each" >/dev/null || break
    shift
  done
  if [ "$#" -eq 0 ]; then eval "$text" </dev/null; else sh -c "$text" </dev/null; fi
  status=$?
}
# begin NUMBER: the end of one item and the beginning of the next are told by one write: each costs a packet, which takes the
# client as long as an answer.
before=''
begin() {
  if [ -z "$before" ]; then
    printf '\036%s b %s\n' "$nonce" "$1" >&2
    printf '\036%s b %s\n' "$nonce" "$1"
  else
    printf '\036%s cap %s\n\036%s whole\n\036%s e %s\n\036%s b %s\n' \
      "$items_nonce" "$cap" "$items_nonce" "$nonce" "$before" "$nonce" "$1" >&2
    printf '\036%s s %s %s ended\n\036%s e %s\n\036%s b %s\n' "$nonce" "$before" "$status" "$nonce" "$before" "$nonce" "$1"
  fi
}
# beside NUMBER CAP LINE OTHERS: the item of LINE runs beside the others, and a pipe holds what it prints until they have ended. So does
# the end of its status; what comes of its errors among theirs the client asks for again.
beside() {
  {
    # shellcheck disable=SC2329 # the item calls it
    begin() { :; }
    eval "$3"
    printf '\036%s s %s %s ended\n' "$nonce" "$1" "$status"
  } | {
    eval "$4"
    begin "$1"
    no_more_errors "$1" "$2"
    exec cat
  }
}
no_more_errors() {
  printf '\036%s cap %s\n\036%s whole\n\036%s e %s\n' "$items_nonce" "$2" "$items_nonce" "$nonce" "$1" >&2
}
# The end of the last one.
no_more() {
  no_more_errors "$before" "$cap"
  printf '\036%s s %s %s ended\n\036%s e %s\n' "$nonce" "$before" "$status" "$nonce" "$before"
}
