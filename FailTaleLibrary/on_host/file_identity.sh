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
# can_open PATH: may this account read it? Some sandboxes refuse the system call by which `[ -r` asks (faccessat2, which the seccomp
# filters of older container engines do not know): it says no of a file that opens.
can_open() { [ -r "$1" ] || (exec <"$1") 2>/dev/null; }
# A process costs a host as much as reading ten thousand lines: what is split, counted or cut here, the shell does by itself.
newline='
'
usual_ifs=$IFS
by_line() { IFS=$newline; set -f; }
by_word() { IFS=$usual_ifs; set +f; }
# inventory PATH...: sets found to lines MODE INODE SIZE WRITTEN PATH; MODE begins with an 8 where it is a regular file,
# WRITTEN is in epoch seconds, 0 when the host cannot tell. A name with a newline is left out.
inventory() {
  found='' odd=$careful
  for each; do case $each in *"$newline"*) odd=yes; break ;; esac; done
  if [ -n "$odd" ]; then
    for each; do
      shift
      case $each in *"$newline"*) continue ;; esac
      if may_follow "$each"; then set -- "$@" "$each"; else tell linked "$each"; fi
    done
  fi
  if [ "$#" -eq 0 ]; then return; fi
  if [ "$#" -gt 2000 ]; then
    found=$(printf '%s\000' "$@" | xargs -0 stat -L -c '%f %i %s %Y %n' -- 2>/dev/null | newest_files)
    case $found in ????*' '*) ;; *) found=$(in_parts "$@" | newest_files) ;; esac
    return
  fi
  found=$(stat -L -c '%f %i %s %Y %n' -- / "$@" 2>/dev/null)
  case $found in
    4???' '*"$newline"*) found=${found#*"$newline"} ;;
    4???' '*) found='' ;;
    *) found=$(inventory_of_ls "$@") ;;
  esac
}
newest_files() { grep '^8' | sort -k4,4nr | head -n 2000; }
# The inventory of more paths than a program takes for arguments, where no other one passes them on.
in_parts() {
  part='' count=0
  for each; do
    part=$part$each$newline count=$((count + 1))
    if [ "$count" -eq 500 ]; then one_part; fi
  done
  if [ "$count" -gt 0 ]; then one_part; fi
}
one_part() {
  by_line
  # shellcheck disable=SC2086 # one word a line
  set -- $part
  by_word
  inventory "$@"
  printf '%s\n' "$found"
  part='' count=0
}
# The same on a host without such a stat, whose ls sorts them.
inventory_of_ls() {
  # shellcheck disable=SC2012
  ls -dlniL -- "$@" 2>/dev/null | awk '{
    name = $0
    sub(/^ *[0-9]+ +[^ ]+ +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+ +[^ ]+ +[^ ]+ +[^ ]+ /, "", name)
    print ($2 ~ /^-/ ? "8" : "4") "000", $1, $6, 0, name
  }'
}
# Sets inode, size and written of a file; 0 when there is none.
look() {
  # shellcheck disable=SC2034 # for the caller
  inode=0 size=0 written=0
  inventory "$1"
  case $found in 8*) ;; *) return ;; esac
  set -f
  # shellcheck disable=SC2086 # four numbers and a path
  set -- $found
  set +f
  # shellcheck disable=SC2034
  inode=$2 size=$3 written=$4
}
# Lines COUNT PATH, an empty line and `head -v` of those paths -> a digest of each one's first COUNT bytes, a line each.
digests() { tr '\000' '\001' | awk "$digesting"; }
