# Log lines -> those of the window; a line without a time stays with the line above it. Set from outside:
#   since  epoch seconds      ahead   seconds that times without a zone are ahead of UTC
#   year, now  of the host    before  how many lines from ahead of the window come along, marked, on stderr
#   strict  times without fractions count only from the next whole second on
#   kind   how the log writes time; empty: tell the kind that most lines have, its last time, and whether that has a
#          zone and fractions
function days(y, m, d) {
  if (m < 3) { y--; m += 12 }
  return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * m - 457) / 5) + d - 719469
}
function month(name) { return int((index("JanFebMarAprMayJunJulAugSepOctNovDec", name) + 2) / 3) }
# Epoch seconds of a date and of the text behind it: clock, fraction, zone.
function moment(y, m, d, rest,    t) {
  t = days(y + 0, m + 0, d + 0) * 86400 + substr(rest, 1, 2) * 3600 + substr(rest, 4, 2) * 60 + substr(rest, 7, 2)
  return t + fraction(substr(rest, 9))
}
function fraction(rest,    part) {
  part = 0
  fine = match(rest, /^[.,][0-9]+/)
  if (fine) {
    part = ("0." substr(rest, 2, RLENGTH - 1)) + 0
    rest = substr(rest, RLENGTH + 1)
  }
  return part - zone(rest)
}
function zone(rest) {
  zoned = 1
  if (rest ~ /^Z([^A-Za-z]|$)/ || rest ~ /^ ?(UTC|GMT)/) return 0
  if (rest ~ /^ ?[+-][0-9][0-9]:?[0-5][0-9]/) {
    gsub(/^ |:/, "", rest)
    return (rest ~ /^-/ ? -1 : 1) * (substr(rest, 2, 2) * 3600 + substr(rest, 4, 2) * 60)
  }
  zoned = 0
  return ahead
}
# A time without a year is not in the future.
function recent(m, d, rest,    t) {
  t = moment(year, m, d, rest)
  return t > now + 86400 ? moment(year - 1, m, d, rest) : t
}
function epoch(digits,    t) {
  match(digits, /^[0-9]+/)
  if (RLENGTH != 10 && RLENGTH != 13 && RLENGTH != 16 && RLENGTH != 19) return ""
  t = substr(digits, 1, 10) ((RLENGTH > 10) ? "." substr(digits, 11) : substr(digits, 11))
  fine = match(t, /^[0-9]+[.][0-9]+/)
  zoned = 1
  return t + 0
}
function stamp(line, kind) {
  if (kind == "iso") {
    if (line !~ /^\[?[12][0-9][0-9][0-9][-\/][01][0-9][-\/][0-3][0-9][T ][ 0-2][0-9]:[0-5][0-9]:[0-6][0-9]/) return ""
    if (substr(line, 1, 1) == "[") line = substr(line, 2)
    return moment(substr(line, 1, 4), substr(line, 6, 2), substr(line, 9, 2), substr(line, 12, 40))
  }
  if (kind == "syslog") {
    if (line !~ /^(<[0-9]+>)?[JFMASOND][a-z][a-z] [ 0-3][0-9] [ 0-2][0-9]:[0-5][0-9]:[0-6][0-9]/) return ""
    sub(/^<[0-9]+>/, "", line)
    return recent(month(substr(line, 1, 3)), substr(line, 5, 2), substr(line, 8, 40))
  }
  if (kind == "klog") {
    if (line !~ /^[IWEF][01][0-9][0-3][0-9] [ 0-2][0-9]:[0-5][0-9]:[0-6][0-9]/) return ""
    return recent(substr(line, 2, 2), substr(line, 4, 2), substr(line, 7, 40))
  }
  if (kind == "ctime") {
    if (line !~ /^\[?[A-Z][a-z][a-z] [A-Z][a-z][a-z] [ 0-3][0-9] [ 0-2][0-9]:[0-5][0-9]:[0-6][0-9]([.][0-9]+)? [12][0-9][0-9][0-9]/) return ""
    if (substr(line, 1, 1) == "[") line = substr(line, 2)
    match(substr(line, 20), / [12][0-9][0-9][0-9]/)
    return moment(substr(line, 20 + RSTART, 4), month(substr(line, 5, 3)), substr(line, 9, 2), substr(line, 12, 7 + RSTART))
  }
  if (kind == "dayfirst") {
    if (!match(line, /[0-3][0-9][-\/ ][JFMASOND][a-z][a-z][-\/ ][12][0-9][0-9][0-9][: ][ 0-2][0-9]:[0-5][0-9]:[0-6][0-9]/)) return ""
    line = substr(line, RSTART, 60)
    return moment(substr(line, 8, 4), month(substr(line, 4, 3)), substr(line, 1, 2), substr(line, 13))
  }
  if (kind == "epoch") {
    if (match(line, /^\[?1[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]/)) return epoch(substr(line, RSTART + RLENGTH - 10, 30))
    if (match(line, /(audit\(|"(ts|time|timestamp)": ?)1[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]/))
      return epoch(substr(line, RSTART + RLENGTH - 10, 30))
    return ""
  }
  if (kind == "inner") {
    if (!match(line, /[12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9][T ][ 0-2][0-9]:[0-5][0-9]:[0-6][0-9]/)) return ""
    line = substr(line, RSTART, 60)
    return moment(substr(line, 1, 4), substr(line, 6, 2), substr(line, 9, 2), substr(line, 12))
  }
  return own(line)
}
BEGIN { kinds = split("own,iso,syslog,klog,ctime,epoch,dayfirst,inner", names, ",") }
kind == "" {
  for (i = 1; i <= kinds; i++) {
    t = stamp($0, names[i])
    if (t != "") {
      seen[i]++
      last[i] = sprintf("%.0f %d %d", t, zoned, fine)
      break
    }
  }
  next
}
{
  t = stamp($0, kind)
  if (t != "") inside = t >= (fine ? since + 0 : int(since) + strict)
}
inside {
  if (!opened++) flush_ahead()
  print
  next
}
!opened && before > 0 { ring[met++ % before] = $0 }
function flush_ahead(    i) {
  for (i = met > before ? met - before : 0; i < met; i++) print ring[i % before] | "cat 1>&2"
  if (met) close("cat 1>&2")
}
END {
  if (kind == "") {
    for (i = 1; i <= kinds; i++) if (seen[i] > seen[best]) best = i
    if (best) print names[best], last[best]
  } else if (!opened) flush_ahead()
}
