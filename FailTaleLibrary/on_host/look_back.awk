# Which shapes of a window's lines the log held before the window, how often and when. Reads first a line of its own, the
# separator; then what stood before the window, up to the separator again; then the window. Of an empty one it says
# nothing. Prints, behind the separator's first word: `span LINES BEGAN ENDED|LABEL`, where the label is what the separator
# says behind `window`; and for each shape of the window that stood there before:
#   profile LINES-OF-WINDOW|COUNT|PLACES|SECONDS|SECONDS-OF-WINDOW
# The window's lines are numbered from its end, 1 for the last one. No text from before the window leaves the host. Set by
# the caller: most (moments kept of one shape).
# With `room` it takes a glance: of the window's lines the most telling ones are printed, one of each shape, in about so many
# bytes, and the profiles, on descriptor 3, are of those lines alone; without `past` there are none. The environment's `sought`
# names words, with commas between them, whose lines come first.
function shape(s,    field) {
  if (s ~ /^[ \t]*[{]/ && match(s, /"(message|msg|log|event)" ?: ?"/)) {
    field = substr(s, RSTART + RLENGTH)
    if (match(field, /^([^"\\]|\\.)*"/)) s = substr(field, 1, RLENGTH - 1) level(s)
  }
  s = substr(s, 1, 400)
  sub(/" 5[0-9][0-9] /, "\" Sxx ", s)
  sub(/" 4[0-9][0-9] /, "\" Cxx ", s)
  if (s ~ /[0-9][.][0-9]+[.][0-9]/ && s ~ /[Ss]tart|[Bb]oot|[Ll]aunch|[Rr]unning|[Vv]ersion|[Dd]eploy|[Rr]elease|[Uu]pgrad/) s = with_versions(s)
  gsub(/[0-9][0-9A-Fa-f]*/, "#", s) # no leading star: mawk 1.3.4-20200120 then misses lone digits
  gsub(/[A-Fa-f]+#/, "#", s)
  gsub(/#([-.:,+\/ T]?#)+/, "#", s)
  return substr(s, 1, 200)
}
# Versions that something starts with stay apart, as letters that no number has: another one is another message. An address has
# a fourth part, a date four digits of a year or the time behind it.
function with_versions(s,    done, ahead, version, digit) {
  while (match(s, /[0-9]+[.][0-9]+[.][0-9]+/)) {
    ahead = done substr(s, 1, RSTART - 1)
    version = substr(s, RSTART, RLENGTH)
    s = substr(s, RSTART + RLENGTH)
    if (ahead !~ /[0-9.:\/]$/ && s !~ /^([.:\/][0-9]|[ T][0-9][0-9]?:)/ && version !~ /[0-9][0-9][0-9][0-9]$/)
      for (digit = 0; digit < 10; digit++) gsub(digit, substr("ghijklmnop", digit + 1, 1), version)
    done = ahead version
  }
  return done s
}
function level(s) {
  return match(s, /"(level|severity|levelname)" ?: ?"?[A-Za-z0-9]+/) ? substr(s, RSTART, RLENGTH) : ""
}
# Seconds of the day are enough, because differences count; a line without a time has that of the line above.
function clock(s,    t) {
  s = substr(s, 1, 600)
  if (match(s, /[0-2][0-9]:[0-5][0-9]:[0-6][0-9]([.,][0-9]+)?/)) {
    t = substr(s, RSTART, 2) * 3600 + substr(s, RSTART + 3, 2) * 60 + substr(s, RSTART + 6, 2)
    if (RLENGTH > 8) t += ("0." substr(s, RSTART + 9, RLENGTH - 9)) + 0
    if (last != "" && t < last - 43200) day += 86400
    last = t
    return day + t
  }
  return ""
}
# How grave a line looks, from 0 to 6: a rough measure, only to choose by it. `ranking` judges what was chosen.
function gravity(s) {
  s = " " tolower(substr(s, 1, 600)) " "
  gsub(/[^a-z0-9.](no|0|zero|without) (errors?|failures?|failed|exceptions?)[^a-z]/, " ", s)
  gsub(/(errors?|failures?|failed|exceptions?) ?[=:] ?0[^0-9]/, " ", s)
  if (s ~ STOPS) return 6
  if (s ~ FAILS) return 4
  if (s ~ WARNS) return 2
  return 0
}
function holds(s,    i) {
  if (!wanted) return 0
  s = tolower(s)
  for (i = 1; i <= wanted; i++) if (index(s, words[i])) return 1
  return 0
}
# Chosen alone, a line may lack what tells that a secret is in it. So neither a key's lines are chosen nor a value's, nor a word
# alone that is no error's name; nor what follows a line that speaks of secrets, up to the next that bears a time; in a log
# without times, a few lines and the rows of a table.
function may_be_secret(s,    lower) {
  if (s ~ /-----BEGIN [A-Z ]*PRIVATE KEY/) key = 1
  if (s ~ /-----END [A-Z ]*PRIVATE KEY/) { key = 0; return 1 }
  if (key) return 1
  lower = tolower(substr(s, 1, 2000))
  if (lower ~ /passw|passphrase|passcode|token|secret|api.?key|credential/) spoken = now == "" ? 4 : 60
  else if (spoken && t != "") spoken = 0
  else if (spoken) {
    if (s !~ /[|;,\t]/) spoken--
    return 1
  }
  if (lower ~ /^[ \t-]*value(from)?:/) return 1
  return s ~ /^[ \t]*[^ \t]+[ \t\r]*$/ && (s ~ /[0-9]/ || !gravity(s))
}
# Of each shape one line stands for all: the last, or the last of those that hold a word that is sought.
function consider(s, x,    found) {
  if (may_be_secret(s)) return
  if (length(s) > 8192) { s = substr(s, 1, 8192); sub(/[^ \t]*$/, "", s) }
  if (s == "") return
  found = holds(s)
  seen[x]++
  if (found < sought_in[x] + 0) return
  sought_in[x] = found
  line_of[x] = number
  text_of[x] = s
  moment_of[x] = now
}
function weight(x) {
  return 100 * sought_in[x] + 10 * gravity(text_of[x]) + (lines && !(x in count) ? 25 : 0) + 10 / seen[x]
}
# The shapes of the chosen lines -> shown[1..chosen], in the order of the lines.
function choose(    x, best, left, i, misses) {
  for (x in line_of) worth[x] = weight(x)
  left = room
  while (left > 0 && misses < 8) {
    best = ""
    for (x in worth)
      if (best == "" || worth[x] > worth[best] || (worth[x] == worth[best] && line_of[x] > line_of[best])) best = x
    if (best == "") break
    delete worth[best]
    if (chosen && length(text_of[best]) + 1 > left) { misses++; continue }
    left -= length(text_of[best]) + 1
    for (i = ++chosen; i > 1 && line_of[shown[i - 1]] > line_of[best]; i--) shown[i] = shown[i - 1]
    shown[i] = best
  }
}
# Keeps at most `most` moments of a shape, evenly: when there are more, the least gap between two of them doubles.
function remember(x,    i, j, moment) {
  moment = now == "" ? NR : now # without times, lines stand for seconds
  if (!(x in count)) kept[x] = 0
  count[x]++
  last_at[x] = now
  last_place[x] = NR - 2
  if (kept[x] && moment - order[x, kept[x]] < apart[x]) return
  keep(x, ++kept[x], moment, now, NR - 2)
  while (kept[x] > most) {
    apart[x] = apart[x] ? 2 * apart[x] : 1
    j = 1
    for (i = 2; i <= kept[x]; i++)
      if (order[x, i] - order[x, j] >= apart[x]) keep(x, ++j, order[x, i], at[x, i], place[x, i])
    kept[x] = j
  }
}
function keep(x, i, moment, seconds, line) {
  order[x, i] = moment
  at[x, i] = seconds
  place[x, i] = line
}
BEGIN {
  if (room) {
    wanted = split(ENVIRON["sought"], words, ",")
    STOPS = "out of memory|oom|panic|fatal|emerg|segfault|segmentation fault|sig(segv|abrt|bus|ill|fpe|kill)|core dumped" \
      "|signal [0-9]|protection fault|lockup|no space left|(not enough|no) free space|ran out|disk.*full|read-only|corrupt|deadlock|killed" \
      "|i/o error|input/output error|stack smashing|exhausted|saturated|too many open|flooding|100%"
    FAILS = "err(or)?[^a-z]|errors|error|exception|fail|traceback|crit|alert|severe|refused|denied|forbidden|unauthorized" \
      "|timed? ?out|timeout|deadline|unreachable|unavailable|no route|cannot|can.t |could ?n.t|could not|unable|abort|reset by" \
      "|broken pipe|not found|no such|invalid|mismatch|expire|unhealthy|rejected|overflow|lost|crash|down[^a-z]|dropp|missing" \
      "|throttl|quota|limit|exceed|violat|conflict|stopp|shut|terminat|exit|restart|evict|degraded|full[^a-z]" \
      "| 5[0-9][0-9][^0-9]|blocked|not enough|remaining connection|max_|backlog|reached|waiting|in use|already|one usage|self-signed" \
      "|nxdomain|not known|no (live|server|healthy|pg_hba)|circuit|noauth|credential|not exist|not (authori|permitted|valid)" \
      "|[^a-z_]lock(ed)? |locked|busy|too |duplicate|status[=: ]+[45][0-9][0-9]|not[_ ](the )?(leader|master|primary)" \
      "|ahead of|future|skew|jumped|backwards|wrong| lag (is|of) [0-9][0-9]"
    WARNS = "warn|slow|retry|retries|delay|stale|late[^a-z]|unexpected|unknown|skipp|ignor|discard|fallback|backoff|disabled" \
      "| 4[0-9][0-9][^0-9]"
  }
}
NR == 1 {
  separator = $0
  prefix = substr($0, 1, index($0, " ") - 1)
  label = substr($0, length(prefix) + 9)
  next
}
!window && $0 == separator { window = 1; ended = now; lines = NR - 2; next }
{
  t = clock($0)
  if (t != "") now = t
  if (began == "" && now != "") began = now
}
!window { remember(shape($0)); next }
{
  number++
  x = shape($0)
  if (room) { consider($0, x); next }
  if (x in count) {
    where[x] = where[x] " " number
    when[x] = when[x] " " sprintf("%.3f", now)
  }
}
function told(line) {
  if (room) print prefix " " line | "cat >&3"
  else print prefix " " line
}
END {
  if (!number) exit
  if (room) {
    choose()
    for (i = 1; i <= chosen; i++) {
      print text_of[shown[i]]
      if (shown[i] in count) {
        where[shown[i]] = " " i
        when[shown[i]] = " " sprintf("%.3f", moment_of[shown[i]])
      }
    }
    number = chosen
    if (past == "" || !number) exit
  }
  told("span " lines + 0 (began == "" ? "" : sprintf(" %.3f %.3f", began, ended)) "|" label)
  for (x in where) {
    if (place[x, kept[x]] != last_place[x]) keep(x, ++kept[x], 0, last_at[x], last_place[x])
    places = seconds = lines_of = ""
    many = split(where[x], numbers, " ")
    for (i = 1; i <= many; i++) lines_of = lines_of " " (number + 1 - numbers[i])
    for (i = 1; i <= kept[x]; i++) {
      places = places " " place[x, i]
      if (began != "") seconds = seconds " " sprintf("%.3f", at[x, i])
    }
    told("profile" lines_of "|" count[x] "|" places "|" seconds "|" (began == "" ? "" : when[x]))
  }
}
