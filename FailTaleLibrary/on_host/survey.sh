# What a host is like, for whoever has to say what is missing there: lines of a WORD and its values, with tabs between
# them. Reads names, modes and sizes, and no file's content but lists of groups. Set from outside:
#   programs   names, with spaces between them
#   units      the same of systemd units
#   paths() calls `path PATTERN PATH...` for each log, `most` times at most what a pattern means
programs=${programs-} units=${units-} most=${most-}
say() {
  printf '%s' "$1"
  shift
  for each; do printf '\t%s' "$(printf '%s' "$each" | tr '\t\n' '  ' | cut -c 1-500)"; done
  echo
}
# shellcheck disable=SC2012 # of one name, and the mode as ls writes it
listed() { ls -ldL -- "$1" 2>/dev/null | awk '{ print $1, $3, $4, $5 }'; } # mode, owner, group, size
account() {
  say user "$(id -un 2>/dev/null)"
  say groups "$(id -Gn 2>/dev/null)"
  say home "${HOME-}" "$([ -d "${HOME-}" ] && echo yes)"
  say system "$(uname -s 2>/dev/null)" "$(sed -n 's/^ID=//p' /etc/os-release 2>/dev/null | tr -d '"')"
  say known_groups "$(cut -d : -f 1 /etc/group 2>/dev/null | tr '\n' ' ')"
  say awk "$(readlink -f "$(command -v awk)" 2>/dev/null)"
}
# Where a program is; where it is none of the login's, in which of the usual folders it lies.
program() {
  place=$(command -v "$1" 2>/dev/null)
  case $place in
    /*) say program "$1" "$place" ;;
    ?*) say program "$1" builtin ;;
    *)
      for each in /usr/sbin /sbin /usr/local/bin /usr/local/sbin /opt/*/bin /usr/lib/*/bin /snap/bin; do
        if [ -x "$each/$1" ]; then say elsewhere "$1" "$each/$1"; return; fi
      done
      say missing "$1"
      ;;
  esac
}
# The first folder on the way that may not be passed; nothing when the way is free.
blocked() {
  folder=
  rest=${1#/}
  while [ "${rest#*/}" != "$rest" ]; do
    folder="$folder/${rest%%/*}"
    rest=${rest#*/}
    case $folder in *[*?]*) return ;; esac
    if [ ! -e "$folder" ] && [ -x "${folder%/*}/" ]; then return; fi
    if [ ! -x "$folder/" ]; then printf '%s' "$folder"; return; fi
  done
}
# The lowest folder on the way that is there.
nearest() {
  folder=${1%/*}
  while [ -n "$folder" ] && [ ! -d "$folder" ]; do folder=${folder%/*}; done
  printf '%s' "${folder:-/}"
}
space() { # WHAT FOLDER
  df -P -- "$2" 2>/dev/null | awk 'END { if (NF >= 6) print $4, $5, $6 }' | {
    read -r kilobytes percent mount
    [ -z "$mount" ] || say space "$1" "$kilobytes" "${percent%\%}" "$mount"
  }
  df -Pi -- "$2" 2>/dev/null | awk 'END { if (NF >= 6) print $5, $6 }' | {
    read -r percent mount
    [ -z "$mount" ] || say inodes "$1" "${percent%\%}" "$mount"
  }
}
path() {
  pattern=$1
  shift
  wall=$(blocked "$pattern")
  if [ -n "$wall" ]; then
    # shellcheck disable=SC2046 # words
    say wall "$pattern" "$wall" $(listed "$wall")
  fi
  folder=$(nearest "$pattern")
  # shellcheck disable=SC2046
  say folder "$pattern" "$folder" "$([ -r "$folder" ] && echo yes)" $(listed "$folder")
  space "$pattern" "$folder"
  number=0
  for each; do
    if [ ! -e "$each" ]; then continue; fi
    number=$((number + 1))
    if [ "$number" -gt "$most" ]; then break; fi
    kind='other'
    if [ -f "$each" ]; then kind='file'; elif [ -d "$each" ]; then kind='folder'; fi
    file=$each
    # shellcheck disable=SC2046
    say match "$pattern" "$file" "$kind" "$([ -r "$file" ] && echo yes)" $(listed "$file")
  done
  # shellcheck disable=SC2012 # for a reader
  if [ "$number" -eq 0 ]; then say names "$pattern" "$(ls -- "$folder" 2>/dev/null | head -n 40 | tr '\n' ' ')"; fi
}
unit() {
  state=$(systemctl show -p LoadState --value -- "$1" 2>/dev/null)
  say unit "$1" "$state"
  if [ "$state" = not-found ]; then
    say units "$(systemctl list-unit-files --no-legend --no-pager --type=service 2>/dev/null | awk '{ print $1 }' |
      head -n 400 | sed 's/\.service$//' | grep -iF -- "$(printf '%s' "${1%%[-.@]*}" | cut -c 1-4)" | head -n 20 | tr '\n' ' ')"
  fi
}
account
for each in $programs; do program "$each"; done
for each in apt-get dnf yum zypper apk opkg; do if command -v "$each" >/dev/null; then say installer "$each"; fi; done
space /tmp /tmp
paths
if command -v systemctl >/dev/null; then for each in $units; do unit "$each"; done; fi
echo end
