# Marks, an empty line and an inventory -> the files that are worth a look; unchanged ones cost nothing more.
# A mark: INODE EARLY DIGEST LATE DIGEST BEFORE WRITTEN NAME, below a line that names its directory. EARLY and LATE: the
# sizes that the marks around the window's start know, `-` where one does not know the file. WRITTEN: when it was last
# written, as the newer mark knows it; BEFORE: as the older one does, `-` where it is no other. Set from outside: how, stale.
# Prints: LENGTH INODE SIZE WRITTEN, the EARLY DIGEST LATE DIGEST TIMES of the inode, the INODE EARLY DIGEST LATE DIGEST TIMES
# of the path, PATH. LENGTH is the path's: a rotated copy has a longer name. A marked file that is gone has `-` for its
# INODE. TIMES: when it had been written to the sizes that the marks know, `EARLY:LATE`.
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
}
function show(inode, size, written) {
  print (inode == "-") * 10000 + length(path), inode, size, written, (inode in mark) ? mark[inode] : "- - - - -", \
    (path in inode_of) ? inode_of[path] " " mark[inode_of[path]] : "- - - - - -", path
}
