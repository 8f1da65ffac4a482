# What a cluster says of pods, by kubectl, which is asked for reading alone. Set from outside:
#   about              pods, changes, events or logs
#   namespaces         with spaces between them; empty: that of kubectl's context; `*`: all
#   selector           of pods
#   low_at, high_at    epoch seconds on this host between which the window begins; empty: there is none
#   whole              not empty: nothing is printed where something could not be had, as what is compared must be whole
#   max                bytes of all that is printed; most: containers whose rows, or whose logs, are read
#   pods, events, changes   the templates; cluster: the awk program; stamps: how a log's times are told to FailTale
#   reading            seconds that a list, or a log, may take
#   run_kubectl SECONDS ARGUMENT...   runs kubectl with what says which cluster, by `within`
#   narrow CAP is the pipeline of the collector's filters
# shellcheck disable=SC2329 # functions are called by their names
about=${about-} namespaces=${namespaces-} selector=${selector-} low_at=${low_at-} high_at=${high_at-} max=${max-65536}
most=${most-20} whole=${whole-} pods=${pods-} events=${events-} changes=${changes-} cluster=${cluster-} stamps=${stamps-}
failtale_nonce=${failtale_nonce-} base=''
probing=4 reading=${reading-8} # seconds for a sign of life, which is a page of a list as well, and for all of an answer
waiting=$probing patience=$probing # seconds for one request, and for one once the first sign of life came
page=200 # objects: few enough that a page is a sign of life
at_once=8
reach=5000 # newest lines of a log
scan=4194304 # newest bytes of a log: what is larger is not held here
tab=$(printf '\t')
# Ended in time where the host can, and within this process group, so that none escapes it.
if timeout --foreground 1 true 2>/dev/null; then
  within() { timeout --foreground -k 1 "$@"; }
elif timeout 1 true 2>/dev/null; then
  within() { timeout -k 1 "$@"; }
else
  within() { shift; "$@"; }
fi
# ctl SECONDS ARGUMENT...
ctl() {
  seconds=$1
  shift
  # kubectl keeps what it learns of a server: where it never did, it writes nothing because of us
  if [ ! -d "${KUBECACHEDIR:-${HOME:-/nonexistent}/.kube/cache}" ]; then set -- --cache-dir=/dev/null "$@"; fi
  run_kubectl "$seconds" --request-timeout="${waiting}s" "$@" </dev/null
}
# Of what kubectl says: its last words, without the log of its own work and what the server would have its clients learn.
complaint() { sed -e '/^[IWEF][0-9][0-9][0-9][0-9] /d' -e '/^Warning: /d' -e '/^$/d' | awk '!told[$0]++' | tail -n 5; }
# Is anybody there? Sets ahead_least and ahead_most, the seconds that the cluster's clock is ahead of this host's; and base,
# the path ahead of its API: where several clusters share an address, `get --raw` does not add it.
probe() {
  if ! command -v kubectl >/dev/null 2>&1; then
    echo 'kubectl: not found' >&2
    exit 127
  fi
  ahead_least=0 ahead_most=0
  asked_at=$(date +%s)
  said=$(ctl "$probing" api-versions -v=8 2>&1 >/dev/null) # a server may tell its version, and hang on all else
  status=$?
  answered_at=$(date +%s)
  patience=$((probing + 2 * (answered_at - asked_at))) # a busy machine is slow in all
  if [ "$patience" -lt "$probing" ]; then patience=$probing; fi # its clock was set back
  waiting=$patience
  server=$(say "$said" | awk -v mode=server "$cluster")
  server_at=${server%% *} base=${server#* }
  # before 1.21 a kubectl that tells so much of its work ends with its stacks behind the words
  words=$(say "$said" | sed -n 's/^F[0-9][0-9][0-9][0-9] [^]]*] //p' | head -n 1)
  words=${words:-$(say "$said" | sed -e '/^[^A-Za-z]/d' | complaint)} # without the bodies of answers
  case $status-$words in
    0-*) ;;
    124-* | 137-* | 143-*) printf 'The API server did not answer within %s s.\n' "$probing" >&2; exit 1 ;;
    *'(NotFound)'* | *'(Forbidden)'*) ;; # somebody is there
    *) printf '%s\n' "${words:-kubectl ended with status $status}" >&2; exit 1 ;;
  esac
  if [ "$server_at" != - ]; then
    least=$((server_at - answered_at - 1)) greatest=$((server_at + 1 - asked_at))
    if [ "$least" -gt 0 ] || [ "$greatest" -lt 0 ]; then
      ahead_least=$least ahead_most=$greatest
      if [ "$least" -gt 0 ]; then way="$least to $greatest s ahead of"; else way="$((-greatest)) to $((-least)) s behind"; fi
      tell remark "The cluster's clock is $way this host's: its times were compared with that allowed for."
    fi
  fi
  low=$(moved "$low_at" "$ahead_least") high=$(moved "$high_at" "$ahead_most")
}
moved() { if [ -n "$1" ]; then echo "$1 $2" | awk '{ printf "%.6f", $1 + $2 }'; fi; }
# Lines `WHAT|NAMESPACE` for what is asked of each namespace.
of_each() {
  for what; do
    set -f
    # shellcheck disable=SC2086 # names
    for each in ${namespaces:-.}; do printf '%s|%s\n' "$what" "$each"; done
    set +f
  done
}
# In pages; where the server forgot the list in the midst of it (410), all at once.
list() {
  listed=$(ctl "$reading" get --chunk-size="$page" "$@" 2>&1)
  status=$?
  case $status-$listed in
    0-*) ;;
    *'Error from server (Expired)'*) listed=$(ctl "$reading" get --chunk-size=0 "$@" 2>&1); status=$? ;;
  esac
  say "$listed"
  return "$status"
}
# fetch WHAT|NAMESPACE: what kubectl prints, errors among it, and a last line with its status.
fetch() {
  what=${1%%|*} where=${1#*|}
  case $where in
    .) set -- ;;
    '*') set -- --all-namespaces ;;
    *) set -- "--namespace=$where" ;;
  esac
  case $what in
    pods) list pods "$@" ${selector:+"--selector=$selector"} -o go-template="$pods" ;;
    events) list events "$@" -o go-template="$events" ;;
    work) list deployments,statefulsets,daemonsets "$@" -o go-template="$changes" ;;
    configmaps) list configmaps "$@" -o go-template="$changes" ;;
    secrets) list secrets "$@" --field-selector=type!=helm.sh/release.v1 -o go-template="$changes" ;;
  esac
  status=$?
  printf 'status\t%s\t%s\t%s\n' "$status" "$what" "$where"
}
# in_turn FUNCTION LINES: FUNCTION fetches something for each line, all at the same time, and shows it in the order of the
# lines: each waits for the end of what those ahead of it print.
in_turn() {
  line=${2%%"
"*}
  others=${2#"$line"}
  others=${others#"
"}
  if [ -z "$others" ]; then one "$1" "$line"; else one "$1" "$line" | in_turn "$1" "$others"; fi
}
one() { # FUNCTION LINE
  got=$("$1" "$2" 2>&1 </dev/null)
  cat
  "show_$1" "$2"
}
show_fetch() { say "$got"; }
# ask LINES: sets answers and failed; tells what went wrong.
ask() {
  answers=$(in_turn fetch "$1" </dev/null)
  failed=$(say "$answers" | awk -F '\t' '
    /\(Forbidden\)/ { refused = 1 }
    /^(error|Error|Unable)/ && !/\(Forbidden\)/ { lost = 1 }
    $1 == "status" {
      if ($2 != 0) print (refused && !lost ? "refused" : $2) "|" $3 "|" $4
      refused = lost = 0
    }')
  say "$answers" | grep -v "^[a-z]*$tab" | complaint >&2
  for each in $failed; do
    case $each in
      124\|* | 137\|* | 143\|*)
        each=${each#*|}
        printf 'The API server did not answer within %s s when it was asked for %s.\n' "$reading" "${each%%|*}" >&2
        ;;
    esac
  done
}
made() {
  if [ -n "$whole" ] && say "$failed" | grep -v '^refused|' | grep -q .; then return; fi # who may not, may not next time
  say "$answers" | awk -v mode="$1" -v most="$most" -v selected="$selector" -v low="$low" -v high="$high" "$cluster"
}
# That Secrets may not be listed is told, and no failure.
is_whole() { ! say "$failed" | grep -v '|secrets|' | grep -q .; }
end() { if is_whole; then exit 0; else exit 1; fi; }

# --- Logs -------------------------------------------------------------------------------------------------------------
# log NAMESPACE POD CONTAINER WHICH NODE: of `both`, `before` and `last` the log of the container before comes first.
log() {
  # shellcheck disable=SC2086 # five words
  set -- $1
  has=''
  case $4 in both | before | last) read_log "$1" "$2" "$3" '&previous=true' ;; esac
  printf '%s\n' "$mark_of_now"
  case $has in "$silence"*) return ;; esac
  case $4 in
    both | now) read_log "$1" "$2" "$3" '' ;;
    last) if [ -z "$has" ]; then read_log "$1" "$2" "$3" ''; fi ;;
  esac
}
mark_of_now="now $failtale_nonce$tab"
# read_log NAMESPACE POD CONTAINER MORE: its newest lines, also from before the window, for the look-back. Where those are all
# of the window, older ones of it are asked for.
read_log() {
  path="$base/api/v1/namespaces/$1/pods/$2/log?container=$3&timestamps=true$4"
  since=''
  if [ -n "$low" ]; then since="&sinceTime=$(utc "$low" 3600)"; fi
  has=$(raw_log "$path$since&tailLines=$reach")
  if [ -n "$low" ]; then
    # shellcheck disable=SC2046 # five words
    set -- "$path" $(say "$has" | counted_lines)
    if [ "$6" = 1 ] && [ "$(($2 + $3 + $4))" -ge "$reach" ]; then
      has=$(raw_log "$1&sinceTime=$(utc "$low" 1)&tailLines=$((reach * 10))" "$reading")
      if [ "$(say "$has" | wc -l)" -ge "$((reach * 10))" ]; then printf 'more\t\n'; fi
    fi
  fi
  say "$has"
  case $has in "$silence"*) ;; *) printf 'x' >&4 ;; esac
  case $has in *'(BadRequest)'* | *'(NotFound)'*) has='' ;; esac
}
silence='Unable to connect to the server' # as kubectl begins, where a log has times
raw_log() { # PATH SECONDS: so long may it take, without them as long as a page of a list
  waiting=${2-$patience}
  bytes=$(ctl "$reading" get --raw "$1" 2>&1 | tail -c "$scan" | tr '\000' '\001')
  if [ "${#bytes}" -lt "$((scan - 4096))" ]; then say "$bytes"; return; fi
  printf 'large\t\n'
  say "$bytes" | sed 1d # a part of a line
}
counted_lines() { awk -v mode=count -v low="$low" -v high="$high" "$cluster"; }
utc() { # EPOCH SECONDS: so long before it, as the API wants times
  awk -v at="$1" -v before="$2" 'BEGIN {
    at = int(at) - before
    day = int(at / 86400)
    rest = at - day * 86400
    z = day + 719468
    era = int(z / 146097)
    doe = z - era * 146097
    yoe = int((doe - int(doe / 1460) + int(doe / 36524) - int(doe / 146096)) / 365)
    doy = doe - (365 * yoe + int(yoe / 4) - int(yoe / 100))
    mp = int((5 * doy + 2) / 153)
    d = doy - int((153 * mp + 2) / 5) + 1
    m = mp < 10 ? mp + 3 : mp - 9
    y = yoe + era * 400 + (m <= 2)
    printf "%04d-%02d-%02dT%02d:%02d:%02dZ", y, m, d, int(rest / 3600), int(rest / 60) % 60, rest % 60
  }'
}
# Shows the logs of one container: what `log` has got.
show_log() {
  # shellcheck disable=SC2086 # five words
  set -- $1
  before=$(say "$got" | sed "/^$mark_of_now/,\$d")
  now=$(say "$got" | awk -v mark="$mark_of_now" 'seen { print } index($0, mark) == 1 { seen = 1 }')
  if [ -n "$before" ]; then show_lines "$1/$2/$3 (previous)" "$before"; fi
  if [ -n "$now" ]; then show_lines "$1/$2/$3" "$now"; fi
}
show_lines() { # LABEL LINES
  lines=$2
  # shellcheck disable=SC2046 # five words
  set -- "$1" $(say "$lines" | counted_lines)
  case $6-$lines in
    1-"large$tab"* | 1-"more$tab
large$tab"*) tell remark "Of $1 older lines were left out: it wrote more than $((scan / 1048576)) MB." ;;
    *-"more$tab"*) tell remark "Of $1 older lines of the window were left out: it wrote more than $((reach * 10)) lines." ;;
  esac
  if [ "$5" -gt 0 ]; then
    words=$(say "$lines" | grep -v '^[0-9][0-9][0-9][0-9]-' | sed -e "/^more$tab/d" -e "/^large$tab/d" | complaint)
    case $words in
      '') ;;
      *'(Forbidden)'*) say "$words" >&2 ;;
      *) tell remark "$1: $(printf '%s' "$words" | tr '\n' ' ')." ;;
    esac
  fi
  if [ "$(($3 + $4))" -eq 0 ]; then return; fi
  tell method "$how" "$1"
  tell times "$stamps" 0 "$1"
  if [ "$3" -gt 0 ]; then show_part unsure "$1" "$((share / 4))"; fi
  if [ "$4" -gt 0 ]; then show_part sure "$1" "$share"; fi
}
show_part() { # SIDE LABEL CAP
  printf '\036%s part %s %s %s\n' "$failtale_nonce" "$1" "$3" "$2"
  side "$1" | narrow "$3" | with_look_back "$1" "$2"
}
side() { say "$lines" | awk -v mode=split -v side="$1" -v low="$low" -v high="$high" "$cluster"; }
held_before() { if [ -n "$low" ]; then side old; fi; }
logs() {
  ask "$(of_each pods)"
  planned=$(made plan)
  left=$(say "$planned" | sed -n 's/^left //p')
  count=$(say "$planned" | sed -n 's/^pods //p')
  planned=$(say "$planned" | sed -e '/^left /d' -e '/^pods /d')
  if [ -z "$planned" ] && [ -n "$failed" ]; then end; fi
  if [ "$count" = 0 ]; then tell remark "No pod is there${namespaces:+ in $namespaces}${selector:+ with $selector}."; fi
  if [ -n "$left" ]; then
    tell remark "The logs of ${left%% *} more containers were not read, ${left#* } among them: those in trouble come first, and 'most' says how many are read."
  fi
  tell several
  if [ -n "$planned" ]; then
    share=$((max / $(say "$planned" | wc -l) - 200))
    if [ "$share" -lt 2048 ]; then share=2048; fi
    read_planned
    if [ -z "$has_log" ]; then
      printf 'The API server did not answer within %s s when it was asked for logs.\n' "$patience" >&2
      exit 1
    fi
    if [ "$unread" -gt 0 ]; then
      tell remark "The logs of $unread more containers were not read: those of the others took $(seconds_until_now) s."
    fi
  fi
}
# Reads what is planned; sets has_log, and unread, the number of those that were left out: a node that is gone answers for
# none of its containers, and is found out once.
read_planned() {
  has_log='' unread=0 silent=0
  while [ -n "$planned" ] && [ "$silent" -lt 2 ] && [ "$(seconds_until_now)" -lt "$reading" ]; do
    batch=$(say "$planned" | head -n "$at_once")
    planned=$(say "$planned" | tail -n "+$((at_once + 1))")
    { answered=$(in_turn log "$batch" 4>&1 >&3 3>&- </dev/null); } 3>&1
    if [ -n "$answered" ]; then has_log=1; continue; fi
    silent=$((silent + 1))
    nodes=$(say "$batch" | awk '{ printf "%s ", $5 }')
    unread=$((unread + $(lines_of "$planned")))
    planned=$(say "$planned" | awk -v nodes=" $nodes" '!index(nodes, " " $5 " ")')
    unread=$((unread - $(lines_of "$planned")))
  done
  unread=$((unread + $(lines_of "$planned")))
}
lines_of() { say "$1" | grep -c .; }
seconds_until_now() { echo "$(($(date +%s) - asked_at))"; }

how='time'
if [ -z "$low_at" ]; then
  how='tail'
  # shellcheck disable=SC2034 # with_look_back reads it
  look_back=''
fi
probe
case $about in
  pods) ask "$(of_each pods)"; made rows ;;
  changes) ask "$(of_each work configmaps secrets)"; made things | sort ;;
  events)
    tell method "$how"
    ask "$(of_each events pods)"
    printf '\036%s part sure %s events\n' "$failtale_nonce" "$max"
    tell method "$how" events
    tell times "$stamps" 0 events
    made lived | narrow "$max"
    ;;
  logs)
    tell method "$how"
    logs
    ;;
esac
end
