# The window of a journal. Set ahead of this text: journal() (journalctl with its selection), cursor, since, marked_at,
# before.
backwards() { # entries, newest first -> oldest first; lines that begin with a space belong to the entry above
  awk '/^[^ ]/ { all = entry all; entry = "" } { entry = entry $0 "\n" } END { printf "%s", entry all }'
}
alive() { # the cursor's entry has not been vacuumed away
  [ -n "$cursor" ] || return 1
  [ "$(journalctl --no-pager -o export --cursor="$cursor" 2>/dev/null | head -n 1)" = "__CURSOR=$cursor" ]
}
ahead() { # what was there before the window
  [ "$before" -gt 0 ] || return 0
  journal -r "$@" 2>/dev/null | sed '/^-- /d' | head -n "$before" | backwards | carry
}
if alive; then
  tell method cursor
  if [ -n "$since" ]; then
    ahead --until="@$since"
    journal --since="@$since" --until="@$marked_at" 2>/dev/null
  else
    ahead --cursor="$cursor"
  fi
  journal --after-cursor="$cursor"
elif [ -n "$since" ]; then
  tell method time
  if [ -n "$cursor" ]; then tell vacuumed; fi
  ahead --until="@$since"
  journal --since="@$since"
else
  tell method tail
  journal -r | sed '/^-- /d' | head -n "$newest" | backwards
fi
