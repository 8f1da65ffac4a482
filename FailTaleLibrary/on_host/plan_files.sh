# Which bytes of which files are the window: lines `NUMBER HOW LOW START PATH` on stdout, one for each piece of a log.
# Marks are told by marks(), which calls a function with INODE SIZE DIGEST LOW PATH for each marked file.
remember() { m_inode=$1 m_size=$2 m_digest=$3 m_low=$4 m_path=$5; }
if_inode() { if [ "$1" = "$inode" ]; then remember "$@"; fi; }
if_path() { if [ "$5" = "$wanted" ]; then remember "$@"; fi; }
# Does a file hold the marked content? A mark of a packed file is about its packed bytes.
is_marked() {
  if packed "$m_path"; then cat < "$1"; else content "$1"; fi | { [ "$(digest "$m_size")" = "$m_digest" ]; }
}
# The mark of the content that a file holds now, whatever its name was. The inode alone says little: they are reused.
recall_content() {
  m_path=
  look "$1"
  marks if_inode
  [ -n "$m_path" ] && [ "$size" -ge "$m_size" ] && is_marked "$1"
}
recall_path() {
  m_path= wanted=$1
  marks if_path
  [ -n "$m_path" ]
}
part() { printf '%s %s %s %s %s\n' "$number" "$@"; }
plan_file() { # PATH
  case $how in
    tail) part tail 0 0 "$1" ;;
    time) if [ "$(written "$1")" -ge "$stale" ]; then part time 0 0 "$1"; fi ;;
    mark)
      if recall_content "$1"; then
        if ! packed "$m_path"; then part mark "$m_low" "$m_size" "$1"; fi
      elif recall_path "$1" && ! packed "$1"; then
        plan_rotated "$1"
        part mark 0 0 "$1"
      elif unmarked "$1"; then
        part time 0 0 "$1"
      elif [ "$(written "$1")" -ge "$marked_at" ]; then
        part mark 0 0 "$1"
      fi ;;
  esac
}

# --- Rotation ---------------------------------------------------------------------------------------------------------
# Names that a rotated copy may have, newest first: app.log.1, app.log-20261122.gz, app-20261122.log, app.1.log
siblings() {
  name=${1##*/}
  stem=${1%"$name"}${name%.*}
  ls -1td -- "$1"[-._]* "$stem"[-._]* 2>/dev/null | awk '!seen[$0]++' | head -n 40
}
# Names of the same shape are copies of the same log.
shape() {
  printf '%s\n' "$1" | sed -e 's/\.gz$//' -e 's/\.xz$//' -e 's/\.zst$//' -e 's/\.bz2$//' -e 's/[0-9][0-9]*/0/g'
}
# plan_rotated PATH: what came behind the mark of PATH, and what was rotated since.
plan_rotated() {
  path=$1
  around=$(siblings "$1")
  old=$(printf '%s\n' "$around" | find_inode)
  if [ -z "$old" ]; then old=$(printf '%s\n' "$around" | find_digest); fi
  if [ -n "$old" ]; then
    part mark "$m_low" "$m_size" "$old"
    printf '%s\n' "$around" | plan_between
  elif [ "$m_size" -gt 0 ]; then
    case $path in *[0-9]) ;; *) tell lost "$path" ;; esac # who rotates drops the oldest copy, and nothing is lost
  fi
}
find_inode() {
  while IFS= read -r each; do
    look "$each"
    if [ "$inode" = "$m_inode" ] && [ "$each" != "$path" ] && is_marked "$each"; then printf '%s\n' "$each"; break; fi
  done
}
find_digest() {
  while IFS= read -r each; do
    if [ "$each" = "$path" ] || [ ! -f "$each" ] || [ ! -r "$each" ]; then continue; fi
    if [ "$m_size" -eq 0 ] && [ "$(written "$each")" -lt "$marked_at" ]; then continue; fi
    if packed "$each" && ! command -v "$(tool "$each")" >/dev/null; then tell locked "$each"; continue; fi
    if is_marked "$each"; then printf '%s\n' "$each"; break; fi
  done
}
# From siblings, newest first: those between $old and the current file, oldest first. A marked one is another log.
plan_between() {
  like=$(shape "$old") between=
  while IFS= read -r each && [ "$each" != "$old" ]; do
    if [ "$each" = "$path" ] || [ ! "$each" -nt "$old" ]; then continue; fi # BusyBox sorts by whole seconds
    if [ "$(shape "$each")" = "$like" ] && ! recall_content "$each"; then
      between=$(part mark 0 0 "$each"; printf '%s' "$between")
    fi
  done
  if [ -n "$between" ]; then printf '%s\n' "$between"; fi
}

# --- Patterns ---------------------------------------------------------------------------------------------------------
# pattern MARKED PATTERN PATH...: the files that a pattern means; MARKED is `yes` when some were there at the mark.
# Fails, saying why on stderr, when there is none or one cannot be read.
pattern() {
  marked=$1 name=$2
  shift 2
  if [ "$#" -gt "$most" ]; then tell many "$name"; fi
  found=$(choose "$@")
  if [ -n "$found" ]; then
    printf '%s\n' "$found" | readable
  elif [ -z "$marked" ]; then
    complain "$name" "$1"
    return 1
  fi
}
readable() {
  unreadable=0
  while IFS= read -r file; do
    if head -c 1 -- "$file" >/dev/null; then printf '%s\n' "$file"; else unreadable=1; fi
  done
  return "$unreadable"
}
complain() { # PATTERN PATH
  if [ -e "$2" ]; then printf '%s: not a regular file\n' "$1" >&2; return; fi
  ls -dL -- "$2" >/dev/null
  if [ -d "${1%/*}" ] && [ ! -r "${1%/*}" ]; then ls -- "${1%/*}" >/dev/null; fi
}
# Marked files whose name is gone; a piece that another file has claimed is dropped below.
plan_vanished() {
  if [ -e "$5" ] || packed "$5"; then return; fi
  remember "$@"
  number=$((number + 1))
  plan_rotated "$5"
}
# From paths. The shortest names first: a rotated copy has a longer one, and each piece belongs to who comes first.
plan() {
  awk 'NF && !seen[$0]++ { print length($0), $0 }' | sort -k1,1n -k2 | cut -d ' ' -f 2- | {
    number=0
    while IFS= read -r file; do
      number=$((number + 1))
      plan_file "$file"
    done
    if [ "$how" = mark ]; then marks plan_vanished; fi
  } | awk '{ path = $0; sub(/^[^ ]* [^ ]* [^ ]* [^ ]* /, "", path) } !seen[path]++'
}
