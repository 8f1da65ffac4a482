# The window of a journal. Set from outside:
#   cursor           of a mark; empty where there is none. What stands behind it is in the window,
#   behind           `sure`, or `unsure` when the mark is older than the window and no time tells
#   low_at, high_at  epoch seconds between which the window begins; empty when that is not known
#   high_text        the latter as the journal prints it
#   before, newest   how many lines from ahead of the window, and how many where there is no window, come along
#   max              bytes of all that is printed; entries: how many from before the window the look-back reads
#   unit             that is read; empty for all, or the kernel
#   journal ARGUMENT... runs journalctl with its selection, narrow CAP is the pipeline of the collector's filters
cursor=${cursor-} behind=${behind-sure} low_at=${low_at-} high_at=${high_at-} high_text=${high_text-} before=${before-0} newest=${newest-}
max=${max-} unit=${unit-} entries=${entries-}
failtale_nonce=${failtale_nonce-}
backwards() { # entries, newest first -> oldest first; lines that begin with a space belong to the entry above
  exec awk '/^[^ ]/ { all = entry all; entry = "" } { entry = entry $0 "\n" } END { printf "%s", entry all }'
}
alive() { # the cursor's entry has not been vacuumed away
  [ -n "$cursor" ] || return 1
  [ "$(journalctl --no-pager -o export --cursor="$cursor" 2>/dev/null | head -n 1)" = "__CURSOR=$cursor" ]
}
ahead() { # what was there before the window
  [ "$before" -gt 0 ] || return 0
  journal -r "$@" 2>/dev/null | sed '/^-- /d' | head -n "$before" | backwards | carry
}
# When the first entry behind the cursor was written, as the journal prints it.
first_behind() { journal --after-cursor="$cursor" 2>/dev/null | sed '/^-- /d' | head -n 1 | cut -c 1-26; }
# older MOMENT: entries from before a moment; all, when there is none
older() { exec awk -v moment="$1" '/^[^ ]/ { old = moment == "" || substr($0, 1, 26) < moment } old'; }
# show KIND CAP ARGUMENT...: entries, narrowed; what is behind the cursor is shown by itself.
show() {
  if [ "$1" = unsure ] && [ "$low_at" = "$high_at" ] && [ -n "$low_at" ]; then return; fi
  printf '\036%s part %s %s journal\n' "$failtale_nonce" "$1" "$2"
  kind=$1 cap=$2
  shift 2
  { said=$({ { journal "$@" 3>&- 4>&-; echo "$?" >&3; } | selected | with_look_back "$kind" journal >&4 3>&- 4>&-; } 3>&1); } 4>&1
  if [ "$said" != 0 ]; then status=$said; fi
}
# shellcheck disable=SC2329 # with_look_back calls it
held_before() { if [ -n "$low_at" ]; then journal --until="@$low_at" -n "$entries" 2>/dev/null | sed '/^-- /d'; fi; }
selected() { narrow "$cap"; }
status=0
# shellcheck disable=SC2034 # with_look_back reads it
if [ -z "$low_at" ]; then look_back=''; fi
if alive; then
  tell method cursor
  if [ -n "$low_at" ]; then
    first=$(first_behind)
    ahead --until="@$low_at"
    selected() { older "$first" | older "$high_text" | narrow "$cap"; }
    show unsure "$((max / 4))" --since="@$low_at" --until="@$high_at"
    selected() { older "$first" | narrow "$cap"; }
    show sure "$max" --since="@$high_at"
    selected() { narrow "$cap"; }
  else
    ahead --cursor="$cursor"
  fi
  show "$behind" "$max" --after-cursor="$cursor"
elif [ -n "$low_at" ]; then
  tell method time
  if [ -n "$cursor" ]; then tell vacuumed; fi
  ahead --until="@$low_at"
  selected() { older "$high_text" | narrow "$cap"; }
  show unsure "$((max / 4))" --since="@$low_at" --until="@$high_at"
  selected() { narrow "$cap"; }
  show sure "$max" --since="@$high_at"
else
  tell method tail
  # shellcheck disable=SC2317 # show() calls it
  selected() { sed '/^-- /d' | head -n "$newest" | backwards | narrow "$cap"; }
  show sure "$max" -r
fi
# What a unit said last: of one that is silent in the window whether it was stopped. One that has never written anything may
# not exist: then nobody should take its silence for health.
ended=''
if [ -n "$unit" ]; then ended=$(journal -r -n 40 2>/dev/null | sed '/^-- /d'); fi
if [ -n "$ended" ] && [ -n "$high_text" ] && [ "$before" -eq 0 ] &&
  printf '%s\n' "$ended" | awk -v moment="$high_text" '/^[^ ]/ { told = 1; old = substr($0, 1, 26) < moment; exit } END { exit !(told && old) }'
then
  printf '%s\n' "$ended" | backwards | sift | last_words
fi
if [ -n "$unit" ] && [ -z "$ended" ]; then
  case $(systemctl show -p LoadState --value -- "$unit" 2>/dev/null) in
    not-found) printf 'Unit %s could not be found.\n' "$unit" >&2 ;;
    '') printf 'Nothing of %s is in the journal, and systemctl does not tell whether there is such a unit.\n' "$unit" >&2 ;;
  esac
fi
exit "$status"
