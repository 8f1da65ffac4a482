# What kubectl prints through our templates, or as the log of a container -> lines for a reader. Set from outside:
#   mode       rows: pods as they are; plan: whose logs are worth reading; lived: what happened to pods and events, by time;
#              things: what was configured; split: the lines of a log from one side of the window; count: how many are where;
#              server: its clock, and the path ahead of its API, from what kubectl tells of asking what it serves
#   low, high  epoch seconds of the cluster's clock between which the window begins; empty: there is none
#   side       split: `old`, `unsure` or `sure`; most: plan: so many containers
#   selected   not empty: events of other pods than these are left out
# Prints, plan: NAMESPACE POD CONTAINER WHICH NODE, where WHICH is `now`, `before`, `both` or `last`; a line `left COUNT NAME` first.
# Prints, count: OLD UNSURE SURE OTHER FIRST, where FIRST is 1 when the first line is within the window.
function days(y, m, d) {
  if (m < 3) { y--; m += 12 }
  return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * m - 457) / 5) + d - 719469
}
# Epoch seconds of a time as the API writes it; empty for anything else.
function epoch(t,    s, rest, sign) {
  if (substr(t, 1, 19) !~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]$/) return ""
  s = days(substr(t, 1, 4) + 0, substr(t, 6, 2) + 0, substr(t, 9, 2) + 0) * 86400
  s += substr(t, 12, 2) * 3600 + substr(t, 15, 2) * 60 + substr(t, 18, 2)
  rest = substr(t, 20)
  if (match(rest, /^[.][0-9]+/)) {
    s += ("0" substr(rest, 1, RLENGTH)) + 0
    rest = substr(rest, RLENGTH + 1)
  }
  if (rest ~ /^[+-][0-9][0-9]:[0-9][0-9]/) {
    sign = substr(rest, 1, 1) == "-" ? 1 : -1
    s += sign * (substr(rest, 2, 2) * 3600 + substr(rest, 5, 2) * 60)
  }
  return s
}
# Whether a moment is in the window, as far as anybody knows.
function is_in(t,    s) {
  s = epoch(t)
  return s != "" && (low == "" || s >= int(low))
}
# What Go has quoted, in one line.
function plain(text) {
  if (text !~ /^".*"$/) return text
  text = substr(text, 2, length(text) - 2)
  gsub(/\\n/, " ", text)
  gsub(/\\t/, " ", text)
  gsub(/\\"/, "\"", text)
  gsub(/  +/, " ", text)
  return text
}
function with_words(text) { return text == "" ? "" : ": " plain(text) }
function short(id) {
  sub(/^.*@/, "", id)
  sub(/^docker:\/\//, "", id)
  return id ~ /^sha256:/ ? substr(id, 1, 19) : id
}
# Keeps lines by their time; equal ones in the order in which they came.
function keep(t, text) {
  kept++
  at[kept] = t
  order[kept] = sprintf("%017.6f %07d", epoch(t), kept)
  said[kept] = text
}
function print_by_time(    i, j, k, key) {
  for (i = 2; i <= kept; i++) { # few, and nearly in order
    key = order[i]; k = at[i]; text = said[i]
    for (j = i - 1; j > 0 && order[j] > key; j--) { order[j + 1] = order[j]; at[j + 1] = at[j]; said[j + 1] = said[j] }
    order[j + 1] = key; at[j + 1] = k; said[j + 1] = text
  }
  for (i = 1; i <= kept; i++) print at[i] " " said[i]
}

BEGIN { FS = "\t" }

# --- The server's clock -----------------------------------------------------------------------------------------------
# Thu, 26 Nov 2026 10:44:11 GMT
mode == "server" {
  if (match($0, /Date: *[A-Z][a-z][a-z], [0-9][0-9] [A-Z][a-z][a-z] [0-9][0-9][0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9] GMT/)) {
    split(substr($0, RSTART, RLENGTH), word, / +/)
    month = int((index("JanFebMarAprMayJunJulAugSepOctNovDec", word[4]) + 2) / 3)
    split(word[6], clock, ":")
    told = days(word[5] + 0, month, word[3] + 0) * 86400 + clock[1] * 3600 + clock[2] * 60 + clock[3]
  }
  if (!is_known && match($0, /https?:\/\/[^\/ "]+\/[A-Za-z0-9._~%:@\/-]*api[?" ]/)) {
    is_known = 1
    ahead = substr($0, RSTART, RLENGTH)
    sub(/^https?:\/\/[^\/]+/, "", ahead)
    sub(/\/api.$/, "", ahead)
  }
  next
}

# --- A container's log ------------------------------------------------------------------------------------------------
mode == "count" || mode == "split" {
  space = index($0, " ")
  when = epoch(space ? substr($0, 1, space - 1) : $0)
  if (when == "") {
    if (mode == "count") other++
    next
  }
  place = low == "" || when >= high ? "sure" : when < low ? "old" : "unsure"
  if (!lines++) first = place != "old"
  count[place]++
  if (mode == "split" && place == side) print
  next
}

# --- Pods -------------------------------------------------------------------------------------------------------------
$1 == "pod" {
  pods++
  space = $2; pod = $3; name = $2 "/" $3; created = $5; deleted = $6; owner = $7; node = $8; phase = $9; why = $10
  words = $11
  known[name] = 1
  if (owner != "") known[$2 "/" owner] = 1
  if (mode == "rows" && (why != "" || deleted != "" || phase !~ /^(Running|Succeeded)$/)) {
    about[name] = name " " (deleted != "" ? "Terminating" : phase) (why == "" ? "" : " " why) with_words(words)
    row[++rows] = name
  }
  if (mode == "lived") {
    if (is_in(created)) keep(created, name ": pod created" (owner == "" ? "" : " by " owner))
    if (deleted != "" && is_in(deleted)) keep(deleted, name ": pod is being deleted")
    if (why == "Evicted") is_evicted[name] = words
  }
  next
}
$1 == "spec" {
  id = name "/" $2
  kind[id] = $3
  image[id] = $4
  containers++
  listed[containers] = id
  space_of[id] = space; pod_of[id] = pod; container_of[id] = $2; node_of[id] = node; leaves[id] = deleted != ""
  next
}
$1 == "cond" {
  if (mode == "rows" && $2 == "PodScheduled") {
    about[name] = name " " phase " " $3 with_words($5)
  }
  if (mode == "lived" && $2 == "PodScheduled" && is_in($4)) keep($4, name ": not scheduled: " $3 with_words($5))
  if ($2 == "Ready" && $3 != "PodCompleted") {
    if (phase == "Running") unready[name] = with_words($3 (($3 == "" || $5 == "") ? "" : ": ") plain($5)) (node == "" ? "" : " (node " node ")")
    if (mode == "lived" && is_in($4) && !is_in(created)) keep($4, name ": pod is not ready any more" unready[name])
  }
  next
}
$1 == "is" {
  id = name "/" $2
  ready[id] = $3; restarts[id] = $4; image[id] = $5; image_id[id] = $6
  state[id] = $7; reason[id] = $8; exits[id] = $9; started[id] = $10; finished[id] = $11; message[id] = $12
  if (mode == "lived") {
    if (state[id] == "terminated" && is_in($11)) keep($11, id ": container ended: " ended($8, $9) with_words($12))
    if (state[id] == "running" && $4 > 0 && is_in($10)) keep($10, id ": container started again (restart " $4 ")")
  }
  next
}
$1 == "was" {
  if ($2 == "terminated") {
    last[id] = $3; last_exit[id] = $4; last_finished[id] = $6
    if (mode == "lived" && is_in($6)) keep($6, id ": container ended: " ended($3, $4) with_words($7))
  }
  next
}
function ended(why, code) { return (why == "" ? "no reason told" : why) ", exit code " code }
function shown_state(id) {
  if (state[id] == "running") return "Running"
  if (state[id] == "terminated") return (reason[id] == "" ? "Terminated" : reason[id]) " exit=" exits[id]
  if (state[id] == "waiting") return reason[id] == "" ? "Waiting" : reason[id]
  return "not-started"
}
function is_troubled(id) {
  if (leaves[id] || state[id] == "waiting") return 1
  if (state[id] == "terminated") return exits[id] != 0
  return state[id] == "running" && ready[id] == "" && kind[id] != "init"
}
function row_of(id,    text) {
  text = id " " shown_state(id)
  if (state[id] == "waiting") text = text with_words(substr(message[id], 1, 200))
  if (kind[id] == "main" || kind[id] == "sidecar") text = text (ready[id] == "" ? " not-ready" : " ready")
  if (kind[id] != "main") text = text " (" kind[id] ")"
  text = text " restarts=" (restarts[id] == "" ? 0 : restarts[id])
  if (last[id] last_finished[id] != "") text = text " last=" last[id] ",exit=" last_exit[id] "," last_finished[id]
  return text " image=" image[id] (image_id[id] == "" ? "" : " id=" short(image_id[id]))
}
function pod_name(id) { return space_of[id] "/" pod_of[id] }
function print_rows(    i, id, shown, hidden) {
  for (i = 1; i <= containers; i++) if (is_troubled(listed[i])) about[pod_name(listed[i])] = about[pod_name(listed[i])]
  for (i = 1; i <= containers; i++) { # all of its containers run: its node, or a gate, says so
    id = pod_name(listed[i])
    if (!(id in unready) || id in about) continue
    about[id] = id " Running not-ready" unready[id]
    row[++rows] = id
  }
  for (i = 1; i <= rows; i++) print about[row[i]]
  for (i = 1; i <= containers; i++) {
    id = listed[i]
    if (i <= most || is_troubled(id)) print row_of(id); else hidden++
  }
  if (hidden) print "(" hidden " more containers run and are ready: left out)"
}

# Whose log may hold lines of the window, and which of its logs; those in trouble come first.
function which(id,    again) {
  again = last_finished[id] != "" && (low == "" || epoch(last_finished[id]) >= int(low))
  if (restarts[id] > 0 && low != "" && epoch(started[id]) != "" && epoch(started[id]) >= int(low)) again = 1
  if (state[id] == "waiting") return again || last_finished[id] != "" ? "last" : ""
  if (state[id] == "terminated" && low != "" && epoch(finished[id]) != "" && epoch(finished[id]) < int(low)) return again ? "before" : ""
  if (state[id] == "") return ""
  return again && restarts[id] > 0 ? "both" : "now"
}
# A label or a subdomain of DNS (RFC 1123): nothing else goes into a path that is asked for.
function is_name(text) { return text ~ /^[a-z0-9][a-z0-9.-]*$/ }
function print_plan(    i, id, what, rank, shown, left) {
  for (rank = 0; rank < 3; rank++)
    for (i = 1; i <= containers; i++) {
      id = listed[i]
      what = which(id)
      if (what == "" || !is_name(space_of[id]) || !is_name(pod_of[id]) || !is_name(container_of[id])) continue
      if (rank != (what != "now" || is_troubled(id) ? 0 : kind[id] == "main" ? 1 : 2)) continue
      if (++shown <= most) plan[shown] = space_of[id] " " pod_of[id] " " container_of[id] " " what " " (is_name(node_of[id]) ? node_of[id] : "-")
      else if (!left++) first_left = id
    }
  if (left) print "left " left " " first_left
  print "pods " pods + 0
  for (i = 1; i <= shown && i <= most; i++) print plan[i]
}

# --- Events -----------------------------------------------------------------------------------------------------------
$1 == "event" {
  split($3, moment, " ")
  last_at = ""
  for (i = 1; i in moment; i++) if (last_at == "" || epoch(moment[i]) > epoch(last_at)) last_at = moment[i]
  if (!is_in(last_at)) next
  events++
  event_at[events] = last_at
  event_about[events] = $2 "/" $9
  event_kind[events] = $8
  event_type[events] = $6
  field = $10
  sub(/^.*[{]/, "", field)
  sub(/[}].*$/, "", field)
  event_text[events] = $2 "/" $9 (field == "" ? "" : "/" field) ": " $6 " " $7 with_words($11) \
    ($5 + 0 > 1 ? " (" $5 " times" ($4 == "" ? "" : " since " $4) ")" : "") ($8 == "Pod" ? "" : " [" $8 "]")
  next
}
# Is an event of a pod that was asked for, or of one that is gone and had the same owner, or of no pod?
function is_wanted(i,    owner) {
  if (selected == "" || event_about[i] in known) return 1
  if (event_kind[i] == "Pod" || event_kind[i] == "ReplicaSet") {
    for (owner in known) if (index(event_about[i] "-", without_kind(owner) "-") == 1) return 1
    return 0
  }
  return event_type[i] == "Warning"
}
function without_kind(owner,    part) {
  return split(owner, part, "/") == 3 ? part[1] "/" part[3] : owner
}

# --- What was configured ----------------------------------------------------------------------------------------------
$1 == "thing" {
  if ($6 == "" && $4 != "kube-root-ca.crt" && $7 !~ /^(helm.sh\/release|kubernetes.io\/service-account-token)/)
    print $2 " " $3 "/" $4 " version=" $5
  next
}
$1 == "work" { print $2 " " $3 "/" $4 " generation=" $5 ($6 == "" ? "" : " replicas=" $6) $7; next }

END {
  if (mode == "server") printf "%s %s\n", told == "" ? "-" : sprintf("%.0f", told), ahead
  else if (mode == "count") print count["old"] + 0, count["unsure"] + 0, count["sure"] + 0, other + 0, first + 0
  else if (mode == "rows") print_rows()
  else if (mode == "plan") print_plan()
  else if (mode == "lived") {
    for (i = 1; i <= events; i++) if (is_wanted(i)) keep(event_at[i], event_text[i])
    print_by_time()
  }
}
