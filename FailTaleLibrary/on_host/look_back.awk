# Which shapes of a window's lines the log held before the window, how often and when. Reads first a line of its own, the
# separator; then what stood before the window, up to the separator again; then the window. Of an empty one it says
# nothing. Prints, behind the separator's first word: `span LINES BEGAN ENDED|LABEL`, where the label is what the separator
# says behind `window`; and for each shape of the window that stood there before:
#   profile LINES-OF-WINDOW|COUNT|PLACES|SECONDS|SECONDS-OF-WINDOW
# The window's lines are numbered from its end, 1 for the last one. No text from before the window leaves the host. Set by
# the caller: most (moments kept of one shape).
function shape(s,    field) {
  if (s ~ /^[ \t]*[{]/ && match(s, /"(message|msg|log|event)" ?: ?"/)) {
    field = substr(s, RSTART + RLENGTH)
    if (match(field, /^([^"\\]|\\.)*"/)) s = substr(field, 1, RLENGTH - 1) level(s)
  }
  s = substr(s, 1, 400)
  sub(/" 5[0-9][0-9] /, "\" Sxx ", s)
  sub(/" 4[0-9][0-9] /, "\" Cxx ", s)
  gsub(/[0-9][0-9A-Fa-f]*/, "#", s) # no leading star: mawk 1.3.4-20200120 then misses lone digits
  gsub(/[A-Fa-f]+#/, "#", s)
  gsub(/#([-.:,+\/ T]?#)+/, "#", s)
  return substr(s, 1, 200)
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
  if (x in count) {
    where[x] = where[x] " " number
    when[x] = when[x] " " sprintf("%.3f", now)
  }
}
function told(line) { print prefix " " line }
END {
  if (!number) exit
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
