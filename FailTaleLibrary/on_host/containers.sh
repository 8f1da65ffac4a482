# The window of containers' logs, as the engine keeps them: each container is a source of its own. Set from outside:
#   engine              words of it (docker, sudo -n podman); empty: the first that answers
#   low_at              epoch seconds at which the window begins at the earliest; empty: no window, the newest lines
#   low_text, high_text between which it begins, as the engine prints it, in UTC and without the Z
#   reach               seconds ahead of the window that the look-back reads, and scan: newest bytes that are read of one log
#   before, newest      how many lines from ahead of the window, and how many where there is no window, come along
#   max                 bytes of all that is printed; several: whether more than one container may be meant
#   wanted NAME says whether a container is, missing FILE... names those that are not there; narrow CAP is the pipeline of the
#   collector's filters
engine=${engine-} low_at=${low_at-} low_text=${low_text-} high_text=${high_text-} reach=${reach-0} scan=${scan-}
before=${before-0} newest=${newest-} max=${max-} several=${several-}
failtale_nonce=${failtale_nonce-}
newline='
'
usual_ifs=$IFS
export TZ=UTC0
# Some tools of an engine say on standard error what they are; what a call says is kept for when none answers.
find_engine() {
  if [ -n "$engine" ]; then set -- "$engine"; else set -- docker podman nerdctl; fi
  for engine; do
    command -v "${engine##* }" >/dev/null 2>&1 || continue
    # shellcheck disable=SC2086 # words
    if listed=$($engine ps --all --format '{{.Names}} {{.CreatedAt}}' 2>&1); then return; fi
    said="${said-}$listed
"
  done
  printf '%s' "${said:-no container engine: neither docker nor podman is on this host: command not found
}" >&2
  exit 1
}
# pick FROM TO: lines from one moment to before another; `-` for no bound. A line without a time belongs to the one above.
pick() {
  exec awk -v from="$1" -v to="$2" '
    match($1, /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9:.]+Z$/) {
      at = substr($1, 1, length($1) - 1)
      chosen = (from == "-" || at >= from) && (to == "-" || at < to)
    }
    chosen'
}
# shellcheck disable=SC2317,SC2329 # with_look_back calls it
held_before() { say "$text" | pick - "$low_text" | tail -c 1048576; }
# read_log NAME [ARGUMENT...]: sets text. What the engine says of its own has no time ahead.
read_log() {
  # shellcheck disable=SC2086,SC2145 # words
  text=$({ $engine logs --timestamps "$@" 2>&1 || echo "failtale: $?"; } | tail -c "$scan")
  case $text in
    *'failtale: '[0-9]*)
      case $text in
        *'not support reading'* | *'cannot be read'* | *'logging driver'*) for name; do :; done; tell unlogged "$name" ;;
        *) say "$text" | sed '/^failtale: /d' | tail -n 1 >&2; status=1 ;;
      esac
      text=''
      ;;
  esac
  [ "${#text}" -lt "$((scan - 4096))" ] || { for name; do :; done; tell skipped 0 "$name"; }
}
# deliver NAME CREATED
deliver() {
  if [ -z "$low_at" ]; then
    tell method tail "$1"
    read_log --tail "$newest" "$1"
    [ -z "$text" ] || give_text sure "$text" "$share" "$1"
    return
  fi
  tell method time "$1"
  created=${2#* } created=${2%% *}T${created%% *}
  case $created in
    [0-9]*T[0-9]*) if expr "x$low_text" '<=' "x$created" >/dev/null; then tell created "$1"; fi ;;
  esac
  read_log --since "$((${low_at%.*} - reach))" "$1"
  [ -n "$text" ] || return 0
  if [ "$before" -gt 0 ]; then say "$text" | pick - "$low_text" | tail -n "$before" | carry; fi
  unsure=''
  if [ "$low_text" != "$high_text" ]; then unsure=$(say "$text" | pick "$low_text" "$high_text"); fi
  if [ -n "$unsure" ]; then
    give_text unsure "$unsure" "$((share / 4))" "$1"
  fi
  sure=$(say "$text" | pick "$high_text" -)
  if [ -n "$sure" ]; then
    give_text sure "$sure" "$share" "$1"
  fi
}

status=0
# shellcheck disable=SC2034 # with_look_back reads it
if [ -z "$low_at" ]; then look_back=''; fi
find_engine
chosen='' names='' count=0
IFS=$newline
set -f
for line in $listed; do
  IFS=$usual_ifs
  if wanted "${line%% *}"; then chosen="$chosen$line$newline" names="$names ${line%% *}" count=$((count + 1)); fi
done
IFS=$usual_ifs
set +f
if [ -n "$several" ]; then tell several; fi
if [ -n "$low_at" ]; then tell method time; else tell method tail; fi
# shellcheck disable=SC2086 # words
missing $names
if [ -z "$chosen" ]; then
  tell produced 0 0
  exit "$status"
fi
share=$((max / count - 100))
if [ "$share" -lt 512 ]; then share=512; fi
IFS=$newline
set -f
for line in $chosen; do
  IFS=$usual_ifs
  set +f
  deliver "${line%% *}" "${line#* }" </dev/null
done
exit "$status"
