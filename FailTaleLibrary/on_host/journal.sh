# The window of a journal. Set from outside:
#   cursor           of a mark; empty where there is none. What stands behind it is in the window,
#   behind           `sure`, or `unsure` when the mark is older than the window and no time tells
#   low_at, high_at  epoch seconds between which the window begins; empty when that is not known
#   high_text        the latter as the journal prints it
#   before, newest   how many lines from ahead of the window, and how many where there is no window, come along
#   max              bytes of all that is printed; entries: how many from before the window the look-back reads
#   unit             that is read; empty for all, or the kernel
#   journal ARGUMENT... becomes journalctl with its selection; narrow CAP is the pipeline of the collector's filters, and matching
#   its grep alone
cursor=${cursor-} behind=${behind-sure} low_at=${low_at-} high_at=${high_at-} high_text=${high_text-} before=${before-0} newest=${newest-}
max=${max-} unit=${unit-} entries=${entries-}
failtale_nonce=${failtale_nonce-}
usual_ifs=$IFS newline='
'
# backwards [MOST]: entries, newest first -> oldest first; of so many lines at most. Lines that begin with a space belong to the
# entry above.
backwards() {
  exec awk -v most="${1-}" '
    /^-- / || (most != "" && ++count > most) { next }
    /^[^ ]/ { all = entry all; entry = "" }
    { entry = entry $0 "\n" }
    END { printf "%s", entry all }'
}
is_alive() { # the cursor's entry has not been vacuumed away
  [ -n "$cursor" ] || return 1
  found=$(exec journalctl --no-pager -o short -n 1 --show-cursor --cursor="$cursor" 2>/dev/null)
  [ "${found##*-- cursor: }" = "$cursor" ]
}
ahead() { # what was there before the window
  [ "$before" -gt 0 ] || return 0
  found=$(journal -r -n "$before" "$@" 2>/dev/null | backwards "$before")
  [ -n "$found" ] || return 0
  tell carry
  say "$found" >&2
  tell carried
}
# older MOMENT: entries from before a moment; all, when there is none
older() { exec awk -v moment="$1" '/^[^ ]/ { old = moment == "" || substr($0, 1, 26) < moment } old'; }

# --- What a variable can hold: most windows, and then no more than journalctl itself has to be started -----------------
# take ARGUMENT...: sets text to the entries; fails where they are more than that. A line of the journal is longer than its time,
# which is 32 bytes: so what is short enough has fewer entries than were asked for, and is complete.
take() {
  text=$(journal -n 1025 "$@")
  said=$?
  if [ "$said" != 0 ]; then status=$said; fi
  case $text in '-- Logs begin '* | '-- Journal begins '*)
    case $text in *"$newline"*) text=${text#*"$newline"} ;; *) text='' ;; esac
    ;;
  esac
  case $text in '-- No entries --'*) text='' ;; esac
  [ "${#text}" -le 32768 ] && [ "${#text}" -lt "$((max / 4))" ]
}
# is_older MOMENT THAN, as the journal prints them; not when that is none.
is_older() {
  for each; do
    case $each in
      [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]) ;;
      *) return 1 ;;
    esac
  done
  IFS=-T:.
  # shellcheck disable=SC2086 # seven numbers each
  set -- $1 $2
  IFS=$usual_ifs
  [ "$1$2$3" -lt "$8$9${10}" ] ||
    { [ "$1$2$3" -eq "$8$9${10}" ] && [ "1$4$5$6$7" -lt "1${11}${12}${13}${14}" ]; }
}
# first_moment TEXT: sets moment.
first_moment() { moment=${1%%"$newline"*} moment=${moment%%[+ ]*}; }
# part_at MOMENT: sets early to the entries of text up to the first that is not older, and leaves the others in it.
part_at() {
  early=''
  first_moment "$text"
  if ! is_older "$moment" "$1"; then return; fi
  early=$(say "$text" | ahead_of "$1" past=0)
  text=$(say "$text" | ahead_of "$1" past=1)
}
ahead_of() { # MOMENT past=0 or past=1
  exec awk -v moment="$1" -v "$2" '/^[^ ]/ && substr($0, 1, 26) >= moment { behind = 1 } past == behind + 0'
}
# give KIND TEXT
give() {
  if [ -z "$2" ]; then return; fi
  if [ "$1" = sure ]; then
    sure_shown=yes
    give_text "$@" "$max" journal
  else
    give_text "$@" "$((max / 4))" journal
  fi
}
# give_window: text, of which what is older than the surely known moment may be older than the window.
give_window() {
  if [ "$low_at" = "$high_at" ]; then early=''; else part_at "$high_text"; fi
  give unsure "$early"
  if [ "$behind" = sure ]; then
    give sure "$text${behind_text:+${text:+$newline}$behind_text}"
  else
    give sure "$text"
    give unsure "$behind_text"
  fi
}
# take_window: all of the window, or fails; then nothing has been said of it.
take_window() {
  behind_text=''
  if [ -n "$alive" ]; then
    take --after-cursor="$cursor" || return 1
    behind_text=$text text=''
  fi
  if [ -z "$low_at" ]; then return; fi
  take --since="@$low_at" || return 1
  if [ -z "$behind_text" ] || [ -z "$text" ]; then return; fi
  first=${behind_text%%"$newline"*}
  case $newline$text in
    *"$newline$first"*)
      text=$newline$text
      text=${text%%"$newline$first"*}
      text=${text#"$newline"}
      ;;
    *) # a clock was set
      first_moment "$behind_text"
      text=$(say "$text" | older "$moment")
      ;;
  esac
}

# --- What is more than that -------------------------------------------------------------------------------------------
# When the first entry behind the cursor was written, as the journal prints it.
first_behind() { journal --after-cursor="$cursor" 2>/dev/null | sed '/^-- /d' | head -n 1 | cut -c 1-26; }
# show KIND CAP ARGUMENT...: entries, narrowed; what is behind the cursor is shown by itself.
show() {
  if [ "$1" = unsure ] && [ "$low_at" = "$high_at" ] && [ -n "$low_at" ]; then return; fi
  printf '\036%s part %s %s journal\n' "$failtale_nonce" "$1" "$2"
  kind=$1 cap=$2
  shift 2
  { said=$({ { (journal "$@" 3>&- 4>&-); echo "$?" >&3; } | selected | with_look_back "$kind" journal >&4 3>&- 4>&-; } 3>&1); } 4>&1
  if [ "$said" != 0 ]; then status=$said; fi
}
selected() { narrow "$cap"; }
show_window() {
  if [ -z "$alive" ]; then
    selected() { older "$high_text" | narrow "$cap"; }
    show unsure "$((max / 4))" --since="@$low_at" --until="@$high_at"
    selected() { narrow "$cap"; }
    show sure "$max" --since="@$high_at"
    return
  fi
  if [ -n "$low_at" ]; then
    first=$(first_behind)
    selected() { older "$first" | older "$high_text" | narrow "$cap"; }
    show unsure "$((max / 4))" --since="@$low_at" --until="@$high_at"
    selected() { older "$first" | narrow "$cap"; }
    show sure "$max" --since="@$high_at"
    selected() { narrow "$cap"; }
  fi
  show "$behind" "$max" --after-cursor="$cursor"
}

# shellcheck disable=SC2329 # with_look_back and look_back_on call it
held_before() { if [ -n "$low_at" ]; then journal --until="@$low_at" -n "$entries" 2>/dev/null; fi; }
status=0 sure_shown='' alive=''
# shellcheck disable=SC2034 # with_look_back reads it
if [ -z "$low_at" ]; then look_back=''; fi
if is_alive; then alive=yes; fi
if [ -n "$alive$low_at" ]; then
  if [ -n "$alive" ]; then
    tell method cursor
  else
    tell method time
    if [ -n "$cursor" ]; then tell vacuumed; fi
  fi
  if [ -n "$low_at" ]; then ahead --until="@$low_at"; else ahead --cursor="$cursor"; fi
  if take_window; then
    if [ -z "$text$behind_text" ]; then tell produced 0 0; fi
    give_window
  else
    status=0
    show_window
  fi
else
  tell method tail
  show sure "$max" -n "$newest"
fi
# What a unit said last: of one that is silent in the window whether it was stopped. One that has never written anything may
# not exist: then nobody should take its silence for health.
if [ -n "$unit" ] && [ -z "$sure_shown" ]; then
  ended=$(journal -r -n 40 2>/dev/null | exec sed '/^-- /d')
  first_moment "$ended"
  if [ -z "$ended" ]; then
    case $(systemctl show -p LoadState --value -- "$unit" 2>/dev/null) in
      not-found) printf 'Unit %s could not be found.\n' "$unit" >&2 ;;
      '') printf 'Nothing of %s is in the journal, and systemctl does not tell whether there is such a unit.\n' "$unit" >&2 ;;
    esac
  elif [ "$before" -eq 0 ] && is_older "$moment" "$high_text"; then
    say "$ended" | backwards | sift | last_words
  fi
fi
exit "$status"
