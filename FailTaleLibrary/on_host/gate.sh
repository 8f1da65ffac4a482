# shellcheck shell=sh
# A gate: the forced command of an account that may ask for the collectors of one configuration and for nothing else. What
# the runner sends are ids and numbers; all text that runs stands in the gate. It is made by `failtale gate`, from frames.sh,
# visit.sh, this text and the collectors:
#   version, made_from     of the protocol, and the digest of all that the gate was made from
#   most_beats, most_bytes how long a call may last in half seconds, and how long a request may be; headroom: how many bytes
#                          a file or journal may print beyond its bound
#   own_shell              that runs the gate
#   collector ID           sets kind (command, file, journal, container), expected (digest), most_ticks, most_max, polite, own, shared,
#                          filters, allowed (expression for the paths of marked files), positions and baseline
#                          and places, in which it may run: - for the machine itself
#   lead_in PLACE          calls `enter` with the words that lead into it; here is the place in which this shell runs
#   marking, decode        the functions of marks, and the program that reads tables of marked files
version=${version-} made_from=${made_from-} most_beats=${most_beats-} most_bytes=${most_bytes-} headroom=${headroom-}
marking=${marking-} decode=${decode-} own_shell=${own_shell-}
here=${here--} places=''
expected='' most_ticks=0 most_max=0 own='' shared='' allowed='' positions='' baseline=''

# --- What it says -----------------------------------------------------------------------------------------------------
# note WORDS: to the host's log, where there is one. No byte of a request is in them but ids that the gate knows.
note() {
  if command -v logger >/dev/null 2>&1; then
    logger -t failtale-gate -p authpriv.info -- "${peer:-local}: $*" </dev/null >/dev/null 2>&1
  fi
}
# refuse WORDS: one sentence, and the end.
refuse() {
  note "$*"
  printf 'failtale-gate %s: %s\n' "$version" "$*" >&5
  [ -z "${waiting-}" ] || kill -KILL "$waiting"
  exit 1
}
malformed() { refuse 'refused: the request is not one that FailTale makes.'; }

# --- What it takes ----------------------------------------------------------------------------------------------------
is_number() { # WORD DIGITS: a decimal number of at most so many digits, as a program writes it
  case $1 in '' | *[!0-9]* | 0?*) return 1 ;; esac
  [ "${#1}" -le "$2" ]
}
is_seconds() { # WORD: epoch seconds with microseconds
  case $1 in *.??????) is_number "${1%.*}" 11 && is_digits "${1#*.}" ;; *) return 1 ;; esac
}
is_digits() { case $1 in '' | *[!0-9]*) return 1 ;; esac; }
is_token() { # WORD: sixteen hexadecimal digits
  case $1 in *[!0-9a-f]*) return 1 ;; esac
  [ "${#1}" -eq 16 ]
}
is_offset() { is_number "${1#-}" 5; }
is_list() { # WORD: numbers with commas between them
  case $1 in '' | *[!0-9,]*) return 1 ;; esac
  [ "${#1}" -le 4000 ]
}
is_cursor() {
  case $1 in '' | *[!0-9a-z=\;]*) return 1 ;; esac
  [ "${#1}" -le 250 ]
}
is_moment() { case $1 in ????-??-??T??:??:??.??????) case $1 in *[!0-9T:.-]*) return 1 ;; esac ;; *) return 1 ;; esac; }
# is_none_or CHECK WORD...
is_none_or() { [ "$2" = - ] || "$@"; }
is_of_command() { # SINCE UNTIL MAX
  [ "$#" -eq 3 ] && is_none_or is_number "$1" 11 && is_none_or is_number "$2" 11 && is_number "$3" 12
}
is_of_journal() { # CURSOR BEHIND LOW_AT HIGH_AT HIGH_TEXT BRIEF SOUGHT MAX
  [ "$#" -eq 8 ] || return 1
  case $2 in sure | unsure) ;; *) return 1 ;; esac
  is_none_or is_cursor "$1" && is_none_or is_seconds "$3" && is_none_or is_seconds "$4" &&
    is_none_or is_moment "$5" && is_glance "$6" "$7" && is_number "$8" 12
}
is_of_container() { # LOW_AT LOW_TEXT HIGH_TEXT BRIEF SOUGHT MAX
  [ "$#" -eq 6 ] && is_none_or is_seconds "$1" && is_none_or is_moment "$2" && is_none_or is_moment "$3" &&
    is_glance "$4" "$5" && is_number "$6" 12
}
is_glance() { is_none_or is_number "$1" 6 && is_none_or is_sought "$2"; } # BRIEF SOUGHT
is_sought() { # WORD: words with commas between them
  case $1 in '' | *[!0-9a-z_.,-]*) return 1 ;; esac
  [ "${#1}" -le 1000 ]
}
is_of_file() { # HOW LOW_AT HIGH_AT STALE MARKED_AT EARLY LATE ZONE MARKED UNSEEN BRIEF SOUGHT MAX
  [ "$#" -eq 13 ] || return 1
  case $1 in mark | time | tail) ;; *) return 1 ;; esac
  case $6$7 in -- | -yes | yes- | yesyes) ;; *) return 1 ;; esac
  is_none_or is_seconds "$2" && is_none_or is_seconds "$3" && is_none_or is_moment_of_window "$4" &&
    is_number "$5" 11 && is_none_or is_offset "$8" && is_none_or is_list "$9" && is_of_file_as_well "$@"
}
is_of_file_as_well() { # what a shell can name from the tenth word on
  shift 9
  is_none_or is_list "$1" && is_glance "$2" "$3" && is_number "$4" 12
}
is_of_kubernetes() { # LOW_AT HIGH_AT MAX
  [ "$#" -eq 3 ] && is_none_or is_seconds "$1" && is_none_or is_seconds "$2" && is_number "$3" 12
}
is_moment_of_window() { is_number "${1#-}" 11; }

# take_request: in place of the visit's own. Reads a header of 80 bytes and the request that it announces, looks at every
# byte of it, and turns it into items. Whoever sends nothing is not waited for.
take_request() {
  clock 40 4>&- 5>&- &
  waiting=$!
  header=$(dd bs=1 count=80 <&3)
  case $header in *[!0-9a-f\ ]*) malformed ;; esac
  [ "${#header}" -eq 79 ] || malformed # a NUL would be dropped
  set -f
  # shellcheck disable=SC2086 # words of digits
  set -- $header
  [ "$#" -eq 5 ] || malformed
  for token in "$1" "$2" "$3"; do is_token "$token" || malformed; done
  is_number "$4" 6 || malformed
  is_number "$5" 7 || malformed
  # One and the same request may be made twice at once: the end of one call must not end the other.
  # shellcheck disable=SC2034 # the visit's
  nonce=$1 items_nonce=$2 mark=$3-$$- beats=$(($4 < most_beats ? $4 : most_beats))
  [ "$5" -le "$most_bytes" ] || refuse "refused: the request is longer than $most_bytes bytes."
  request=$(head -c "$5" <&3)
  [ "${#request}" -eq "$(($5 - 1))" ] || malformed # a NUL would be dropped, and so are line ends behind the last
  kill -KILL "$waiting"
  waiting=''
  # shellcheck disable=SC2026 # line ends stand in quotes
  case $request in *[!0-9a-zA-Z_.:\;=,@\ '
'-]*) malformed ;; item\ *'
'end) ;; *) malformed ;; esac
  read_items
  set +f
  unset IFS
  note "$asked items:$known"
}
# read_items: $request -> $items, lines that call `ask`. They hold nothing but words of the bytes that were looked at.
read_items() {
  items='' table='' pending='' asked=0 known='' numbers=' ' ids=' ' ended=''
  IFS='
'
  for line in $request; do
    [ -z "$ended" ] || malformed
    IFS=' '
    # shellcheck disable=SC2086 # words
    set -- $line
    case ${1-} in
      item)
        flush
        shift
        read_item "$@"
        ;;
      c | d | f | u)
        [ -n "$pending" ] || malformed
        table="$table$line
"
        ;;
      end)
        [ "$#" -eq 1 ] || malformed
        flush
        ended=yes
        ;;
      *) malformed ;;
    esac
  done
}
flush() {
  [ -z "$pending" ] || items="$items$pending '$table'
"
  pending='' table=''
}
read_item() { # NUMBER ID DIGEST TICKS CAP WORD...
  [ "$#" -ge 5 ] || malformed
  is_number "$1" 6 || malformed
  is_number "$4" 6 || malformed
  is_number "$5" 12 || malformed
  case $numbers in *" $1 "*) malformed ;; esac
  case $ids in *" $2 "*) malformed ;; esac
  [ "${#2}" -le 64 ] || malformed
  numbers="$numbers$1 " ids="$ids$2 " asked=$((asked + 1)) why=''
  if [ "$2" = @marks ]; then
    if [ "$#" -ne 5 ] || [ "$3" != - ]; then malformed; fi
    if [ "$4" -gt 120 ] || [ "$5" -gt 4194304 ]; then why=too-much; fi
  elif ! collector "$2"; then
    why=unknown
  elif [ "$3" != "$expected" ]; then
    why=differs
  else
    known="$known $2"
    words_of_kind "$@" || malformed
    for max; do :; done # the last word
    if [ "$4" -gt "$most_ticks" ] || [ "$max" -gt "$most_max" ] || [ "$5" -gt "$((max + headroom))" ]; then
      why=too-much
    fi
  fi
  quoted=''
  for word; do quoted="$quoted '$word'"; done
  pending="ask '$why'$quoted"
}
words_of_kind() { shift 5; "is_of_$kind" "$@"; }

# --- What it runs -----------------------------------------------------------------------------------------------------
# ask WHY NUMBER ID DIGEST TICKS CAP WORD... TABLE: runs an item, or says why it does not.
ask() {
  why=$1 number=$2 id=$3 ticks=$5 cap=$6
  shift 6
  kind='marks'
  if [ -z "$why" ]; then
    [ "$id" = @marks ] || collector "$id"
    "text_of_$kind" "$@" || why=malformed
  fi
  if [ -n "$why" ]; then
    frame b "$number" >&5
    frame b "$number" >&4
    frame s "$number" 0 "$why" >&4
    frame e "$number" >&5
    frame e "$number" >&4
  else
    item "$number" "$ticks" "$polite" "$text" "$narrowing"
  fi
}
text_of_command() { # SINCE UNTIL MAX TABLE
  [ -z "$4" ] || return 1
  set -- "${1#-}" "${2#-}" "$3"
  text="export FAILTALE_SINCE=$1 FAILTALE_UNTIL=$2; $own"
  narrowing="max=$3; ${filters:-tell cap $3; pass $3}"
}
text_of_journal() { # CURSOR BEHIND LOW_AT HIGH_AT HIGH_TEXT BRIEF SOUGHT MAX TABLE
  [ -z "$9" ] || return 1
  set_all cursor behind low_at high_at high_text brief sought max -- "$@"
}
text_of_container() { # LOW_AT LOW_TEXT HIGH_TEXT BRIEF SOUGHT MAX TABLE
  [ -z "$7" ] || return 1
  set_all low_at low_text high_text brief sought max -- "$@"
}
text_of_file() { # HOW LOW_AT HIGH_AT STALE MARKED_AT EARLY LATE ZONE MARKED UNSEEN BRIEF SOUGHT MAX TABLE
  for table; do :; done
  tables=$(printf '%s\n' "$table" | FAILTALE_ALLOWED=$allowed awk "$decode") || return 1
  set_all how low_at high_at stale marked_at early late zone marked unseen brief sought max -- "$@"
  text="careful=yes
$tables
$text"
}
text_of_kubernetes() { # LOW_AT HIGH_AT MAX TABLE
  [ -z "$4" ] || return 1
  set_all low_at high_at max -- "$@"
  [ -z "$filters" ] || narrowing="max=$3; $filters"
}
# set_all NAME... -- VALUE...: the collector's text with its settings ahead.
set_all() {
  text='' names=''
  while [ "$1" != -- ]; do
    names="$names $1"
    shift
  done
  shift
  for name in $names; do
    [ "$1" != - ] || set -- '' "$@" # an empty one goes ahead of its dash
    text="$text$name='$1'
"
    [ -n "$1" ] || shift
    shift
  done
  text="$text$own$shared"
  narrowing="newest $((cap + 1))"
}
text_of_marks() { # TABLE
  polite=7 wanted='' snapshots=''
  IFS='
'
  set -f
  for line in $1; do
    IFS=' '
    # shellcheck disable=SC2086 # words
    set -- $line
    if [ "$#" -ne 3 ] || [ "$1" != c ]; then set +f; unset IFS; return 1; fi
    if collector "$2" && [ "$3" = "$expected" ]; then
      add_positions
      snapshots=$snapshots$baseline
    fi
  done
  set +f
  unset IFS
  text="careful=yes
{
${marking}clock
${wanted}marks
$snapshots} 2>&1
"
  narrowing="in_one_piece $((cap + 1))"
}
# Each line once: several collectors may read one log.
add_positions() {
  case "
$wanted" in *"
$positions"*) ;; *) wanted=$wanted$positions ;; esac
}

# is_here: whether the collector that was looked up last runs in this place.
is_here() { case " $places " in *" $here "*) ;; *) return 1 ;; esac; }
# enter PLACE... WORD...: goes on behind a prefix, with the text of this gate. The engine's client is ended with this session.
enter() {
  # shellcheck disable=SC2016 # for the shell that is started
  set -- "$@" sh -c 'here=$0 SSH_ORIGINAL_COMMAND=$1 text=$2$3$4$5$6$7$8$9; set -- --clean led; eval "$text"' "$place" "$inner"
  chunk=0
  while part=$(dd if="$own_text" bs=100000 skip="$chunk" count=1 2>/dev/null && echo .) && [ "$part" != . ]; do
    set -- "$@" "${part%.}"
    chunk=$((chunk + 1))
  done
  end_all() { if [ "$(command -v kill)" = kill ]; then kill -0 "-$$" 2>/dev/null && kill -KILL "-$$"; fi; }
  { cat; exec >&-; sleep 9; end_all; } | { "$@"; end_all; }
  exit
}
# main: the call, in a session that ends with it.
main() {
  exec 5>&2
  umask 077
  # shellcheck disable=SC3045 # all shells that FailTale knows have it
  ulimit -c 0
  place=''
  peer=${SSH_CONNECTION-} peer=${peer%% *}
  case $peer in *[!0-9a-fA-F.:]*) peer='' ;; esac
  six='[1-9][0-9][0-9][0-9][0-9][0-9]'
  # shellcheck disable=SC2254 # a pattern
  case ${SSH_ORIGINAL_COMMAND-} in
    "failtale-gate $version "$six' '$six) ;;
    "failtale-gate $version "$six' '$six' '????????????????)
      place=${SSH_ORIGINAL_COMMAND##* } inner=${SSH_ORIGINAL_COMMAND% *} own_text=$0
      is_token "$place" || refuse "refused: this account answers the requests of FailTale alone."
      ;;
    failtale-gate\ [1-9]\ $six' '$six)
      refuse "refused: this gate speaks version $version of the protocol; make it anew with 'failtale gate'."
      ;;
    *) refuse "refused: this account answers the requests of FailTale alone." ;;
  esac
  if ! kill -0 "-$$" 2>/dev/null && [ "${2-}" != led ] && command -v setsid >/dev/null 2>&1; then
    exec setsid "$own_shell" "$0" --clean led
  fi
  [ -z "$place" ] || lead_in "$place"
  set -f
  # shellcheck disable=SC2086 # three words
  set -- $SSH_ORIGINAL_COMMAND
  set +f
  unset SSH_ORIGINAL_COMMAND SSH_CONNECTION
  hello=$(($3 + $4))
  printf 'failtale %s\n\036failtale %s gate %s\n' "$hello" "$hello" "$made_from"
  visit "$hello"
}
lead() { :; } # main has seen to it
guard() { # who sends more is not listened to, however long it is
  cat
  over
}
