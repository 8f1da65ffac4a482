# Which files a pattern means, and what tells one log's content from another's. One program for all files, never one for
# each: a thousand cost about as much as a few.
# Set from outside: most (files of one pattern), digesting (digest.awk); careful: not empty in a gate.
most=${most-} digesting=${digesting-} careful=${careful-}
# may_follow PATH: in a gate a link on the way counts where root made it, or whoever owns what it points to. So nobody shows
# by a link what he could not have shown himself.
may_follow() {
  if [ -z "$careful" ]; then return 0; fi
  link_rest=${1#/} link_way='' link_count=0
  while [ -n "$link_rest" ]; do
    link_part=${link_rest%%/*}
    case $link_rest in */*) link_rest=${link_rest#*/} ;; *) link_rest='' ;; esac
    case $link_part in '' | .) continue ;; ..) link_way=${link_way%/*}; continue ;; esac
    if ! [ -h "$link_way/$link_part" ]; then
      link_way=$link_way/$link_part
      continue
    fi
    link_count=$((link_count + 1))
    if [ "$link_count" -gt 16 ] || ! is_owners_own "$link_way/$link_part"; then return 1; fi
    link_part=$(readlink "$link_way/$link_part" && echo .)
    link_part=${link_part%??}
    case $link_part in /*) link_way='' ;; esac
    link_rest=$link_part${link_rest:+/$link_rest}
  done
}
# is_owners_own LINK
is_owners_own() {
  # shellcheck disable=SC2012 # a host without stat
  link_owner=$(ls -ldn "$1" 2>/dev/null | awk 'NR == 1 { print $3 }')
  # shellcheck disable=SC2012
  [ "$link_owner" = 0 ] || [ "$link_owner" = "$(ls -ldnL "$1" 2>/dev/null | awk 'NR == 1 { print $3 }')" ]
}
# inventory PATH...: INODE SIZE WRITTEN PATH of each regular file; WRITTEN in epoch seconds, 0 when the host cannot tell.
inventory() {
  if [ -n "$careful" ]; then
    for each; do
      shift
      if may_follow "$each"; then set -- "$@" "$each"; else tell linked "$each"; fi
    done
  fi
  if [ "$#" -eq 0 ]; then return; fi
  if stat -L -c %f / >/dev/null 2>&1; then
    stat -L -c '%f %i %s %Y %n' -- "$@" 2>/dev/null
  else
    # shellcheck disable=SC2012 # a host without stat
    ls -dlniL -- "$@" 2>/dev/null | awk '{
      name = $0
      sub(/^ *[0-9]+ +[^ ]+ +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+ +[^ ]+ +[^ ]+ +[^ ]+ /, "", name)
      print ($2 ~ /^-/ ? "8" : "4") "000", $1, $6, 0, name
    }'
  fi | awk '
    /^[0-9a-f]+ [0-9]+ [0-9]+ [0-9]+ [^ ]/ {
      if (line != "") print line
      line = ""
      if ($1 ~ /^8...$/) line = substr($0, 6)
      next
    }
    { line = "" } # a name with a newline
    END { if (line != "") print line }'
}
# Of an inventory the newest, when there are too many.
newest_files() {
  list=$(cat)
  if [ "$(printf '%s\n' "$list" | wc -l)" -gt "$most" ]; then
    printf '%s\n' "$list" | sort -k3,3nr | head -n "$most"
  else
    printf '%s\n' "$list"
  fi
}
# Sets inode, size and written of a file; 0 when there is none.
look() {
  # shellcheck disable=SC2034 # for the caller
  inode=0 size=0 written=0
  # shellcheck disable=SC2046 # three numbers and a path
  set -- $(inventory "$1")
  # shellcheck disable=SC2034
  if [ "$#" -ge 3 ]; then inode=$1 size=$2 written=$3; fi
}
# Lines COUNT PATH, an empty line and `head -v` of those paths -> a digest of each one's first COUNT bytes, a line each.
digests() { tr '\000' '\001' | awk "$digesting"; }
# digest COUNT: of stdin's first bytes, at most 256.
digest() {
  set -- "$(($1 < 256 ? $1 : 256))"
  { printf '%s -\n\n==> - <==\n' "$1"; head -c "$1"; } | digests
}
