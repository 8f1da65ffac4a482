# Log lines -> where the window begins in them, or how the log writes time. The functions of the formats stand behind
# this text. Set from outside:
#   ahead      seconds that times without a zone are ahead of UTC; year, now: of the host
#   written    epoch seconds at which the log was last written; 0: nobody knows, or what it wrote last is not searched
#   kind       how the log writes time; empty: learn it
#   low, high  epoch seconds: a line's time from `high` on is in the window, one that ends before `low` is not
#   marked     1 when the first line was written behind a mark, so that what stands ahead of the first time is not old
#   sparse     1 when few lines have no time, so that such a line need not belong to the one above
# Prints, learning: KIND AHEAD ZONE DATED STEP SPARSE FITS. ZONE: `host`, `utc`, `other` or `told`; FITS: 0 when the last
# time is older than what was written last. Nothing when there is none.
# Prints, else: MAYBE SURE WRITTEN, the positions in bytes of the first line that may be in the window and of the first
# that is, -1 where there is none; and 1 when the log was written in the window, of which no time tells. Where no line has
# a time: -2 -2 0.
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
function clear() { Y = y2 = M = B = D = h = p = m = s = F = Z = E = "" }
# Epoch seconds of the fields that a row has read. Sets zoned, dated and step: a time tells its moment to `step` seconds.
function made(    t, mo) {
  dated = zoned = 1
  if (E != "") return of_epoch(tolower(E))
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
  return t > now + 120 ? t - 86400 : t
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
BEGIN { escape = sprintf("%c", 27) }
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

# --- Learning ---
kind == "" {
  if ($0 ~ /^[ \t]*$/) next
  name = kind_of($0)
  if (name == "") {
    if (!continues($0)) others++
    next
  }
  if (seen[name]++ && time < last[name] - 5) backwards[name]++
  last[name] = time
  text_of[name] = $0
  of[name] = zoned " " dated " " step
  next
}
function learned(    name, best, all, told, zone_told, part) {
  all = others
  for (name in seen) {
    all += seen[name]
    if (best == "" || seen[name] > seen[best]) best = name
  }
  if (best == "") return
  split(of[best], part, " ")
  told = zone_of(last[best], part[1])
  if (told == "none" && best ~ /^[0-9]+$/ && fits_better(text_of[best], best + 0)) {
    seen[row] = seen[best]
    best = row
    part[1] = was_zoned
    told = better
  }
  # Most lines have it; where traces outnumber the entries, it must run forwards and fit when the log was last written.
  if (best != "own" && seen[best] * 2 < all && !(seen[best] * 5 >= all && backwards[best] * 10 <= seen[best] && told != "old")) return
  if (told == "none" && best != "own") return
  zone_told = told == "old" || told == "none" ? (part[1] ? "told" : "host") : told
  print best, ahead, zone_told, part[2], part[3], (all - seen[best]) * 2 < seen[best], told != "old"
}
# Is there another row by which a line fits when the log was last written? Day and month are told apart by that. Sets row,
# better and was_zoned.
function fits_better(line, than,    i, t) {
  sub(compose_lead, "", line)
  for (i = 1; i <= rows; i++) {
    if (i == than || (t = by_row(substr(line, 1, 300), i)) == "") continue
    was_zoned = zoned
    better = zone_of(t, zoned)
    if (better != "none") {
      row = i
      last[i] = t
      return 1
    }
  }
  return 0
}
# Which zone makes the last time fit when the log was last written; `old` when the last line with a time is older, which
# only a time with its zone can tell from one of another zone.
function zone_of(t, zoned,    apart, utc, quarter) {
  apart = t - written
  if (apart >= -300 && apart <= 300) return zoned ? "told" : "host"
  if (!zoned) {
    utc = apart + ahead
    if (utc >= -300 && utc <= 300) {
      ahead = 0
      return "utc"
    }
    quarter = int((utc < 0 ? utc - 450 : utc + 450) / 900) * 900
    if (quarter >= -50400 && quarter <= 50400 && utc - quarter >= -5 && utc - quarter <= 5) {
      ahead = quarter
      return "other"
    }
  }
  return zoned && apart <= 300 && apart > -86400 ? "old" : "none"
}

# --- Finding the window's start ---
BEGIN { maybe = sure = loose = newest = -1 }
{
  position = next_position + 0
  next_position += length($0) + 1
  t = stamp($0)
  # Nobody writes in the future, or of a sudden in the past: the line speaks of it, or its clock was lost.
  if (t != "" && (t > now + 300 || (dated && before != "" && t < before - 86400))) t = ""
  if (sure >= 0) {
    if (t != "") set_back(t)
    next
  }
  if (t == "") {
    if (maybe < 0 && loose < 0 && is_loose($0)) loose = position
    next
  }
  if (!times++) first_is_old = t + step <= low
  if (!dated && t < before - 3600) maybe = -1 # another day
  before = t
  if (maybe < 0 && t + step > low) maybe = loose < 0 ? position : loose
  if (t >= high) sure = position
  loose = -1
  newest = position
}
# May a line without a time have been written after the entry above? One with a time of another kind tells.
function is_loose(line,    mine, found) {
  if (continues(line)) return before != "" && low - before - step < 1 # a record may end in the window
  if (sparse) return 1
  mine = dated
  found = kind_of(line) != "" && time + step > low
  dated = mine
  return found
}
# Behind a clock that went back (the end of summer time) old lines had the window's times: those ahead of it are unsure.
function set_back(t) {
  if (t > before) before = t
  if (!dated || t + step > low || t >= before - 600) back = 0
  else if (++back >= 3) sure = -1
}
END {
  if (kind == "") learned()
  else if (!times) print "-2 -2 0"
  else {
    if (marked && !first_is_old) maybe = 0
    if (maybe < 0 && !written) maybe = loose # nobody knows when that was written
    untold = maybe < 0 && written > low
    if (untold) maybe = loose < 0 ? newest : loose
    print maybe, sure, untold
  }
}
