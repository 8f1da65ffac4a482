# Reads the pieces of a plan: first where the window begins in each, then the lines. Set from outside:
#   how, stale         as in plan_files.sh
#   low_at, high_at    epoch seconds between which the window begins; empty when that is not known
#   zone               seconds that the host's zone is ahead of UTC; empty: the host is asked
#   before             how many lines from ahead of the window come along
#   several            not empty: each file has a heading
#   max                bytes of all that is printed; scan: newest bytes of one file in which the window is sought
#   times              the awk program that knows times
#   reach              newest bytes from before the window that the look-back reads
#   patterns() prints the inventory, narrow CAP is the pipeline of the collector's filters
how=${how-} stale=${stale-} low_at=${low_at-} high_at=${high_at-} zone=${zone-} before=${before-} several=${several-}
max=${max-} scan=${scan-} reach=${reach-} times=${times-} written=0
failtale_nonce=${failtale_nonce-}
sample=262144
planning=5 # seconds after which no further file is looked into, so that what was found is read within the limits
# timed VARIABLE=VALUE...: awk with the program that knows times
timed() {
  for each; do
    set -- "$@" -v "$each"
    shift
  done
  tr '\000' '\001' | awk -v low="$low_at" -v high="$high_at" -v year="$year" -v now="$now" \
    -v ahead_then="$zone_then" "$@" "$times"
}
# Learns how a log writes time, from its newest lines: sets kind, ahead, dated, step, sparse and fits, and least and most,
# the seconds that its clock may be behind the host's; tells it. Fails where most lines have no time that can be used.
learn() { # PATH BYTES
  first=$((size > $2 ? size - $2 : 0))
  # shellcheck disable=SC2046 # ten words
  set -- "$1" $(from "$first" "$1" | timed kind= ahead="$zone" turned="$turned" written="$written" points="$points" \
    first="$first" torn="$((first > 0))")
  if [ "$#" -lt 11 ]; then
    kind=-
    unfit=timeless
    if [ "$#" = 3 ]; then unfit="stray $3"; fi
    tell times - 0 "$1"
    return 1
  fi
  kind=$2 ahead=$3 dated=$5 step=$6 sparse=$7 fits=$8 behind_least=$9 behind_most=${10}
  tell times "$kind" "$ahead" "$1"
  case $4 in utc) tell utc "$1" ;; other) tell zoned "$3" "$1" ;; esac
  case $4-${11} in *-0) ;; lies-[!=]*) tell lies "${11}" "$1" ;; *) tell apart "${11}" "$1" ;; esac
}
# begin LOW PROVEN PATH: sets maybe and sure, the positions from which on a piece may be and is in the window.
begin() {
  measure "$3"
  behind=$2
  if [ "$2" = - ] || [ "$2" -gt "$size" ]; then behind=$size; fi
  maybe=$behind sure=$behind kind=
  if [ "$1" = "$behind" ]; then return; fi
  # A mark proves that the file has grown, whatever the clock of its file server says.
  if [ "$1" = - ] && [ -n "$stale" ] && [ "$written" -gt 0 ] && [ "$written" -lt "$stale" ]; then return; fi
  if [ -z "$low_at" ]; then
    begin_without_times "$@"
  elif [ "$size" -eq 0 ] && ! packed "$3"; then
    return # no line in it could have a time
  elif learn "$3" "$sample"; then
    if [ "$dated" = 0 ]; then tell undated "$3"; fi
    case $step in 1) tell coarse "$3" ;; 60) tell minutes "$3" ;; esac
    begin_by_times "$@"
  else
    tell "$unfit" "$3"
    begin_without_times "$@"
  fi
}
begin_without_times() { # LOW PROVEN PATH
  if [ "$1" != - ]; then
    maybe=$1
    if [ $((behind - maybe)) -gt "$scan" ]; then
      tell skipped "$((behind - maybe - scan))" "$3"
      maybe=$((behind - scan))
    fi
  elif [ "$2" = - ]; then
    tell method tail "$3"
    maybe=$((size > scan ? size - scan : 0))
    if [ "$maybe" -gt 0 ]; then tell skipped "$maybe" "$3"; fi
  elif [ -z "$low_at" ] || [ "$written" -eq 0 ] || [ $((written + 1)) -ge "${low_at%.*}" ]; then
    maybe=$((behind - $(newest_lines 20 "$behind" "$3" | wc -c)))
  fi
}
begin_by_times() { # LOW PROVEN PATH
  last=$written turn=0
  if [ "$behind" -lt "$size" ]; then last=$(written_to "$behind"); fi
  if [ "$ahead" = "$zone" ]; then turn=$turned; fi
  for reach in "$sample" "$scan"; do
    start=$((behind > reach ? behind - reach : 0)) known=0
    if [ "$1" != - ] && [ "$1" -ge "$start" ]; then start=$1 known=1; fi
    torn=0
    if [ "$known" = 0 ] && [ "$start" -gt 0 ]; then
      torn=$(between "$start" "$behind" "$3" | head -n 1 | wc -c)
      if [ $((start + torn)) -ge "$behind" ]; then torn=0; fi # one line longer than all that is searched
    fi
    start=$((start + torn))
    # shellcheck disable=SC2046 # three numbers
    set -- "$1" "$2" "$3" $(between "$start" "$behind" "$3" |
      timed kind="$kind" ahead="$ahead" marked="$known" sparse="$sparse" written="$last" turned="$turn" \
        least="$behind_least" most="$behind_most")
    if [ "$start" -eq 0 ] || [ "$known" = 1 ] || [ "$4" -gt 0 ] || [ "$4" = -1 ]; then break; fi
    if [ "$reach" = "$scan" ]; then tell skipped "$start" "$3"; break; fi
    set -- "$1" "$2" "$3"
  done
  case $4 in
    -2) if [ "$1" = - ]; then begin_without_times "$1" 0 "$3"; else maybe=$start; fi ;; # no line has a time
    -1) ;;
    *) maybe=$((start + $4)) ;;
  esac
  if [ "$6" -gt 0 ]; then
    tell untold "$3"
    if [ "$fits" = 0 ] || { [ "$6" = 2 ] && [ "$1" != - ]; }; then # a mark proves more than such times
      by_times=$maybe
      begin_without_times "$1" "$2" "$3"
      if [ "$by_times" -lt "$maybe" ]; then maybe=$by_times; fi
    fi
  fi
  if [ "$5" -ge 0 ] && [ "$points" != ring ]; then sure=$((start + $5)); fi
}
# written_to POSITION: when a mark saw the piece written so far; 0 when none did.
written_to() {
  case ",$points" in
    *",$1:"*) at=${points##*"$1:"} && echo "${at%%:*}" ;;
    *) echo 0 ;;
  esac
}
# newest_lines COUNT END PATH: the last lines ahead of a position.
newest_lines() {
  first=$(($2 > 16384 ? $2 - 16384 : 0))
  between "$first" "$2" "$3" | if [ "$first" -gt 0 ]; then whole_lines; else cat; fi | tail -n "$1"
}
# From a plan: NUMBER MAYBE SURE SIZE PATH of the pieces that have something to read.
begin_all() {
  pieces_of=0 planned=0 unread=0
  while read -r number low proven points path; do
    planned=$((planned + 1))
    if [ "$unread" -gt 0 ] || { [ $((planned % 20)) -eq 0 ] && [ $(($(date +%s) - now)) -ge "$planning" ]; }; then
      unread=$((unread + 1))
      continue
    fi
    if packed "$path" && ! can_read "$path"; then continue; fi
    if [ "$how" = tail ]; then
      tell method tail "$path"
      measure "$path"
      maybe=$((size > scan ? size - scan : 0)) sure=$maybe kind=
      if [ "$maybe" -gt 0 ]; then tell skipped "$maybe" "$path"; fi
    else
      tell method "$(method "$low" "$proven")" "$path"
      begin "$low" "$proven" "$path"
      if begins_anew; then tell fresh "$path"; fi
    fi
    pieces_of=$number
    if [ "$size" -gt "$maybe" ]; then
      # for those who judge the lines
      if [ -z "$kind" ] && [ "$planned" -le 100 ]; then learn "$path" 32768 || :; fi
      printf '%s %s %s %s %s\n' "$number" "$maybe" "$sure" "$size" "$path"
    elif [ "$before" -gt 0 ] && [ "$how" != tail ]; then
      newest_lines "$before" "$size" "$path" | carry
    fi
  done
  if [ "$unread" -gt 0 ]; then tell unread "$unread"; fi
}
# Does a log begin in the window, while nobody knows of an earlier piece of it?
begins_anew() {
  if [ "$number" = "$pieces_of" ] || [ "$low" != - ] || [ "$maybe" -gt 0 ] || [ "$size" -eq 0 ]; then return 1; fi
  case $low_at-$kind in -* | *-) return 1 ;; esac # a log of times, and a window that has one
  if [ "$sure" -gt 0 ] && [ "$behind_least $behind_most" != "0 0" ]; then return 1; fi # and a clock that tells so
}
method() { if [ "$1" != - ] || [ "$2" != - ]; then echo mark; else echo time; fi; }
# deliver NUMBER MAYBE SURE PATH
deliver() {
  if [ "$before" -gt 0 ] && [ "$how" != tail ]; then newest_lines "$before" "$2" "$4" | carry; fi
  if [ "$3" -gt "$2" ]; then
    cap=$((size > $3 ? share / 4 : share))
    print_part unsure "$cap" "$4"
    between "$2" "$3" "$4" | narrow "$cap" | with_look_back unsure "$4"
  fi
  if [ "$size" -gt "$3" ]; then
    print_part sure "$share" "$4"
    from "$3" "$4" | narrow "$share" | with_look_back sure "$4"
  fi
}
# On stdout, between the lines: whose lines follow, how sure they are and how many bytes they may be.
print_part() { printf '\036%s part %s %s %s\n' "$failtale_nonce" "$1" "$2" "$3"; }
# For the look-back: what the log held before its window's first byte; of a rotated one, before that of its first piece.
# shellcheck disable=SC2329 # with_look_back calls it
held_before() {
  if [ "$how" = tail ]; then return; fi
  first=$((held_end > reach ? held_end - reach : 0))
  if [ "$first" -eq 0 ]; then predecessor | tail -c "$((reach - held_end))"; fi
  between "$first" "$held_end" "$held_path" | if [ "$first" -gt 0 ]; then whole_lines; else cat; fi
}
# The newest rotated copy that is older than the piece.
# shellcheck disable=SC2329
predecessor() {
  base=$held_path
  case $base in *.[0-9] | *.[0-9][0-9]) base=${base%.*} ;; esac
  # shellcheck disable=SC2034 # trusted_names reads it
  name=${base##*/}
  # shellcheck disable=SC2012 # the newest first
  ls -1td -- "$base"[-._]*[0-9]* 2>/dev/null | trusted_names | while IFS= read -r each; do
    # shellcheck disable=SC3013 # all shells that FailTale knows compare files by -ot
    if [ -f "$each" ] && [ -r "$each" ] && [ "$each" -ot "$held_path" ]; then
      content "$each"
      break
    fi
  done
}
# What the log said last, where it said then that it stopped: of several files the one that was written last, of one that was
# emptied its rotated copy.
fell_silent() {
  held_path=$(printf '%s\n' "$files" | sort -k3,3n | tail -n 1)
  held_path=${held_path#* * * }
  if [ -z "$held_path" ] || packed "$held_path"; then return; fi
  measure "$held_path"
  if [ "$size" -eq 0 ]; then predecessor | tail -c 16384; else newest_lines 200 "$size" "$held_path"; fi | sift | last_words
}
# utc_offset [EPOCH]: the host's zone in seconds, now or then; digits get a 1 ahead, so that no shell takes 08 for an octal
# number.
utc_offset() {
  set -- "$(date ${1:+-d "@$1"} +%z 2>/dev/null)"
  case $1 in [+-]????) ;; *) return ;; esac
  hours=${1#?}
  seconds=$(((1${hours%??} - 100) * 3600 + (1${1#???} - 100) * 60))
  case $1 in -*) echo "$((-seconds))" ;; *) echo "$seconds" ;; esac
}
# Sets turned and zone_then: when the host's clocks were last turned, for summer time or from it, and its zone until then;
# 0 where not since two hours before the window. Where the host's `date` reads no moments, nobody knows.
find_turn() {
  zone_then=$zone turned=0
  if [ -z "$low_at" ] || [ "$(utc_offset)" != "$zone" ]; then return; fi
  from=$((${low_at%.*} - 7200)) to=$now
  then=$(utc_offset "$from")
  if [ -z "$then" ] || [ "$then" = "$zone" ]; then return; fi
  while [ $((to - from)) -gt 1 ]; do
    middle=$(((from + to) / 2))
    if [ "$(utc_offset "$middle")" = "$zone" ]; then to=$middle; else from=$middle; fi
  done
  zone_then=$then turned=$to
}

# shellcheck disable=SC2034 # with_look_back reads it
if [ "$how" = tail ]; then look_back=''; fi # nothing is before no window
# shellcheck disable=SC2046 # two numbers
set -- $(date '+%Y %s')
year=$1 now=$2
if [ -z "$zone" ]; then zone=$(utc_offset); fi
find_turn
if [ -n "$several" ]; then tell several; fi
tell method "$how"
files=$(patterns)
status=$?
pieces=$(printf '%s\n' "$files" | plan | begin_all)
share=$max
if [ -z "$pieces" ]; then
  tell produced 0 0
  if [ "$before" -eq 0 ] && [ "$how" != tail ]; then fell_silent; fi
else
  if [ -n "$several" ]; then
    share=$(((max - $(printf '%s\n' "$pieces" | wc -c)) / $(printf '%s\n' "$pieces" | wc -l) - 1))
    if [ "$share" -lt 512 ]; then share=512; fi
  fi
  held=
  printf '%s\n' "$pieces" | while read -r number maybe sure size path; do
    if [ "$number" != "$held" ]; then held=$number held_end=$maybe held_path=$path; fi
    deliver "$number" "$maybe" "$sure" "$path" </dev/null
  done
fi
exit "$status"
