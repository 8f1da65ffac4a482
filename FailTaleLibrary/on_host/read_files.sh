# Reads the pieces of a plan: first where the window begins in each, then the lines. Set from outside:
#   how, stale         as in plan_files.sh
#   low_at, high_at    epoch seconds between which the window begins; empty when that is not known
#   zone               seconds that the host's zone is ahead of UTC; empty: the host is asked
#   before             how many lines from ahead of the window come along
#   several            not empty: each file has a heading
#   max                bytes of all that is printed; scan: newest bytes of one file in which the window is sought
#   times              the awk program that knows times
#   widest             newest bytes of a piece that are read: what is more takes longer than an item may
#   reach              newest bytes from before the window that the look-back reads
#   kept       how many lines of a part the client keeps
#   patterns() sets files, as plan_files.sh has them; narrow CAP is the pipeline of the collector's filters, and matching its
#   grep alone, where `greps` is not empty
how=${how-} stale=${stale-} low_at=${low_at-} high_at=${high_at-} zone=${zone-} before=${before-} several=${several-}
kept=${kept-} greps=${greps-} brief=${brief-} look_back=${look_back-} max=${max-} scan=${scan-} widest=${widest-} reach=${reach-} times=${times-} all_formats=${all_formats-} common_formats=${common_formats-} written=0 newline=${newline-} parts=${parts-}
failtale_nonce=${failtale_nonce-}
sample=262144
planning=5 # seconds after which no further file is looked into, so that what was found is read within the limits
reading=8  # and after which none is read any more
# timed VARIABLE=VALUE...: pieces, as times.awk reads them -> a line on each.
timed() {
  for each; do
    set -- "$@" -v "$each"
    shift
  done
  awk -v low="$low_at" -v high="$high_at" -v year="$year" -v now="$now" -v host_ahead="$zone" -v ahead_then="$zone_then" \
    -v turned="$turned" "$@" "$times$formats"
}
# send_piece NUMBERS FROM END PATH: one of these pieces, up to the end of the file where END is `-`.
send_piece() {
  printf '\036%s %s\n' "$failtale_nonce" "$1"
  if [ "$3" != - ]; then
    between "$2" "$3" "$4" | tr '\000' '\001'
  elif [ "$2" = 0 ] && ! packed "$4"; then
    tr '\000' '\001' < "$4"
  else
    from "$2" "$4" | tr '\000' '\001'
  fi
  printf '\n'
}
# ask LOW PROVEN: what $path holds from where on, as far as that is known without its times: sets maybe and sure, the positions
# from which on the piece may be and is in the window. Sets search where its times have to tell, and asks for them.
ask() {
  search=''
  if [ "$how" = tail ]; then
    tell method tail "$path"
    maybe=$((size > scan ? size - scan : 0)) sure=$maybe
    if [ "$maybe" -gt 0 ]; then tell skipped "$maybe" "$path"; fi
  else
    if [ "$1$2" = -- ]; then tell method time "$path"; else tell method mark "$path"; fi
    behind=$2
    if [ "$2" = - ] || [ "$2" -gt "$size" ]; then behind=$size; fi
    maybe=$behind sure=$behind
    if [ "$1" = "$behind" ]; then
      :
    elif [ "$1" = - ] && [ -n "$stale" ] && [ "$written" -gt 0 ] && [ "$written" -lt "$stale" ]; then
      : # while a mark proves that the file has grown, whatever the clock of its file server says
    elif [ -z "$low_at" ]; then
      begin_without_times "$1" "$2" "$path"
    elif [ "$size" -gt 0 ] || packed "$path"; then # in an empty one no line could have a time
      ask_for_times "$1"
    fi
  fi
  if [ -z "$search" ] && [ "$size" -gt "$maybe" ] && [ "$planned" -le 100 ]; then # for those who judge the lines
    first=$((size > 32768 ? size - 32768 : 0)) search=judge
    find_end "$((size - maybe))"
    asked="$asked$end $first 0 -1 0 $written $written $points $path$newline"
  fi
}
ask_for_times() { # LOW
  first=$((size > sample ? size - sample : 0)) known=0 last=$written search=yes
  start=$first
  if [ "$1" != - ] && [ "$1" -ge "$first" ]; then start=$1 known=1; fi
  if [ "$behind" -lt "$size" ]; then find_written "$behind"; fi
  if [ "$behind" -lt "$size" ]; then find_end "$((size - behind))"; else find_end "$size"; fi
  asked="$asked$end $first $start $behind $known $written $last $points $path$newline"
}
# find_end BYTES: sets end to where a piece ends that is written to at this moment, has grown by so many bytes and might grow
# faster than it is read; else to `-`, the end of its file, which costs a program less.
find_end() { if [ "$written" -ge "$now" ] && [ "$1" -gt 32768 ]; then end=$size; else end=-; fi; }
# find_written POSITION: sets last to when a mark saw the piece written so far; 0 when none did.
find_written() {
  last=0
  case ",$points" in *",$1:"*) last=${points##*"$1:"} last=${last%%:*} ;; esac
}
# is_time_up SECONDS: have they passed since the start? Looks at the clock once in twenty turns.
is_time_up() {
  turns=$((turns + 1))
  [ "$turns" -gt 1 ] && [ $((turns % 20)) -eq 1 ] || return
  moment=$(exec date +%s)
  case $moment in '' | *[!0-9]* | ?????????????*) return 1 ;; esac
  [ $((moment - now)) -ge "$1" ]
}
# The pieces that were asked for, while there is time.
send_pieces() {
  printf '\036%s\n' "$failtale_nonce"
  turns=0
  by_line
  for line in $asked; do
    by_word
    if is_time_up "$planning"; then return; fi
    path=${line#* * * * * * * * }
    end=${line%% *}
    line=${line#* }
    send_piece "${line%"$path"}" "${line%% *}" "$end" "$path"
  done
}
# hear KIND AHEAD ZONE DATED STEP SPARSE FITS LEAST MOST APART MAYBE SURE UNTOLD TORN: how $path writes time, and where the window
# begins in what was searched; tells the former. Sets unfit where most lines have no time that can be used: why.
hear() {
  kind=$1 ahead=$2 zone_told=$3 dated=$4 step=$5 sparse=$6 fits=$7 behind_least=$8 behind_most=$9
  shift 9
  apart=$1 found_maybe=$2 found_sure=$3 untold=$4 torn=$5
  tell times "$kind" "$ahead" "$path"
  if [ "$kind" = - ]; then
    unfit=timeless
    if [ "$apart" != 0 ]; then unfit="stray $apart"; fi
    return
  fi
  case $zone_told in utc) tell utc "$path" ;; other) tell zoned "$ahead" "$path" ;; esac
  case $zone_told-$apart in *-0) ;; lies-[!=]*) tell lies "$apart" "$path" ;; *) tell apart "$apart" "$path" ;; esac
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
  if [ "$dated" = 0 ]; then tell undated "$3"; fi
  case $step in 1) tell coarse "$3" ;; 60) tell minutes "$3" ;; esac
  if [ "$known" = 0 ] && [ "$((start + torn))" -gt 0 ] && [ "$found_maybe" -le 0 ] && [ "$found_maybe" != -1 ]; then
    search_further "$@"
  fi
  start=$((start + torn))
  case $found_maybe in
    -2) if [ "$1" = - ]; then begin_without_times "$1" 0 "$3"; else maybe=$start; fi ;; # no line has a time
    -1) ;;
    *) maybe=$((start + found_maybe)) ;;
  esac
  if [ "$untold" -gt 0 ]; then
    tell untold "$3"
    if [ "$fits" = 0 ] || { [ "$untold" = 2 ] && [ "$1" != - ]; }; then # a mark proves more than such times
      by_times=$maybe
      begin_without_times "$1" "$2" "$3"
      if [ "$by_times" -lt "$maybe" ]; then maybe=$by_times; fi
    fi
  fi
  if [ "$found_sure" -ge 0 ] && [ "$points" != ring ]; then sure=$((start + found_sure)); fi
}
# The window begins ahead of what was searched.
search_further() { # LOW PROVEN PATH
  turn=0
  if [ "$ahead" = "$zone" ]; then turn=$turned; fi
  start=$((behind > scan ? behind - scan : 0)) torn=0
  if [ "$1" != - ] && [ "$1" -ge "$start" ]; then start=$1 known=1; fi
  if [ "$known" = 0 ] && [ "$start" -gt 0 ]; then
    torn=$(between "$start" "$behind" "$3" | head -n 1 | wc -c)
    torn=$((start + torn >= behind ? 0 : torn)) # one line longer than all that is searched
  fi
  set -- "$3" "$(
    { printf '\036%s\n' "$failtale_nonce"; send_piece "0 0 0 $known $last $last -" "$((start + torn))" "$behind" "$3"; } |
      timed kind="$kind" ahead="$ahead" sparse="$sparse" turned="$turn" least="$behind_least" most="$behind_most"
  )"
  # shellcheck disable=SC2086 # fourteen words
  set -- "$1" ${2:-- 0 - 0 0 0 0 0 0 0 -2 -2 0 0}
  shift 11
  found_maybe=$1 found_sure=$2 untold=$3
  if [ "$((start + torn))" -gt 0 ] && [ "$known" = 0 ] && [ "$found_maybe" -le 0 ] && [ "$found_maybe" != -1 ]; then
    tell skipped "$((start + torn))" "$path"
  fi
}
# newest_lines COUNT END PATH: the last lines ahead of a position.
newest_lines() {
  first=$(($2 > 16384 ? $2 - 16384 : 0))
  if [ "$first" -eq 0 ]; then
    between 0 "$2" "$3" | tail -n "$1"
  else
    between "$first" "$2" "$3" | whole_lines | tail -n "$1"
  fi
}
# From parts: sets pieces, NUMBER MAYBE SURE SIZE END PATH of those that have something to read. All that the times of logs have to
# tell is asked in one go: the program that knows times takes a host longer to start than most logs to read.
begin_all() {
  pieces='' asked='' begun='' planned=0
  by_line
  for line in $parts; do
    by_word
    path=${line#* * * * * * }
    # shellcheck disable=SC2086 # six words
    begin_part ${line%"$path"}
  done
  by_word
  told=''
  formats=${common_formats:-"$all_formats"}
  if [ -n "$asked" ]; then told=$(send_pieces | timed); fi
  formats=$all_formats
  case $told in *\?) told=$(send_pieces | timed) ;; esac
  told=${told:-- 0 - 0 0 0 0 0 0 0 -1 -1 0 0}$newline # for the first, where awk is none
  pieces_of=0 unread=0 fields=''
  by_line
  for line in $begun; do
    by_word
    if [ -z "$fields" ]; then
      fields=$line
    else
      path=$line
      # shellcheck disable=SC2086 # thirteen words
      end_part $fields
      fields=''
    fi
  done
  by_word
  if [ "$unread" -gt 0 ]; then tell unread "$unread"; fi
}
begin_part() { # NUMBER LOW PROVEN POINTS SIZE WRITTEN
  planned=$((planned + 1)) points=$4 size=$5 written=$6 kind='' start=0 known=0 last=0 behind=0
  if packed "$path"; then
    if ! can_read "$path"; then return; fi
    size=$(unpack "$path" | wc -c)
  fi
  ask "$2" "$3"
  begun="$begun$1 $2 $3 $4 $((size)) $6 ${search:--} $maybe $sure $start $known $last $behind$newline$path$newline"
}
end_part() { # NUMBER LOW PROVEN POINTS SIZE WRITTEN SEARCH MAYBE SURE START KNOWN LAST BEHIND
  number=$1 low=$2 proven=$3 points=$4 size=$5 written=$6 search=$7 maybe=$8 sure=$9 kind=''
  shift 9
  start=$1 known=$2 last=$3 behind=$4
  if [ "$search" != - ]; then
    if [ -z "$told" ]; then
      unread=$((unread + 1))
      return
    fi
    one=${told%%"$newline"*} told=${told#*"$newline"}
    # shellcheck disable=SC2086 # fourteen words
    hear $one
    if [ "$search" = judge ]; then
      kind=''
    elif [ "$kind" = - ]; then
      tell "$unfit" "$path"
      begin_without_times "$low" "$proven" "$path"
    else
      begin_by_times "$low" "$proven" "$path"
    fi
  fi
  if [ "$how" != tail ] && begins_anew; then tell fresh "$path"; fi
  pieces_of=$number
  if [ "$size" -gt "$maybe" ]; then
    find_end "$((size - maybe))"
    pieces="$pieces$number $maybe $sure $size $end $path$newline"
  elif [ "$before" -gt 0 ] && [ "$how" != tail ]; then
    carry_newest "$before" "$size" "$path"
  fi
}
# Does a log begin in the window, while nobody knows of an earlier piece of it?
begins_anew() {
  if [ "$number" = "$pieces_of" ] || [ "$low" != - ] || [ "$maybe" -gt 0 ] || [ "$size" -eq 0 ]; then return 1; fi
  case $low_at-$kind in -* | *-) return 1 ;; esac # a log of times, and a window that has one
  if [ "$sure" -gt 0 ] && [ "$behind_least $behind_most" != "0 0" ]; then return 1; fi # and a clock that tells so
}
# deliver NUMBER MAYBE SURE PATH
deliver() {
  if [ "$before" -gt 0 ] && [ "$how" != tail ]; then carry_newest "$before" "$2" "$4"; fi
  from_here=$2 sure_from=$3
  if [ $((size - from_here)) -gt "$widest" ]; then
    tell beyond "$((size - widest - from_here))" "$4"
    from_here=$((size - widest))
    if [ "$sure_from" -lt "$from_here" ]; then sure_from=$from_here; fi
  fi
  if [ "$sure_from" -gt "$from_here" ]; then
    deliver_piece unsure "$((size > sure_from ? share / 4 : share))" "$from_here" "$sure_from" "$4"
  fi
  if [ "$size" -gt "$sure_from" ]; then deliver_piece sure "$share" "$sure_from" "$end" "$4"; fi
}
carry_newest() { # COUNT END PATH
  tell carry
  newest_lines "$@" >&2
  tell carried
}
# deliver_piece KIND CAP FROM END PATH: what ends at END, or where the file does where that is `-`. The client counts and cuts
# what is few, for each filter costs the host a program.
deliver_piece() {
  if [ "$4" = - ]; then bytes=$size; else bytes=$4; fi
  cap=$2 bytes=$((bytes - $3))
  if [ "$bytes" -gt 32768 ] || [ "$bytes" -gt "$cap" ] || [ -n "$brief" ]; then
    print_part "$1" "$cap" "$5"
    piece "$3" "$4" "$5" | narrow "$cap" | with_look_back "$1" "$5"
    return
  fi
  printf '\036%s entire %s %s %s %s\n' "$failtale_nonce" "$1" "$cap" "$kept" "$5"
  if [ -n "$greps" ]; then
    tell produced 0 "$bytes"
    piece "$3" "$4" "$5" | matching | with_look_back "$1" "$5"
  elif [ -n "$look_back" ]; then
    piece "$3" "$4" "$5" | with_look_back "$1" "$5"
  else
    (piece "$3" "$4" "$5")
  fi
}
piece() { if [ "$2" = - ]; then from "$1" "$3"; else between "$1" "$2" "$3"; fi; }
# On stdout, between the lines: whose lines follow, how sure they are and how many bytes they may be.
print_part() { printf '\036%s part %s %s %s\n' "$failtale_nonce" "$1" "$2" "$3"; }
# For the look-back: what the log held before its window's first byte; of a rotated one, before that of its first piece.
# shellcheck disable=SC2329 # with_look_back calls it
held_before() {
  if [ "$how" = tail ]; then return; fi
  first=$((held_end > reach ? held_end - reach : 0))
  if [ "$first" -eq 0 ]; then
    find_predecessor
    if [ -n "$older" ]; then content "$older" | tail -c "$((reach - held_end))"; fi
    between 0 "$held_end" "$held_path"
  else
    between "$first" "$held_end" "$held_path" | whole_lines
  fi
}
# Sets older to the newest rotated copy that is older than the piece.
# shellcheck disable=SC2329
find_predecessor() {
  base=$held_path
  case $base in *.[0-9] | *.[0-9][0-9]) base=${base%.*} ;; esac
  # shellcheck disable=SC2034 # keep_trusted reads it
  name=${base##*/} copies=''
  for each in "$base"[-._]*[0-9]*; do
    # shellcheck disable=SC3013 # all shells that FailTale knows compare files by -ot
    if [ -f "$each" ] && can_open "$each" && [ "$each" -ot "$held_path" ]; then copies="$copies$each$newline"; fi
  done
  keep_trusted
  if [ -n "$copies" ]; then sort_copies; fi
  older=${copies%%"$newline"*}
}
# What the log said last, where it said then that it stopped: of several files the one that was written last, of one that was
# emptied its rotated copy.
fell_silent() {
  held_path='' newest=-1
  by_line
  for line in $files; do
    by_word
    written=${line#* * } written=${written%% *}
    if [ "$written" -ge "$newest" ]; then newest=$written held_path=${line#* * * } size=${line#* } size=${size%% *}; fi
  done
  by_word
  if [ -z "$held_path" ] || packed "$held_path"; then return; fi
  if [ "$size" -gt 0 ]; then
    newest_lines 200 "$size" "$held_path" | sift | last_words
    return
  fi
  find_predecessor
  if [ -n "$older" ]; then content "$older" | tail -c 16384 | sift | last_words; fi
}
# offset_of TEXT: sets offset to a zone in seconds, `+0130`; empty where it is none. Digits get a 1 ahead, so that no shell
# takes 08 for an octal number.
offset_of() {
  offset=''
  case $1 in [+-]????) ;; *) return ;; esac
  hours=${1#?}
  offset=$(((1${hours%??} - 100) * 3600 + (1${1#???} - 100) * 60))
  case $1 in -*) offset=$((-offset)) ;; esac
}
offset_at() { offset_of "$(exec date -d "@$1" +%z 2>/dev/null)"; }
# Sets turned and zone_then: when the host's clocks were last turned, for summer time or from it, and its zone until then;
# 0 where not since two hours before the window. Where the host's `date` reads no moments, nobody knows.
find_turn() {
  zone_then=$zone turned=0
  if [ -z "$low_at" ] || [ "$here" != "$zone" ] || [ "$zone_name" = UTC ]; then return; fi
  from=$((${low_at%.*} - 7200)) to=$now
  offset_at "$from"
  then=$offset
  if [ -z "$then" ] || [ "$then" = "$zone" ]; then return; fi
  while [ $((to - from)) -gt 1 ]; do
    middle=$(((from + to) / 2))
    offset_at "$middle"
    if [ "$offset" = "$zone" ]; then to=$middle; else from=$middle; fi
  done
  zone_then=$then turned=$to
}

# shellcheck disable=SC2034 # with_look_back reads it
if [ "$how" = tail ]; then look_back=''; fi # nothing is before no window
# shellcheck disable=SC2046 # two numbers, a zone and its name
set -- $(exec date '+%Y %s %z %Z')
# Where no clock can be read, no time is of the future, and none without a date is a moment.
case $#-${1-}${2-} in [34]-*[!0-9]* | [!34]-* | ?-??????????????????*) set -- 0 4102444800 +0000 ;; esac
year=$1 now=$2 zone_name=${4-}
offset_of "$3"
here=${offset:-0}
zone=${zone:-$here}
find_turn
if [ -n "$several" ]; then tell several; fi
tell method "$how"
files=''
patterns
status=$?
plan
begin_all
share=$max
if [ -z "$pieces" ]; then
  tell produced 0 0
  if [ "$before" -eq 0 ] && [ "$how" != tail ]; then fell_silent; fi
else
  if [ -n "$several" ]; then
    count=0
    by_line
    for line in $pieces; do count=$((count + 1)); done
    by_word
    share=$(((max - ${#pieces}) / count - 1))
    if [ "$share" -lt 512 ]; then share=512; fi
  fi
  held='' turns=0 unread=0
  by_line
  for line in $pieces; do
    by_word
    if [ "$unread" -gt 0 ] || is_time_up "$reading"; then
      unread=$((unread + 1))
      continue
    fi
    path=${line#* * * * * }
    # shellcheck disable=SC2086 # four numbers, and one or a dash
    set -- ${line%"$path"}
    size=$4 end=$5
    if [ "$1" != "$held" ]; then held=$1 held_end=$2 held_path=$path; fi
    deliver "$1" "$2" "$3" "$path"
  done
  if [ "$unread" -gt 0 ]; then tell unread "$unread"; fi
fi
exit "$status"
