# The table of a request -> the assignments that plan_files.sh wants: lines `d DIRECTORY`, `f INODE SIZE DIGEST SIZE DIGEST
# BEFORE WRITTEN NAME` and `u PATH`, names in hexadecimal. FAILTALE_ALLOWED is an expression for the paths that the collector itself
# would read; with any other one, or a number that is none, the whole table is refused.
BEGIN {
  for (code = 1; code < 256; code++) character[sprintf("%02x", code)] = sprintf("%c", code)
  character["0a"] = ""
  allowed = ENVIRON["FAILTALE_ALLOWED"]
}
function refuse() { refused = 1; exit 1 }
function number(word, digits) {
  if (word !~ /^[0-9]+$/ || length(word) > digits || word ~ /^0./) refuse()
}
function text(word, i, result) {
  if (word == "" || length(word) % 2 || length(word) > 8192) refuse()
  for (i = 1; i < length(word); i += 2) {
    if (character[substr(word, i, 2)] == "") refuse()
    result = result character[substr(word, i, 2)]
  }
  return result
}
function check(path) { if (path !~ allowed) refuse() }
function quoted(path) {
  gsub(/'/, "'\\''", path)
  return path
}
$0 == "" { next }
$1 == "d" && NF == 2 {
  directory = text($2)
  marks = marks quoted(directory) "\n"
  next
}
$1 == "f" && NF == 9 {
  number($2, 20)
  for (i = 3; i < 7; i++) if ($i != "-") number($i, i % 2 ? 15 : 10)
  if ($7 != "-") number($7, 15)
  number($8, 15)
  name = text($9)
  if (index(name, "/")) refuse()
  check(directory name)
  marks = marks $2 " " $3 " " $4 " " $5 " " $6 " " $7 " " $8 " " quoted(name) "\n"
  next
}
$1 == "u" && NF == 2 {
  path = text($2)
  check(path)
  unreadable = unreadable quoted(path) "\n"
  next
}
{ refuse() }
END {
  if (refused) exit 1
  sub(/\n$/, "", marks)
  sub(/\n$/, "", unreadable)
  printf "marks='%s'\nunreadable='%s'\n", marks, unreadable
}
