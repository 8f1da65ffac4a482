# Marks, an empty line, and INODE SIZE WRITTEN PATH of the files that are there -> those that are worth a look; unchanged ones
# cost nothing more.
# A mark: INODE EARLY DIGEST LATE DIGEST BEFORE WRITTEN NAME, below a line that names its directory. EARLY and LATE: the
# sizes that the marks around the window's start know, `-` where one does not know the file. WRITTEN: when it was last
# written, as the newer mark knows it; BEFORE: as the older one does, `-` where it is no other. Set from outside: how, stale.
# Prints two lines for each: INODE SIZE WRITTEN, the EARLY DIGEST LATE DIGEST TIMES of the inode, the INODE EARLY DIGEST LATE
# DIGEST TIMES of the path; and PATH. The shortest paths come first: a rotated copy has a longer name; those of marked files
# that are gone come last, with a `-` for INODE. TIMES: when it had been written to the sizes that the marks know, `EARLY:LATE`.
!listed && $0 == "" { listed = 1; next }
!listed && /^\// { directory = $0; next }
!listed {
  name = $0
  sub(/^[^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ /, "", name)
  path = directory name
  mark[$1] = $2 " " $3 " " $4 " " $5 " " ($6 == "-" ? $7 : $6) ":" $7
  last[$1] = $4 == "-" ? $2 : $4
  still[$1] = $2 != "-" && ($4 == "-" || $4 == $2)
  when[$1] = $7
  inode_of[path] = $1
  next
}
NF {
  path = $0
  sub(/^[0-9]+ [0-9]+ [0-9]+ /, "", path)
  if (here[path]++) next
  if (how != "tail" && $3 && $3 < stale && (how == "time" || (($1 in last) && last[$1] == $2))) next
  if (how == "mark" && ($1 in last) && last[$1] == $2 && still[$1] && (when[$1] == $3 || !$3)) next
  show($1, $2, $3)
}
END {
  for (path in inode_of) if (!(path in here)) show("-", 0, 0)
  for (gone = 0; gone < 2; gone++)
    for (i = 1; i <= longest; i++)
      for (j = 1; j <= many[gone, i]; j++) print numbers[gone, i, j] "\n" path_at[gone, i, j]
}
# Sorts as it goes: the paths of a pattern come in their order, so that hardly anything moves.
function show(inode, size, written,    gone, of, j) {
  gone = inode == "-"
  of = length(path)
  if (of > longest) longest = of
  for (j = ++many[gone, of]; j > 1 && path_at[gone, of, j - 1] > path; j--) {
    numbers[gone, of, j] = numbers[gone, of, j - 1]
    path_at[gone, of, j] = path_at[gone, of, j - 1]
  }
  path_at[gone, of, j] = path
  numbers[gone, of, j] = inode " " size " " written " " ((inode in mark) ? mark[inode] : "- - - - -") " " \
    ((path in inode_of) ? inode_of[path] " " mark[inode_of[path]] : "- - - - - -")
}
