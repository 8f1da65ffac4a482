# shellcheck shell=sh
# One visit to a host: runs items one after the other, frames what they say, and leaves nothing behind.
#
# The client sends this text and, when the frame `ready` has told how it runs and the host's clock, one line
# NONCE ITEMS_NONCE MARK BEATS SIZE and SIZE bytes of `item ...` lines; to a host that it knows, all at once. Standard
# input then stays open and silent: its end ends everything.
#
# Processes: main (this shell, head of its session), two guards (read the lifeline), clock (one `sleep` per half second);
# for each item minder | filters, the command in a session of its own below the minder, and `tail` for stderr.
# Signals inside are those that are ignored by default, so that none can hit a process that is not ready for it:
# URG half a second has passed; WINCH the command has ended (minder to main), in bash and ksh93 also that its time is up (main to
# minder); CONT the visit is over. The `kill` of ksh93 sends CONT behind any other: there it is believed once the process that
# knows has ended.
# Descriptors: 3 lifeline, 4 stdout and 5 stderr of the channel, 7 stderr of an item.
#
# Groups are killed by `kill -SIG "-$group"`, the one spelling that the builtins of all shells take. It must be the
# builtin: the `kill` of procps 4.0.2 reads `-12345` as `-1`, which is everybody.

# frame WORD...: what only who knows the nonce can write. One line, because bash and mksh write each line by itself, and
# what filters write at the same time must not come in between.
frame() { printf '\036%s %s\n' "$nonce" "$*"; }

# What left the session of its item, where /proc shows the environment: the mark stands in it.
strays() {
  [ -n "$mark" ] || return 0 # else it would mean everybody's
  younger
  [ -z "$candidates" ] || end_marked "$mark" "$candidates"
}
end_marked() {
  # shellcheck disable=SC2086,SC2013 # a list, and names without spaces
  for stray in $(exec grep -ls "FAILTALE_VISIT=$1" $2); do
    stray=${stray#/proc/}
    kill -KILL "${stray%/environ}"
  done
}
# sweep MARK...: what visits of this client have left, where somebody has killed all that was to end it.
sweep() {
  for each in "$@"; do
    end_marked "$each" '/proc/[0-9]*/environ'
  done
}
# Who was started after this shell, or everybody, where the kernel has begun to count anew; without those whom this account may
# not ask, and this shell's own guards and clock with its sleep. Orphans are children of process 1, which this shell may be.
younger() {
  candidates='' newest=0 oldest=$$ own=$$
  [ "$own" -ne 1 ] || own=none
  read -r _ _ _ _ newest </proc/loadavg
  [ "${newest:-0}" -ge "$$" ] || oldest=0
  for each in /proc/[0-9]*; do
    if [ "${each#/proc/}" -le "$oldest" ] || [ "${each#/proc/}" = "$clock_pid" ] || ! [ -r "$each/environ" ]; then continue; fi
    if [ -z "$candidates" ]; then # else there is somebody to be sought, and a search is as cheap as this question
      read -r _ _ _ begun_by _ <"$each/stat"
      case $begun_by in "$clock_pid" | "$own") continue ;; esac
    fi
    candidates="$candidates $each/environ"
  done
}

# all PID: what a signal for PID and its group goes to. In a session that all share, main and filters ignore the politer
# ones, and there is no other that could be sent.
all() { case $reach in child) all=$1 ;; session) all=0 ;; *) all=-$1 ;; esac; }

# stop PID TENTHS: ends PID and its group, politely for so long. sudo passes TERM on, and uses force after ALRM. Looks rarely:
# programs are what a crowded host takes long for. What is root's may be hidden from `lives`.
stop() {
  all "$1"
  kill -TERM "$all" || kill -TERM "$1"
  tenths=0 step=1
  while [ "$tenths" -lt "$2" ] && { kill -0 "$all" || kill -0 "$1"; } &&
    { [ "$tenths" -eq 0 ] || [ "$2" -ge 10 ] || lives "$1"; }; do
    [ "$tenths" -ne 3 ] || kill -ALRM "$all"
    sleep "0.$step" || { sleep 1; tenths=$((tenths + 10 - step)); }
    tenths=$((tenths + step))
    [ "$step" -ge 4 ] || step=$((step * 2))
  done
  [ "$all" = 0 ] || kill -KILL "$all"
  kill -KILL "$1"
  [ "$2" -lt 10 ] || stop_as_root "$1"
}

# lives PID: whether more than zombies is left of a group. In a container orphans may wait for long until they are reaped.
# Through cat, which goes on where a process ends while its file is read; sed gives up.
lives() {
  [ "$all" = "-$1" ] && [ -r "/proc/$$/stat" ] || return 0
  [ -n "$(cat /proc/[0-9]*/stat | sed -n "/) [^XZ] [0-9]* $1 /p")" ]
}

# tell_stuck NUMBER PID: whether something of PID's session waits where no signal reaches it: for a file system that hangs. One that
# only waits for its disk has ended a moment later.
tell_stuck() {
  [ "$reach" = group ] && [ -r "/proc/$$/stat" ] || return 0
  for tries in 1 2; do
    [ -n "$(cat /proc/[0-9]*/stat | sed -n "/) D [0-9]* [0-9]* $2 /p")" ] || return 0
    [ "$tries" -eq 2 ] || sleep 0.3 || sleep 1
  done
  frame d "$1" >&4
}

# stop_as_root PID: what root's commands of this session have started, where the account may end it.
stop_as_root() {
  # shellcheck disable=SC2046 # a list of numbers
  set -- $(cat /proc/[0-9]*/stat | sed -n "s/^\([0-9]*\) (.*) [A-Y] [0-9]* [0-9]* $1 .*/\1/p")
  [ "$#" -eq 0 ] || sudo -n kill -KILL "$@"
}

# without PROGRAM: what a visit needs of one that the host has not got, by what it has.
# shellcheck disable=SC2329,SC3045 # all of it may be called; the shell is asked what its `read` knows
without() {
  case $1 in
    head) head() { dd bs=1 count="$2"; } ;;
    sleep)
      if [ -n "$parent" ]; then return; fi # no lifeline, which is what is read in its place
      within='' # the request is still to come there
      read -r -t 0.1 _
      if [ "$?" -lt 2 ]; then # else this shell knows no time either, and the client minds the limits
        sleep() { read -r -t "$1" _ || :; }
      else
        minds_no_time=yes
        clock() {
          while read -r _; do :; done
          tell_over
        }
      fi
      start_clock() {
        clock "$beats" <&3 3<&- 4>&- 5>&- &
        clock_pid=$!
      }
      ;;
    tail) # of -n LINES and -c BYTES
      tail() {
        LC_ALL=C awk -v by="$1" -v most="$2" '
          function size_of(text) { return by == "-n" ? 1 : length(text) + 1 }
          {
            line[NR] = $0
            size += size_of($0)
            while (oldest + 1 < NR && size - size_of(line[oldest + 1]) >= most) {
              size -= size_of(line[++oldest])
              delete line[oldest]
            }
          }
          END {
            if (by == "-n" && size > most) oldest++
            if (by == "-c" && size > most) line[oldest + 1] = substr(line[oldest + 1], size - most + 1)
            for (n = oldest + 1; n <= NR; n++) print line[n]
          }'
      }
      command -v awk || tail() { # then the oldest is kept
        case $1 in -n) cat ;; *) dd bs=512 count="$(($2 / 512 + 1))" 2>/dev/null && cat >/dev/null ;; esac
      }
      newest() { tail -c "$1"; }
      in_one_piece() { tail -c "$1"; }
      ;;
  esac
}

# The visit must end: main and minder get time to do it well.
over() {
  rounds=12
  while [ "$rounds" -gt 0 ]; do
    kill -CONT 0
    sleep 0.4 || sleep 1
    rounds=$((rounds - 1))
  done
  strays
  [ -z "$leads" ] || kill -KILL 0
  kill -KILL "$$"
}
tell_over() { if [ -z "$also_continues" ]; then over; else over & fi; }
# is_over: in one command, because ksh93 forgets a status where a function that a trap calls returns one of its own.
# shellcheck disable=SC2086 # a list
is_over() { ! kill -0 $clock_pid $guards; }

guard() {
  while read -r _; do :; done
  [ -z "$guards" ] || sleep 1 # the first one sees to it
  tell_over
}

# clock BEATS: a beat is half a second; where `sleep` knows whole seconds only, two come at once.
clock() {
  beats=0
  while [ "$beats" -lt "$1" ] && kill -0 "$$" && { [ -z "$parent" ] || kill -0 "$parent"; }; do
    sleep 0.5 || { sleep 1; kill -URG 0; beats=$((beats + 1)); sleep 0; }
    kill -URG 0
    beats=$((beats + 1))
  done
  tell_over
}

# Somebody may kill any three of main, guards and clock at once. Main hears that a child has ended, and starts another. The clock
# sees by its beats that main is not there; a guard does because a server ends the lifeline of a main that has gone.
start_guard() {
  guard <&3 3<&- 4>&- 5>&- &
  guards="$guards $!"
}
start_clock() {
  clock "$beats" 3<&- 4>&- 5>&- &
  clock_pid=$!
}
watch_again() {
  fewer=''
  [ -z "$quit$also_continues" ] || return 0
  ! is_gone "$clock_pid" || start_clock
  were=$guards guards=''
  for each in $were; do
    if is_gone "$each"; then start_guard; else guards="$guards $each"; fi
  done
}
# is_gone PID: a child that nobody has waited for yet has a number and no program.
is_gone() { ! kill -0 "$1" || { [ -n "$shows_programs" ] && ! [ -e "/proc/$1/exe" ]; }; }

listen() {
  trap 'tick=$((tick + 1))' URG
  trap 'ended=$tick' WINCH
  trap '[ -n "$also_continues" ] && ! is_over || quit=yes' CONT
}

# run PRODUCER: in the background, in a session of its own. Who names the nonce gets it by a pipe that nobody else reads,
# and so does the text that is too long for an argument.
run() {
  # shellcheck disable=SC2016 # for the shell that is started
  if [ "${#1}" -gt 100000 ]; then
    long=$1
    set -- 'read -r failtale_nonce; text=$(cat); exec </dev/null; eval "${text:?was not handed over}"'
  else
    long=''
    case $1 in *failtale_nonce*) set -- 'read -r failtale_nonce; exec </dev/null; eval "$1"' "$1" ;; esac
  fi
  case $reach-$1 in
    jobs-read*) # the group is named after the first process of a pipe
      { hand_over | FAILTALE_VISIT=$mark sh -c "$1" sh "${2-}"; } 2>&7 4>&- 5>&- 7>&- & ;;
    *-read*) hand_over_in_time | FAILTALE_VISIT=$mark $alone sh -c "$1" sh "${2-}" 2>&7 4>&- 5>&- 7>&- & ;;
    *) FAILTALE_VISIT=$mark $alone sh -c "$1" </dev/null 2>&7 4>&- 5>&- 7>&- & ;;
  esac
}
hand_over() { printf '%s\n%s' "$items_nonce" "$long"; }
# hand_over_in_time: what waits for its nonce begins behind the clock, which is asked for while that starts.
hand_over_in_time() {
  [ -z "$clock_is_due" ] || { listen; tell_clock; clock_told; } </dev/null >/dev/null 2>&1
  hand_over
}
# The printf of mksh and posh is a program: `ps` sees what it is given, and it takes no long text.
by_own_words() {
  mark_of_frames=$(printf '\036')
  # shellcheck disable=SC2329 # items call them
  if PATH=/dev/null print -rn -- ''; then
    frame() { print -r -- "$mark_of_frames$nonce $*"; }
    hand_over() { print -r -- "$items_nonce" && print -rn -- "$long"; }
  elif PATH=/dev/null echo; then
    frame() { echo_as_is "$mark_of_frames$nonce $*"; }
    hand_over() { echo_as_is "$items_nonce" && echo_as_is "$long"; }
    # shellcheck disable=SC3037 # it is what is asked
    [ "$(PATH=/dev/null echo -n x)" != x ] || hand_over() { echo_as_is "$items_nonce" && in_pieces "$long"; }
  fi
}
# in_pieces TEXT: of which posh would make gigabytes in `echo_as_is`.
# shellcheck disable=SC1003,SC2028,SC2086,SC2141,SC2329,SC3037 # split on purpose, at each backslash; by an echo that knows -n
in_pieces() (
  set -f
  IFS='\'
  set -- ${1}x
  while [ "$#" -gt 1 ]; do
    echo -n "$1\\\\"
    shift
  done
  echo -n "${1%x}"
)

# keep NUMBER TICKS TENTHS PRODUCER: runs it, ends it when its time is up, clears up after it and tells its status.
keep() {
  listen
  exec 7>&2 2>/dev/null
  trap - PIPE TERM ALRM
  # A signal in the moment in which a command ends makes bash 5.2 and ksh93 forget its status for good: there main alone minds
  # the time, and in ksh93, whose beats continue as well, whether the visit is over.
  limit=$2
  [ -z "$main_minds" ] || { trap - URG; trap 'tick=$limit' WINCH; }
  [ -z "$also_continues" ] || { trap - CONT; trap 'tick=$limit; ! is_over || quit=yes' WINCH; }
  [ "$reach" != jobs ] || set -m
  run "$4"
  pid=$!
  [ "$reach" != jobs ] || set +m
  exec >/dev/null # 7 stays, so that the item ends behind this: ksh93 waits for the last part of a pipe alone
  trap '' PIPE TERM ALRM
  why=ended
  while :; do
    wait "$pid"
    status=$?
    kill -0 "$pid" || break
    if [ -n "$quit" ]; then why=cancelled; elif [ "$tick" -ge "$2" ]; then why=late; else continue; fi
    stop "$pid" "$3"
    tell_stuck "$1" "$pid"
    case $reach in child | session) strays ;; esac
    wait "$pid"
    status=$?
    break
  done
  asked=0
  while [ "$status" -gt 128 ] && [ "$asked" -lt 3 ]; do # of a signal to this shell? Asked again it knows, or says 127
    wait "$pid"
    again=$?
    [ "$again" = 127 ] || status=$again
    asked=$((asked + 1))
  done
  case $reach-$why in
    session-ended) kill -TERM 0 ;;
    child-* | session-*) ;;
    *-ended) ! kill -0 "-$pid" || stop "$pid" "$3" ;;
  esac
  frame s "$1" "$status" "$why" >&4
  kill -WINCH "$$"
}

# item NUMBER TICKS TENTHS PRODUCER FILTERS: FILTERS see the producer's end and still pass on what they hold.
item() {
  [ -z "$quit" ] || return 0
  frame b "$1" >&5
  frame b "$1" >&4
  ended='' tick=0 forced='' tell_at=4
  # shellcheck disable=SC2034 # for the filters
  { keep "$@" | { trap - PIPE; failtale_nonce=$items_nonce; eval "$5"; } >&4 4>&- 5>&-; } 2>&1 3<&- |
    tail -c 65536 >&5 3<&- 4>&- 5>&- &
  until_ended "$!" "$2" "$(($2 + 4 + $3 / 5))"
  frame e "$1" >&5
  frame e "$1" >&4
}

# until_ended PID LIMIT TICKS: LIMIT is the command's own. The client is told now and then how many beats it were: a crowded
# host counts slowly, and is waited for.
until_ended() {
  while :; do
    [ -z "$fewer" ] || watch_again
    wait "$1"
    kill -0 "$1" || break
    if [ "$tick" -ge "$tell_at" ]; then
      frame t "$tick" >&4
      tell_at=$((tick * 2))
    fi
    if [ -n "$ended" ] && [ "$tick" -gt "$((ended + 1))" ] && [ -z "$forced" ]; then
      forced=yes # something may hold the pipes; slow filters go on
      strays
    fi
    if [ "$tick" -gt "$3" ]; then finish; fi
    if [ -n "$main_minds" ] && [ -z "$ended" ] && { [ "$tick" -ge "$2" ] || [ "$also_continues$quit" = yesyes ]; }; then tell_minder; fi
  done
}
tell_minder() {
  trap '' WINCH
  kill -WINCH 0
  trap 'ended=$tick' WINCH
}

# quick NUMBER TICKS TENTHS CAP PRODUCER: an item of a batch, where there are no sessions for one.
quick() { item "$1" "$2" "$3" "$5" "tell cap $4; pass $4"; }
plain() {
  number=$1 limit=$2 polite=$3 cap=$4
  shift 4
  quick "$number" "$limit" "$polite" "$cap" "$*"
}
several() { quick "$1" "$2" "$3" "$4" "$5"; }
no_more() { :; }

# batch TICKS BLOCKS FUNCTIONS ITEMS: all items in one session, for half of the processes. Nothing but the blocks in all bounds
# their output, and nothing but TICKS their time: the client ends the batch for an item that is late.
batch() {
  [ -z "$quit" ] || return 0
  if [ "$reach" != group ] || ! command -v dd; then
    if [ -n "$clock_is_due" ]; then
      clock_is_due=''
      tell_clock
      clock_told
    fi
    eval "$4"
    return
  fi
  ended='' tick=0 forced='' tell_at=99999
  {
    items_nonce="$items_nonce $nonce"
    keep batch "$1" 7 "$3$4" | bounded "$2" >&4 4>&- 5>&-
  } 2>&1 3<&- | bounded "$2" >&5 3<&- 4>&- 5>&- &
  clock_is_due=''
  until_ended "$!" "$1" "$(($1 + 6))"
}
# Where the shell is replaced by the last part of a pipe (ksh93, zsh), 7 still tells whoever waits that this has not ended.
bounded() { exec dd bs=8192 count="$1" 7>&2 2>/dev/null; }

finish() {
  # Behind the last frame the client hangs up, which nobody has to answer any more; the clock goes on until all is done.
  # shellcheck disable=SC2086 # a list
  [ -z "$guards" ] || kill -KILL $guards
  frame z >&5
  frame z >&4
  strays
  [ -z "$leads" ] || kill -KILL 0
  kill -KILL "$clock_pid"
  exit 0
}

# lead WORDS: begins anew as the head of a session, once.
lead() {
  if [ -z "${FAILTALE_TEXT:-}" ]; then
    awaited
    [ "$1" -eq 1 ] || exit 1 # nonces in an environment are seen by whoever is the same user
    # shellcheck disable=SC2154,SC2016 # $s is this text, set by the command line
    FAILTALE_TEXT=$s exec setsid sh -c 'eval "$FAILTALE_TEXT"'
  fi
}
# awaited: nothing more has to come. Behind a prefix somebody watches whether it does.
awaited() { [ -z "${failtale_watch-}" ] || kill "$failtale_watch"; }
take_request() { read -r nonce items_nonce mark beats size <&3 && items=$(head -c "$size" <&3); }

# tell_clock: behind what the shell has written, which `date` is not to know.
tell_clock() {
  if command -v date; then
    date '+%s.%N %z' 3<&- >&4 4>&- 5>&- &
    clock_teller=$!
  else
    echo >&4
  fi
}
# clock_told: nothing of an item comes ahead of what `date` tells, nor of the end of a line of which it tells nothing. One
# that hangs costs two seconds, and the clock.
clock_told() {
  [ -n "$clock_teller" ] || return 0
  while :; do
    wait "$clock_teller"
    status=$?
    kill -0 "$clock_teller" || break
    if [ "$tick" -ge "$patience" ] || [ -n "$quit" ]; then
      kill -KILL "$clock_teller"
      status=1
      break
    fi
  done
  [ "$status" -eq 0 ] || echo >&4
}
give_up() {
  if [ -n "$clock_teller" ] && kill -0 "$clock_teller"; then
    [ -z "$leads" ] || kill -KILL 0
    kill -KILL "$clock_teller"
  fi
  [ -z "$clock_pid" ] || kill -KILL "$clock_pid"
  exit 1
}

# visit HELLO [NONCE ITEMS_NONCE MARK BEATS ITEMS [PARENT]]: HELLO is what this shell has answered already. What is sent
# along need not be read; ITEMS is then a function, `batches` where the first is a batch; else they are waited for $within beats long. With a PARENT there is no
# lifeline: the end of that process counts as its end.
visit() {
  reach=child alone='' leads='' tick=0 ended='' quit='' guards='' clock_pid='' clock_teller='' patience=4 parent=${7-}
  also_continues='' fewer='' clock_is_due='' shows_programs='' minds_no_time=''
  # shellcheck disable=SC3044 # bash takes over functions that its caller exports, in place of programs and its own commands
  case ${BASH_VERSION-} in
    ?*) unset -f awk cat cd command cut date dd echo find grep head id kill ls printf ps read sed setsid sleep sort stat sudo \
      tail test tr true wait wc ;;
  esac
  if PATH=/dev/null kill -0 "$$" 2>/dev/null; then # it is the shell's own
    # Process 1 of a container cannot be asked for its group (`-1` is everybody) nor become the head of a session by `setsid`, whose
    # own start would end it, and with it the container.
    { [ "$$" -ne 1 ] && kill -0 "-$$" && leads=yes; } 2>/dev/null
    if [ -z "${ZSH_VERSION-}" ]; then # which would take that signal for a later one
      trap 'also_continues=yes' CONT
      kill -WINCH "$$"
      trap - CONT
    fi
    if command -v setsid >/dev/null 2>&1; then
      reach=group alone=setsid
      # Behind a login shell that stays, main is no head of a session; then it becomes one. `ps` shows no text of ours.
      if [ -z "$leads" ] && [ "$$" -ne 1 ]; then lead "$#"; fi
    else
      { set -m; } 2>/dev/null
      case $- in *m*) reach='jobs' ;; esac
      { set +m; } 2>/dev/null
      case $leads-$reach in yes-child) reach=session ;; esac
    fi
  fi
  main_minds=${BASH_VERSION-}$also_continues
  manner=direct
  [ -z "${FAILTALE_TEXT:-}" ] || manner=anew
  unset FAILTALE_TEXT
  # What some shells and programs take from the environment: how words are split (posh), when `read` gives up (bash, ksh93, zsh), how
  # deep functions may call each other (bash, zsh), colours (grep before 3.6), and what `tail -c` means. ksh93 goes by the last
  # value of TMOUT also where it is unset.
  TMOUT=0
  unset IFS TMOUT FUNCNEST GREP_OPTIONS _POSIX2_VERSION
  LC_ALL=C TERM=dumb SYSTEMD_COLORS=0 PAGER=cat
  export LC_ALL TERM SYSTEMD_COLORS PAGER
  true >&2 || exec 2>/dev/null # some logins close it
  exec 3<&0 4>&1 5>&2 </dev/null >/dev/null 2>&1
  [ -n "$parent" ] || printf '\036failtale %s stderr\n' "$1" >&5 # on which stream this comes tells whether there are two
  # shellcheck disable=SC3028,SC3050 # bash knows by itself what else a program has to be started for
  case ${BASH_VERSION-}-${EPOCHREALTIME-} in
    [5-9].*-?*.??????) printf '\036failtale %s ready %s %s %(%z)T\n' "$1" "$manner" "$EPOCHREALTIME" -1 >&4 ;;
    *) # beside what else is started
      printf '\036failtale %s ready %s ' "$1" "$manner" >&4
      case ${6-} in batches) clock_is_due=yes ;; *) tell_clock ;; esac
      ;;
  esac
  PATH=/dev/null printf '' || by_own_words
  for each in head tail sleep; do command -v "$each" || without "$each"; done
  # What ksh93 ignores once, all that it starts ignores for good: `tail | head` would tell of a broken pipe, and a command keep TERM.
  if [ -n "$also_continues" ]; then trap : PIPE TERM ALRM; else trap '' PIPE TERM ALRM; fi
  if [ "$#" -gt 1 ]; then
    nonce=$2 items_nonce=$3 mark=$4 beats=$5 items=$6
  else
    beats=${within-}
    [ -z "$beats" ] || start_clock # the way to the client may go without a word
    take_request || give_up
    patience=0 # the client has had it
  fi
  awaited
  # Where a login blocks all signals, dash waits for ever for what runs beside it; it takes them again where it has waited for a
  # program.
  if [ -z "${BASH_VERSION-}${ZSH_VERSION-}" ]; then
    trap 'tick=1' URG
    kill -URG "$$"
    [ "$tick" -eq 1 ] || cat </dev/null
    trap - URG
    tick=0
  fi
  if [ -n "$parent" ]; then
    mark=$mark-$$- # of one job many visits have the same text, some of them on one machine
  else
    start_guard
    start_guard
  fi
  [ -n "$clock_pid" ] || start_clock
  [ ! -e "/proc/$clock_pid/exe" ] || shows_programs=yes
  listen
  clock_told
  trap 'fewer=yes' CHLD
  [ -z "$minds_no_time" ] || frame l sleep >&4
  eval "$items"
  finish
}
