# Reads the pieces of a plan. A log's times narrow a piece to the window where its mark does not.
narrowed() { # VARIABLE=VALUE...: awk with the program that knows times
  for each; do
    set -- "$@" -v "$each"
    shift
  done
  awk -v since="$since" -v year="$(date +%Y)" -v now="$(date +%s)" "$@" "$latch"
}
# Learns how a log writes time: kind, ahead (seconds ahead of UTC), fine (has fractions).
learn() {
  set -- "$1" $(newest 65536 "$1" | narrowed kind=)
  kind=$2 fine=$5 ahead=$zone
  if [ -z "$kind" ]; then return 1; fi
  if [ "$4" = 0 ] && [ "$zone" -ne 0 ] && fits "$1" "$3" && ! fits "$1" "$(($3 - zone))"; then
    ahead=0
    tell utc "$1"
  fi
  if [ "$fine" = 0 ]; then tell coarse "$1"; fi
}
# fits PATH SECONDS: was the log last written at about its own last time?
fits() {
  apart=$(($2 - $(written "$1")))
  [ "$apart" -gt -120 ] && [ "$apart" -lt 120 ]
}
in_window() {
  tell carry # what it says on stderr are lines from ahead of the window
  narrowed kind="$kind" ahead="$ahead" before="$before" strict="${strict:-0}"
  tell carried
}
# ahead_of START PATH: the lines ahead of a position.
ahead_of() {
  if [ "$before" -eq 0 ]; then return; fi
  first=$(($1 > 16384 ? $1 - 16384 : 0))
  from "$first" "$2" | head -c "$(($1 - first))" |
    if [ "$first" -gt 0 ]; then whole_lines; else cat; fi | tail -n "$before" | carry
}
read_part() { # HOW LOW START PATH
  case $1 in
    mark) tell method mark "$4"; read_marked "$2" "$3" "$4" ;;
    time)
      if learn "$4"; then
        tell method time "$4"
        bounded 0 "$4" | in_window
      else
        tell method tail "$4"
        tell timeless "$4"
        bounded 0 "$4"
      fi ;;
    tail) tell method tail "$4"; bounded 0 "$4" ;;
  esac
}
# What a mark from ahead of the window knows of a log; where a later mark knows it too, that one is exact from there.
# When nothing came behind the later one, the test was too short for it: then the earlier one counts.
read_marked() { # LOW START PATH
  if [ -n "$exact" ]; then
    read_exact "$@"
    return
  fi
  look "$3"
  came=$(late "$inode")
  if [ -z "$came" ] || [ "$came" -lt "$2" ] || [ "$came" -gt "$size" ]; then came=; fi
  if [ -n "$came" ] && { [ "$came" -lt "$size" ] || learn "$3"; }; then
    read_exact "$2" "$came" "$3"
  elif learn "$3"; then
    strict=0
    bounded "$1" "$3" | in_window
  else
    tell early "$3"
    ahead_of "$2" "$3"
    bounded "$2" "$3"
  fi
}
# All behind START is in the window; what lies between LOW and START goes by its times.
read_exact() { # LOW START PATH
  if [ -z "$since" ] || [ "$1" -ge "$2" ]; then
    ahead_of "$2" "$3"
  elif learn "$3"; then
    # whole seconds leave the window's first one open: its lines count where there are no others
    look "$3"
    strict=0
    if [ "$size" -gt "$2" ]; then strict=1; fi
    from "$1" "$3" | head -c "$(($2 - $1))" | in_window
  elif fresh "$3" && look "$3" && [ "$size" -le "$2" ]; then
    # the test was too short for its mark: something of it stands at the end
    tell last "$3"
    newest 16384 "$3" | tail -n 10
  else
    if fresh "$3"; then tell unseen "$3"; fi
    ahead_of "$2" "$3"
  fi
  bounded "$2" "$3"
}
# Which numbers of a plan have something to read.
filled() {
  while read -r number how low start path; do
    look "$path"
    if packed "$path" || [ "$size" -gt "$start" ] || { [ "$size" -gt "$low" ] && fresh "$path"; }; then
      echo "$number"
    fi
  done | uniq
}
fresh() { [ -z "$stale" ] || [ "$(written "$1")" -ge "$stale" ]; }
# deliver NUMBER: from a plan, the pieces of one log.
deliver() {
  while read -r number how low start path; do
    if [ "$number" = "$1" ]; then read_part "$how" "$low" "$start" "$path"; fi
  done
}
title() { sed -n "s/^$1 [^ ]* [^ ]* [^ ]* //p" | tail -n 1; }
# The host's zone in seconds; digits get a 1 ahead, so that no shell takes 08 for an octal number.
utc_offset() {
  set -- "$(date +%z)"
  set -- "${1%????}" "${1#?}"
  echo "$(($1((1${2%??} - 100) * 3600 + (1${2#??} - 100) * 60)))"
}

if [ -z "$zone" ]; then zone=$(utc_offset); fi
tell method "$how"
files=$(patterns)
status=$?
plan=$(printf '%s\n' "$files" | plan)
share=$max
if [ -z "$plan" ]; then
  set --
elif [ -z "$several" ]; then
  set -- 1
else
  set -- $(printf '%s\n' "$plan" | filled)
  if [ "$#" -gt 1 ]; then share=$(((max - $(printf '%s\n' "$plan" | wc -c)) / $# - 1)); fi
  if [ "$share" -lt 512 ]; then share=512; fi
fi
tell cap "$share"
for number; do
  if [ -n "$several" ]; then printf '\036%s heading %s\n' "$failtale_nonce" "$(printf '%s\n' "$plan" | title "$number")"; fi
  printf '%s\n' "$plan" | deliver "$number" | narrow
done
exit "$status"
