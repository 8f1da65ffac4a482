# Pieces of logs -> how each log writes time, and where the window begins in it. The functions of the formats stand behind
# this text. The first line is the separator. With it begins each piece, behind which stand, with spaces between them:
#   FIRST      at which position of the file the lines begin; where it is not 0, the first of them is torn
#   START      from which position on the window is sought in these lines, or behind a torn one where it is FIRST
#   END        up to which; -1: it is not sought
#   MARKED     1 when the line at START was written behind a mark, so that what stands ahead of the first time is not old
#   WRITTEN    epoch seconds at which the log was last written; 0: nobody knows
#   LAST       the same of what ends at END
#   POINTS     SIZE:WRITTEN:TAKEN,… as marks know of the log, and when each was taken; 0: nobody knows
# The lines are learned from; their last line ends in the newline that follows it in this stream, or is empty.
# Where `kind` is set nothing is learned, and the lines are all that is searched. Set from outside:
#   host_ahead seconds that times without a zone are ahead of UTC; year, now: of the host
#   ahead_then, turned   the same before the host's clocks were last turned, and when that was, in epoch seconds; 0: never
#   low, high  epoch seconds: a line's time from `high` on is in the window, one that ends before `low` is not
#   kind       how the log writes time; empty: it is learned. Where it is set, what learning would have found:
#   ahead      seconds that times without a zone are ahead of UTC in this log
#   least, most   seconds that the log's times are behind the host's clock, at least and at most
#   sparse     1 when few lines have no time, so that such a line need not belong to the one above
# Prints `?` in place of further pieces where the functions of the formats are too few for a log. Else a line for each piece: KIND AHEAD ZONE DATED STEP SPARSE FITS LEAST MOST APART MAYBE SURE UNTOLD TORN. KIND: `-` when most
# lines have no time that can be used; then APART tells how far a clock is off that nothing explains, 0 where there is none.
# ZONE: `host`, `utc`, `other` or `told`; FITS: 0 when no time tells how far the log's clock is apart. APART: the seconds that
# it seems to be behind, with a `=` ahead where several moments agree; 0: it is right.
# MAYBE and SURE: how many bytes behind START the first line that may be in the window begins and the first that is, -1 where
# there is none. UNTOLD: 1 when the log was written in the window, of which no time tells, 2 when that was long after its
# newest time. Where no line has a time: -2 -2 0. TORN: bytes of the torn line behind START, from whose end they count.
function days(y, m, d) {
  if (m < 3) { y--; m += 12 }
  return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * m - 457) / 5) + d - 719469
}
function exists(y, m, d) {
  if (m < 1 || m > 12 || d < 1 || d > 31) return 0
  return d < 29 || days(y, m, d) < (m == 12 ? days(y + 1, 1, 1) : days(y, m + 1, 1))
}
function month(name) {
  name = toupper(substr(name, 1, 3))
  return length(name) < 3 ? 0 : int((index("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", name) + 2) / 3)
}
function clear() { Y = y2 = M = B = D = h = p = m = s = F = Z = E = T = H = J = "" }
# Epoch seconds of the fields that a row has read. Sets zoned, dated, step and doubt: a time tells its moment to `step`
# seconds, and may as well have been `doubt` seconds earlier.
function made(    t) {
  dated = zoned = 1
  doubt = 0
  if (E T H J != "") return unturned = of_counted_seconds()
  if (h == "") return "" # what stands ahead of the time has swallowed it
  t = unturned = of_fields()
  return zoned || t == "" || !turned || ahead_then == ahead ? t : of_turned_clock(t)
}
# A time without a zone, while the host's clocks have been turned: of an hour that they repeated the earlier one is possible.
function of_turned_clock(t,    then) {
  then = t + ahead - ahead_then
  if (then >= turned) return t
  if (t < turned || t > now + 60) return then
  doubt = t - then
  return t
}
function of_counted_seconds(    part) {
  step = 1
  if (E != "") return of_epoch(tolower(E))
  if (T != "") return hexadecimal(substr(T, 8)) - 10 # as daemontools, runit and s6 reckon it
  if (H != "") return hexadecimal(H)
  split(J, part, " ")
  return part[2] < 86401 ? (part[1] - 40587) * 86400 + part[2] : ""
}
function hexadecimal(digits,    i, number) {
  for (i = 1; i <= length(digits); i++) number = number * 16 + index("123456789abcdef", substr(digits, i, 1))
  return number
}
function of_fields(    t, mo) {
  sub(/^:/, "", s)
  if (p != "") h = h % 12 + (p ~ /^[Pp]/ ? 12 : 0)
  t = h * 3600 + m * 60 + s + fraction() - zone()
  if (D == "") return of_clock(t)
  mo = B != "" ? month(B) : M + 0
  if (y2 != "") Y = 2000 + y2
  if (Y == "") return recent(mo, D + 0, t)
  if (!exists(Y + 0, mo, D + 0)) return ""
  return days(Y + 0, mo, D + 0) * 86400 + t
}
# 10 to the power of -n; BusyBox may come without mathematics.
function power(n,    part) {
  part = 1
  while (n-- > 0) part /= 10
  return part
}
function fraction() {
  step = s == "" ? 60 : 1
  if (F == "") return 0
  if (F ~ /^[.,:]/) F = substr(F, 2)
  if (length(F) > 9) return 0 # the next field of a line whose fields are parted by commas
  step = power(length(F))
  return ("0." F) + 0
}
function zone() {
  if (Z == "") {
    zoned = 0
    return ahead
  }
  gsub(/[ :]/, "", Z)
  if (Z ~ /[+-]/) sub(/^[A-Z]+/, "", Z)
  if (Z !~ /^[+-]/) return 0
  return (Z ~ /^-/ ? -1 : 1) * (substr(Z, 2, 2) * 3600 + substr(Z, 4, 2) * 60)
}
# A time without a year, or without a date, is not in the future.
function recent(mo, d, t,    y) {
  for (y = year; y > year - 9; y--)
    if (exists(y, mo, d) && days(y, mo, d) * 86400 + t <= now + 86400) return days(y, mo, d) * 86400 + t
  return ""
}
function of_clock(t) {
  dated = 0
  t += int((now + ahead) / 86400) * 86400
  return t > now + 120 - least ? t - 86400 : t
}
function of_epoch(digits,    whole, rest, places) {
  whole = rest = digits
  if (places = index(digits, "e")) { # 1.795368601e+09
    whole = rest = substr(digits, 1, places - 1)
    places = substr(digits, places + 1) + 0
    if (places > 18) return ""
  }
  sub(/[.].*/, "", whole)
  if (!sub(/^[^.]*[.]/, "", rest)) rest = ""
  while (places-- > 0) {
    whole = whole (rest == "" ? "0" : substr(rest, 1, 1))
    rest = substr(rest, 2)
  }
  if (whole !~ /^1/ || length(whole) < 10 || length(whole) > 19 || (length(whole) - 10) % 3) return ""
  rest = substr(whole, 11) rest
  step = power(length(rest))
  return substr(whole, 1, 10) + ("0." rest)
}

# The time at a text's start, by the first row that fits; sets row. `likely` is a row that is tried first.
function any(text, likely,    t) {
  text = substr(text, 1, 300)
  if (text !~ /[0-9][0-9]/) return ""
  if (likely && (t = by_row(text, likely)) != "") return t
  return by_rows(text)
}
# The time in one of these keys of a JSON or logfmt line; sets key. Keys inside strings or inner objects are none.
function keyed(line, names, of_own,    masked, json, rest, at, from, prefix, depth, t) {
  sub(/^[ \t]+/, "", line)
  json = line ~ /^[{]/
  if (!json && line !~ /^[A-Za-z_@.-]+=/) return ""
  masked = substr(line, 1, 32768)
  gsub(/\\./, "__", masked)
  names = json ? "[{,] *\"(" names ")\" *: *" nested : "(^| )(" names ")=\"?"
  from = 0
  rest = masked
  while (match(rest, names)) {
    at = from + RSTART
    from = at + RLENGTH - 1
    prefix = substr(masked, 1, at)
    if (!json && prefix !~ / $/) prefix = ""
    gsub(/"[^"]*"/, "", prefix)
    if (json) {
      depth = gsub(/[{[]/, "", prefix)
      depth -= gsub(/[]}]/, "", prefix)
    } else depth = prefix !~ /"/
    if (depth == 1) {
      t = of_own ? own_value(substr(line, from + 1, 300)) : any(substr(line, from + 1, 300), 0)
      if (t != "") {
        key = substr(masked, at, from - at + 1)
        sub(/^[{, ]*"?/, "", key)
        sub(/[" =].*/, "", key)
        return t
      }
    }
    rest = substr(masked, from + 1)
  }
  return ""
}
# A line without the colours that it has on a terminal.
BEGIN {
  escape = sprintf("%c", 27)
  slack = 5 # seconds within which moments agree
}
function plain(line) {
  if (index(line, escape)) gsub(escape "\\[[0-9;]*[mK]", "", line)
  return line
}
# The time where the collector says; what docker compose puts ahead may be a line's own beginning.
function own_anywhere(line,    t) {
  t = own(line)
  if (t == "" && sub(compose_lead, "", line)) t = own(line)
  return t
}
# The time of a line of a kind that was learned: `own`, the number of a row, or a key.
function stamp(line) {
  line = plain(line)
  if (kind == "own") return own_anywhere(line)
  sub(compose_lead, "", line)
  if (kind ~ /^[0-9]+$/) return by_row(substr(line, 1, 300), kind + 0)
  return keyed(line, substr(kind, 2), 0)
}
# The kind of a line; sets time.
function kind_of(line) {
  line = plain(line)
  if (has_own) {
    time = own_anywhere(line)
    return time == "" ? "" : "own"
  }
  sub(compose_lead, "", line)
  time = any(line, kind == "" ? row : 0)
  if (time != "") return row ""
  time = keyed(line, keys, 0)
  if (time == "") time = keyed(line, keys_of_events, 0)
  return time == "" ? "" : "=" key
}

# A line that goes on with what the line above began.
function continues(line) { return line ~ /^([ \t]|$|(Caused by|Suppressed|Traceback|[A-Za-z_.$]+(Error|Exception)(:|$)))/ }

# --- Pieces ---
# A line is taken when the next one comes: the newline behind the last one may be the stream's own.
BEGIN {
  learns = kind == ""
  turned_at = turned
}
NR == 1 {
  separator = $0
  next
}
index($0, separator) == 1 {
  end_piece()
  begin_piece()
  next
}
{
  if (is_held) take(held)
  held = $0
  is_held = 1
}
function give_up() {
  print "?"
  begun = 0
  exit
}
function begin_piece() {
  begun = 1
  first = $2
  start = $3
  end = $4
  marked = $5
  written = $6
  last_written = $7
  clear_all(point)
  known = $8 ~ /:/ ? split($8, point, ",") : 0
  is_held = lines = 0
  if (!learns) return begin_search()
  kind = ""
  ahead = host_ahead
  turned = turned_at
  least = most = row = 0
  begin_learning()
}
function end_piece() {
  if (!begun) return
  if (is_held && held != "") take(held)
  if (!learns) print "- 0 - 0 0 0 0 0 0 0", window(), 0
  else if (!learned()) print "- 0 - 0 0 0 0 0 0 " unexplained + 0, "-1 -1 0 0"
  else print told_kind, end < 0 ? "-1 -1 0 0" : sought()
}
function take(line) {
  if (!learns) seek(line)
  else {
    line_at[++lines] = line
    learn(line)
  }
}
# The window in lines that were learned from.
function sought(    i, position, line) {
  kind = learned_kind
  if (ahead != host_ahead) turned = 0
  written = last_written
  begin_search()
  position = first
  torn = 0
  i = 1
  if (first && start == first && !marked && lines && position + length(line_at[1]) + 1 < end) { # not all that is searched is one line
    torn = length(line_at[1]) + 1
    start = position += torn
    i = 2
  }
  for (; i <= lines && position < end; i++) {
    line = line_at[i]
    if (position + length(line) >= start) {
      if (position + length(line) > end) line = substr(line, 1, end - position)
      if (position < start) line = substr(line, start - position + 1)
      seek(line)
    }
    position += length(line_at[i]) + 1
  }
  return window() " " torn
}

# --- Learning ---
function begin_learning() {
  next_at = next_point = others = ahead_of_all = unheaded = unexplained = 0
  latest = heading = ""
  clear_all(headed)
  clear_all(at_once)
  clear_all(seen)
  clear_all(last)
  clear_all(first_behind)
  clear_all(backwards)
  clear_all(last_unturned)
  clear_all(strays)
  clear_all(name_at)
  clear_all(counted)
}
function clear_all(array,    each) { for (each in array) delete array[each] }
function learn(line,    name) {
  begins_at = next_at + first
  next_at += length(line) + 1
  for (; known && begins_at >= point[next_point + 1] + 0 && next_point < known; next_point++) note_moment(next_point + 1)
  if (first && lines == 1 || line ~ /^[ \t]*$/) return
  name = kind_of(line)
  if (name == "") {
    if (!continues(line)) {
      others++
      latest = ""
      if (heading == "") ahead_of_all++
      else unheaded++
    }
    return
  }
  if (is_stray(name, line)) {
    if (!continues(line)) latest = ""
    return
  }
  end_record(name == heading ? time - last[name] : slack + 1)
  heading = name
  if (next_point > 0 && !(name in first_behind)) first_behind[name] = time
  if (seen[name]++ && time < last[name] - 5) backwards[name]++
  last[name] = time
  last_unturned[name] = unturned
  text_of[name] = line
  of[name] = zoned " " dated " " step
  if (latest == "" || latest == name || !continues(line)) latest = name
}
# Nobody writes in the future, or of a sudden more than a day in the past: the line speaks of it. A clock that was set stays
# there, and what goes on with the line above tells of no clock.
function is_stray(name, line) {
  if (!dated || !(name in last) || last[name] > now + 86400 || (time >= last[name] - 86400 && time <= now + 86400)) {
    strays[name] = 0
    return 0
  }
  return continues(line) || ++strays[name] < 3
}
# The lines without a time below the last one that has one: a record, where they were written at once with it. `later`: how
# long after that time what is known to be written next was.
function end_record(later) {
  if (!unheaded) return
  headed[heading] += unheaded
  if (later >= -slack && later <= slack) at_once[heading] += unheaded
  unheaded = 0
}
# Are most records headed by such a line, however many lines each has? The times run forwards and fit when the log was last
# written; a single one, that its lines were written with it: a log may tell a time where it begins, and never again. What a
# program prints where it starts is one record.
function heads_records(name, all, told,    records) {
  records = all - headed[name] - (ahead_of_all && ahead_of_all <= 50 ? ahead_of_all - 1 : 0)
  if (told == "none" || told == "old" || seen[name] * 2 < records || backwards[name] * 10 > seen[name]) return 0
  return seen[name] > 1 || (told != "other" && told != "lies" && at_once[name] > 0)
}
# The newest line as a mark saw the log: whose time it was, and how long before the log was written.
function note_moment(number,    part) {
  split(point[number], part, ":")
  if (latest == "" || part[1] + 0 != begins_at || part[2] + 0 == 0) return
  name_at[number] = latest
  behind_at[number] = part[2] - last[latest]
  place_at[number] = seen[latest]
}
# How the log writes time -> learned_kind, told_kind and all that a search needs; whether that can be used.
function learned(    name, best, all, told, zone_told, part, apart, of_records) {
  for (; next_point < known && next_at + first >= point[next_point + 1] + 0; next_point++) note_moment(next_point + 1)
  all = others
  for (name in seen) {
    all += seen[name]
    if (best == "" || seen[name] > seen[best]) best = name
  }
  if (best == "") return 0
  split(of[best], part, " ")
  ahead_was = ahead
  told = zone_of(last_unturned[best], part[1], part[2])
  if (told == "none" && best ~ /^[0-9]+$/ && fits_better(text_of[best], best + 0)) {
    seen[row] = seen[best]
    last_unturned[row] = last[row]
    headed[row] = headed[best]
    at_once[row] = at_once[best]
    if (latest == best) latest = row
    if (heading == best) heading = row
    best = row
    part[1] = was_zoned
    told = better
  }
  end_record(heading == best ? late_by : slack + 1)
  # Most lines have it; where traces outnumber the entries, it must run forwards and fit when the log was last written.
  if (best != "own" && seen[best] * 2 < all && !(seen[best] * 5 >= all && backwards[best] * 10 <= seen[best] && told != "old")) {
    if (!heads_records(best, all, told)) return 0
    of_records = 1
  }
  apart = clock_of(best, part[1] ? 0 : ahead - ahead_was, part[2], part[3] < 1 ? 0 : part[3])
  if (told == "none" && best != "own" && !agreed) {
    unexplained = apart # a clock, but one that nothing explains
    return 0
  }
  zone_told = told == "old" || told == "none" ? (part[1] ? "told" : "host") : told
  fits = agreed || told != "old"
  if (agreed) apart = "=" apart
  learned_kind = best
  sparse = (all - seen[best]) * 2 < seen[best]
  if (of_records && (ahead_of_all || at_once[best] * 2 < headed[best])) sparse = 1 # they may have been written at any time
  told_kind = best " " ahead " " zone_told " " part[2] " " part[3] " " sparse " " fits " " least " " most " " apart
  return 1
}
# How far the log's own clock is behind the host's: what all moments tell at which somebody knows when a line was written,
# sets least and most. Several that agree are believed; else it may as well be right, and its lines come late. `shift`: by
# which the times of those moments have been read too late. `untold`: seconds that a time of the log leaves out.
function clock_of(best, shift, dated, untold,    i, behind, moments, apart, from, to, place) {
  least = most = agreed = apart = 0
  for (i = 1; i <= known + 1; i++) {
    if (i > known) {
      if (latest != best || !written) continue
      behind = written - (shift ? last_unturned[best] - shift : last[best])
      place = seen[best]
    } else {
      if (name_at[i] != best) continue
      behind = behind_at[i] + shift
      place = place_at[i]
    }
    if (place in counted) continue
    counted[place] = 1
    if (!dated && written > now - 43200) behind -= 86400 * nearest(behind / 86400)
    if (!moments++ || behind < from) from = behind
    if (moments == 1 || behind > to) to = behind
    apart = behind
  }
  if (!moments || (from >= -1.1 && to <= 1.1 + (untold == 60 ? 60 : 0)) || from < -86400 || to > 86400) return 0
  if (is_of_other_clock(best, shift, from)) return 0
  agreed = moments > 1 && to - from <= slack && (from > 10 || to < -10)
  if (agreed || (from < -300 && to < 0)) {
    least = from - 0.1 - untold
    most = to + 1.1
  } else {
    least = from < -1.1 ? from - 0.1 - untold : 0
    most = to > 0 ? to + 1.1 : 0
  }
  return apart > slack || apart < -slack ? nearest(apart + 0.5) : 0 # the host tells whole seconds of its writes
}
# Does a file server tell by a clock of its own when the log was written? Then it wrote in the future; or what stands behind
# a mark would have been written ahead of it.
function is_of_other_clock(best, shift, from,    part) {
  split(point[1], part, ":")
  if (written > now + 2 || (part[3] && part[2] > part[3] + 2)) return 1
  return from < -1.1 && part[3] && (best in first_behind) && first_behind[best] - shift + from < part[3] - 2
}
function nearest(number) { return int(number < 0 ? number - 0.5 : number + 0.5) }
# Is there another row by which a line fits when the log was last written? Day and month are told apart by that. Sets row,
# better and was_zoned.
function fits_better(line, than,    i, t) {
  sub(compose_lead, "", line)
  for (i = 1; i <= rows; i++) {
    if (i == than || (t = by_row(substr(line, 1, 300), i)) == "") continue
    was_zoned = zoned
    better = zone_of(unturned, zoned, dated)
    if (better != "none") {
      row = i
      last[i] = t
      return 1
    }
  }
  return 0
}
# Which zone makes the last time fit when the log was last written; `old` when the last line with a time is older, which
# only a time with its zone can tell from one of another zone. Sets late_by: how long after that time that was.
function zone_of(t, zoned, dated,    apart, utc, quarter) {
  apart = t - written
  if (!dated && written > now - 43200) apart -= 86400 * nearest(apart / 86400)
  late_by = -apart
  if (apart >= -300 && apart <= 300) return zoned ? "told" : "host"
  utc = apart + ahead
  if (!zoned && utc >= -300 && utc <= 300) {
    ahead = 0
    late_by = -utc
    return "utc"
  }
  if (zoned) utc = apart
  quarter = 900 * nearest(utc / 900)
  if (quarter >= -50400 && quarter <= 50400 && utc - quarter >= -5 && utc - quarter <= 5) {
    if (zoned) return apart > 0 ? "lies" : "old"
    ahead = quarter
    late_by = quarter - utc
    return "other"
  }
  return zoned && apart <= 300 && apart > -86400 ? "old" : "none"
}

# --- Finding the window's start ---
function begin_search() {
  maybe = sure = loose = newest = hour_ahead = hour_behind = hour_behind_sure = -1
  next_position = times = first_is_old = in_time = repeated = back = 0
  before = seen_before = ""
}
function seek(line,    position, t) {
  position = next_position
  next_position += length(line) + 1
  t = stamp(line)
  if (t != "" && !zoned) follow_turns(t, position)
  # Nobody writes in the future, or of a sudden in the past: the line speaks of it, or its clock was lost.
  if (t != "" && (t + least > now + 300 || (dated && before != "" && t < before - 86400))) t = ""
  if (sure >= 0) {
    if (t != "") set_back(t)
    return
  }
  if (t == "") {
    if (maybe < 0 && loose < 0 && is_loose(line)) loose = position
    return
  }
  if (!times++) first_is_old = t + most + step <= low
  if (!dated && t < before - 3600) maybe = -1 # another day
  before = t
  if (t + least + step > low) in_time = 1
  if (maybe < 0 && t + most + step > low) maybe = loose < 0 ? position : loose
  if (t + least - (repeated ? 0 : doubt) >= high) sure = position
  loose = -1
  newest = position
}
# May a line without a time have been written after the entry above? One with a time of another kind tells.
function is_loose(line,    mine, found) {
  if (continues(line)) return before != "" && low - before - most - step < 1 # a record may end in the window
  if (sparse) return 1
  mine = dated
  found = kind_of(line) != "" && time + most + step > low
  dated = mine
  return found
}
# Times without a zone skip an hour of a night in spring and repeat one in autumn, at a full hour. What stands ahead of such
# a turn was read an hour too early or too late, where nobody knows when the host's own clocks were turned.
function follow_turns(t, position,    jump) {
  jump = t - seen_before
  if (seen_before != "" && (t + ahead) % 86400 < 18000 && (t + ahead) % 3600 < 600 && (seen_before + ahead) % 3600 >= 3000) {
    if (jump >= 3600 && jump < 4800 && hour_ahead >= 0 && (maybe < 0 || hour_ahead < maybe)) maybe = hour_ahead
    if (jump > -3600 && jump <= -2400) {
      repeated = 1
      sure = hour_behind_sure
      if (turned) maybe = hour_behind
    }
  }
  seen_before = t
  if (repeated) return
  if (hour_ahead < 0 && t + 3600 + most + step > low) hour_ahead = position
  if (hour_behind < 0 && t - 3600 + most + step > low) hour_behind = position
  if (hour_behind_sure < 0 && t - 3600 + least >= high) hour_behind_sure = position
}
# Behind a clock that went back old lines had the window's times: those ahead of it are unsure.
# Times without a date come again each day: behind lines of the window's hours that are followed by older ones another day
# begins.
function set_back(t) {
  if (t > before) before = t
  if (t + most + step > low || t >= before - (dated ? 600 : 3600)) back = 0
  else if (++back >= 3) {
    sure = -1
    if (!dated) before = t
  }
}
function window() {
  if (!times) return "-2 -2 0"
  if (marked && !first_is_old) maybe = 0
  if (maybe < 0 && !written) maybe = loose # nobody knows when that was written
  late = before + most + step < written ? 1 : 0 # the host tells whole seconds of its writes
  untold = written + late > low && !in_time && (maybe < 0 || most > 0)
  if (untold && maybe < 0) {
    maybe = loose < 0 ? newest : loose
    if (before + most + step < written - slack) untold = 2
  }
  return maybe " " sure " " untold
}
END { end_piece() }
