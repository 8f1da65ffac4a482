# Several commands one after the other, in a session that they share; what they print goes on as it comes. Set from outside:
#   failtale_nonce     the items' nonce and the visit's
# What exceeds the bound of all ends this shell, and the client asks for the rest again, each item by itself.
failtale_nonce=${failtale_nonce-}
items_nonce=${failtale_nonce% *} nonce=${failtale_nonce#* }
# quick NUMBER TICKS TENTHS CAP PRODUCER
quick() {
  printf '\036%s b %s\n' "$nonce" "$1" >&2
  printf '\036%s b %s\n' "$nonce" "$1"
  sh -c "$5" </dev/null
  status=$?
  printf '\036%s cap %s\n\036%s whole\n\036%s e %s\n' "$items_nonce" "$4" "$items_nonce" "$nonce" "$1" >&2
  printf '\036%s s %s %s ended\n\036%s e %s\n' "$nonce" "$1" "$status" "$nonce" "$1"
}
