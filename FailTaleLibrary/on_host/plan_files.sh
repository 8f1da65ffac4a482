# Which bytes of which files may be the window: lines NUMBER LOW PROVEN POINTS PATH, one for each piece of a log. What
# stands ahead of LOW is older than the window (`-`: nobody knows), what stands behind PROVEN is in it (`-`: nobody knows);
# what lies between is for the log's times to tell. POINTS: SIZE:WRITTEN:TAKEN,… as marks know when the log had grown so far,
# and when each was taken, 0 where nobody knows; `-` where none does, `ring` where lines stand in no order. Set from outside:
#   how        mark, time or tail
#   low_at     epoch seconds at which the window begins at the earliest; empty when that is not known
#   stale      epoch seconds; a file that was last written before has nothing of the window
#   marks, changed     the marks and the awk program that compares them with what is there
#   early, late        not empty: there is a mark from before, from after the window's start that knows these files
#   marked_at          epoch seconds of the first of them; 0 when its clock could not be read
#   marked, unseen     numbers of the patterns of which files were there at the mark, and of those of which it does not know all
#   unreadable         paths that it could not read
#   archives() prints the files in which the user says that rotated copies lie; unmarked PATH: could no mark see it?
marked=${marked-} unreadable=${unreadable-}
how=${how-} stale=${stale-} low_at=${low_at-} marks=${marks-} changed=${changed-} early=${early-} late=${late-} marked_at=${marked_at-0}
most=${most-} folder=- changed_folders=
# holds PATH SIZE DIGEST MARKED_PATH: does a file hold the content that was marked? A mark of a packed file is about its
# packed bytes.
holds() {
  if [ "$3" = - ] || [ "$2" = 0 ]; then return 0; fi # an empty log is the beginning of any
  if packed "$4"; then cat < "$1"; else content "$1"; fi | { [ "$(digest "$2")" = "$3" ]; }
}
part() { printf '%s %s %s %s %s\n' "$number" "$1" "$2" "${points:--}" "$3"; }
# points_of EARLY LATE TIMES: the points of a file that is what both marks know. Of two marks only the first tells when.
points_of() {
  points=
  if [ "$1" != - ]; then points=$1:${3%:*}:$marked_at; fi
  if [ "$2" != - ]; then points=${points:+$points,}$2:${3#*:}:$(if [ -n "$early" ]; then echo 0; else echo "$marked_at"; fi); fi
}
plan_file() {
  points=
  if [ -z "$early" ] && [ "$how" != tail ]; then plan_unmarked_copies; fi
  case $how in
    mark) plan_marked ;;
    *) if [ "$inode" != - ]; then part - - "$path"; fi ;;
  esac
}
plan_marked() {
  if [ "$inode" = - ]; then
    plan_gone
  elif same_content; then
    if packed "$path"; then return; fi
    # shellcheck disable=SC2154 # as the plan has them
    if [ "$i_early" = - ] && [ "$p_early" != - ]; then plan_rotated; fi # between the two marks
    if was_overwritten; then
      tell inplace "$path"
      points=ring
      part - - "$path"
      return
    fi
    points_of "$i_early" "$i_late" "$i_times"
    part "$(low_of "$i_early")" "$(proven_of "$i_late" "$i_late_digest")" "$path"
  elif [ "$p_inode" != - ] && ! packed "$path"; then
    plan_rotated
    part 0 "$(proven_anew)" "$path"
  elif unmarked "$path"; then
    part - - "$path"
  elif [ "$written" -eq 0 ] || [ "$written" -ge "$marked_at" ]; then
    part 0 "$(proven_anew)" "$path"
  fi
}
# The file that was marked is still the same, whatever its name was. The inode alone says little: they are reused. Nor does
# the mark of an empty log, where the later one knows more.
same_content() {
  if [ "$i_early" != - ] && ! { [ "$i_early" = 0 ] && [ "$i_late" != - ]; }; then
    [ "$size" -ge "$i_early" ] && holds "$path" "$i_early" "$i_early_digest" "$path"
  elif [ "$i_late" != - ]; then
    [ "$size" -ge "$i_late" ] && holds "$path" "$i_late" "$i_late_digest" "$path"
  else
    return 1
  fi
}
# Was it written to without growing, as a log that is a ring? Then its end tells nothing.
was_overwritten() {
  [ "$size" = "$i_early" ] && { [ "$i_late" = - ] || [ "$i_late" = "$size" ]; } && [ "$size" -gt 0 ] &&
    [ "$written" -gt "${i_times#*:}" ]
}
# A file that only the later mark knows began between the two, or nobody knows how far back the window reaches in it.
low_of() { if [ "$1" != - ]; then echo "$1"; elif [ -n "$early" ]; then echo 0; else echo -; fi; }
# From where on a file of the same inode as the later mark's is in the window; an emptied one from its beginning.
proven_of() {
  if [ "$1" = - ]; then
    echo -
  elif [ "$size" -ge "$1" ] && holds "$path" "$1" "$2" "$path"; then
    echo "$1"
  else
    echo 0
  fi
}
# The same of a file that has begun anew: unknown to the later mark, it began after it.
proven_anew() {
  if [ -z "$late" ]; then
    echo -
  elif [ "$i_late" = - ]; then
    echo 0
  else
    proven_of "$i_late" "$i_late_digest"
  fi
}

# --- Rotation ---------------------------------------------------------------------------------------------------------
# What a marked file has become that is no regular file any more, or is gone.
plan_gone() {
  if packed "$path"; then return; fi
  if [ -e "$path" ]; then tell replaced "$path"; fi
  plan_rotated
}
# Names that a rotated copy may have, newest first: app.log.1, app.log-20261122.gz, app-20261122.log, app.1.log; beside
# the log, in a folder below its own, where its inode is now, and where the user says.
siblings() {
  name=${path##*/}
  {
    copies_around
    printf '%s\n' "$changed_folders" | found_by_inode | while IFS= read -r each; do
      printf '%s\n' "$each"
      copies_in "${each%/*}"
    done
    archives
  } | trusted_names | newest_names
}
# In a gate marks are another's word: what they lead to must bear the name of a rotated copy, or stand where the user says.
trusted_names() {
  if [ -z "$careful" ]; then
    cat
  else
    said=$(archives)
    while IFS= read -r each; do
      if { is_copy "${each##*/}" || is_line "$each" "$said"; } && may_follow "$each"; then printf '%s\n' "$each"; fi
    done
  fi
}
is_copy() {
  if is_numbered "$1"; then return 0; fi
  rest=${1%.gz} rest=${rest%.xz} rest=${rest%.zst} rest=${rest%.bz2}
  case $rest in "${name%.*}"[-._][0-9]*) rest=${rest#"${name%.*}"} rest=${rest%".${name##*.}"} ;; *) return 1 ;; esac
  case $rest in *[!0-9_.:T-]*) return 1 ;; esac
}
copies_around() {
  copies_in "$folder"
  printf '%s\n' "$changed_folders" | while IFS= read -r each; do
    case $each in "$folder/"?*) if ! [ -e "$each/$name" ]; then copies_in "$each"; fi ;; esac # else they are that log's
  done
}
# Folders -> the file in them that has the inode of $path at its mark.
found_by_inode() {
  IFS='
'
  set -f
  # shellcheck disable=SC2046 # one word a line
  set -- $(cat)
  if [ "$#" -gt 0 ]; then find "$@" -xdev -maxdepth 1 -type f -inum "$p_inode" 2>/dev/null; fi
}
# Sets folder, that of $path, and changed_folders: those of the trees around it in which something was made or renamed since
# the mark or the window's start. Of large trees the first thousand folders, so that the search ends; once for each folder.
find_changed_folders() {
  if [ "$folder" = "${path%/*}" ]; then return; fi
  folder=${path%/*}
  since=$marked_at
  if [ -n "$low_at" ] && { [ "$since" = 0 ] || [ "${low_at%.*}" -lt "$since" ]; }; then since=${low_at%.*}; fi
  changed_folders=$({
    find "${folder:-/}" -xdev -maxdepth 5 -type d 2>/dev/null | head -n 1000
    find "${folder%/*}/" -xdev -maxdepth 4 -type d 2>/dev/null | head -n 1000 | sed 's|//|/|'
  } | awk '!seen[$0]++' | changed_since "$since")
}
changed_since() {
  IFS='
'
  set -f
  minutes=$((($(date +%s) - $1) / 60 + 2))
  # shellcheck disable=SC2046 # one word a line
  set -- $(cat)
  if [ "$#" -gt 0 ]; then find "$@" -maxdepth 0 -mmin "-$minutes" 2>/dev/null; fi
}
copies_in() { # FOLDER...
  for each; do
    each=${each%/}
    for copy in "$each/$name"[-._]* "$each/${name%.*}"[-._]*; do
      if [ -f "$copy" ]; then printf '%s\n' "$copy"; fi
    done
  done
}
# Paths -> the 40 newest of them, newest first.
newest_names() {
  IFS='
'
  set -f
  # shellcheck disable=SC2046 # one word a line
  set -- $(cat)
  # shellcheck disable=SC2012 # the newest first; names with a newline were left out
  if [ "$#" -gt 0 ]; then ls -1tdi -- "$@" 2>/dev/null | awk '!seen[$1]++ { sub(/^ *[0-9]+ /, ""); print }' | head -n 40; fi
}
# Names of the same shape are copies of the same log.
shape() {
  printf '%s\n' "${1##*/}" | sed -e 's/\.gz$//' -e 's/\.xz$//' -e 's/\.zst$//' -e 's/\.bz2$//' -e 's/[0-9][0-9]*/0/g'
}
# What came behind the mark of $path, and what was rotated since.
plan_rotated() {
  if [ "$p_early" != - ]; then
    m_size=$p_early m_digest=$p_early_digest
  else
    m_size=$p_late m_digest=$p_late_digest
  fi
  find_changed_folders
  around=$(siblings)
  if [ -n "$around" ]; then old=$(printf '%s\n' "$around" | find_old); else old=''; fi
  if [ -n "$old" ]; then
    if [ "$p_late" != - ] && ! knew_old; then p_late=-; fi
    points_of "$p_early" "$p_late" "$p_times"
    part "$(low_of "$p_early")" "$p_late" "$old"
    points=
    printf '%s\n' "$around" | plan_between
  elif [ "$m_size" -gt 0 ]; then
    case $path in *[0-9]) ;; *) tell lost "$path" ;; esac # who rotates drops the oldest copy, and nothing is lost
  fi
}
# Did the later mark mean $old? Not when the log was emptied between the two marks.
knew_old() ( # the size is the old one's, not that of $path
  measure "$old"
  [ "$p_late" -ge "$m_size" ] && [ "$size" -ge "$p_late" ] && holds "$old" "$p_late" "$p_late_digest" "$path"
)
# The sibling that holds the marked content: by its inode, else (a copy, a packed one) by what it begins with.
find_old() {
  list=$(cat)
  if [ -z "$list" ]; then return; fi
  printf '%s\n' "$list" | while IFS= read -r name; do
    look "$name"
    if [ "$inode" = "$p_inode" ] && is_old "$name"; then printf '%s\n' "$name"; break; fi
  done | grep . || printf '%s\n' "$list" | while IFS= read -r each; do
    look "$each"
    if [ "$m_size" -eq 0 ] && [ "$written" -lt "$marked_at" ]; then continue; fi
    if ! can_read "$each"; then continue; fi
    if is_old "$each"; then printf '%s\n' "$each"; break; fi
  done
}
# shellcheck disable=SC3013 # all shells that FailTale knows compare files by -ef and -nt
is_old() { [ -f "$1" ] && [ -r "$1" ] && ! [ "$1" -ef "$path" ] && holds "$1" "$m_size" "$m_digest" "$path"; }
# From siblings, newest first: those between $old and the current file, oldest first. A marked one is another log, unless
# the later mark knows it as this one: then it was rotated after that, and what is newer is in the window. A copy that the
# later mark alone knows was rotated between the two.
plan_between() {
  like=$(shape "$old") later='' proven=-
  between=$(while IFS= read -r each; do
    if [ "$each" != "$old" ] && ! [ "$each" -ef "$path" ] && is_after_old && [ "$(shape "$each")" = "$like" ]; then
      printf '%s\n' "$each"
    fi
  done)
  if [ -z "$between" ]; then return; fi
  known=$(printf '%s\n' "$between" | while IFS= read -r each; do
    if is_marked "$each" && [ "$k_name" = "${path##*/}" ]; then printf '%s\n' "$each"; break; fi
  done)
  if [ "$p_late" != - ] || [ -n "$known" ]; then proven=0; fi
  printf '%s\n' "$between" | {
    while IFS= read -r each; do
      if ! is_marked "$each"; then
        # shellcheck disable=SC3013 # within one second BusyBox does not tell which of two is the newer one
        if ! [ "$each" -nt "${known:-$old}" ]; then proven=-; fi
        later=$(part 0 "$proven" "$each"; printf '%s' "$later")
      elif [ "$k_name" = "${path##*/}" ]; then
        later=$(part 0 "$k_late" "$each"; printf '%s' "$later") proven=-
      elif [ "$k_early" = - ]; then
        later=$(part 0 - "$each"; printf '%s' "$later") proven=-
      fi
    done
    if [ -n "$later" ]; then printf '%s\n' "$later"; fi
  }
}
# Copies of $path that were last written in the window, where no mark from before it tells what was rotated in it; the
# oldest first.
plan_unmarked_copies() {
  if [ -z "$low_at" ]; then return; fi
  name=${path##*/}
  find_changed_folders
  copies=$(copies_around | while IFS= read -r each; do
    if is_numbered "${each##*/}"; then printf '%s\n' "$each"; fi
  done; archives)
  if [ -n "$copies" ]; then printf '%s\n' "$copies" | trusted_names | newest_names | oldest_first | plan_written_copies; fi
}
plan_written_copies() {
  while IFS= read -r each; do
    look "$each"
    # shellcheck disable=SC3013
    if [ "$written" -lt "${low_at%.*}" ] || [ "$each" -ef "$path" ]; then continue; fi
    if ! can_read "$each"; then continue; fi
    if is_marked "$each" && ! packed "$k_name"; then part - "$k_late" "$each"; else part - - "$each"; fi
  done
}
oldest_first() { awk '{ line[NR] = $0 } END { for (i = NR; i > 0; i--) print line[i] }'; }
# Is a name beside $name that of a rotated copy? Behind the log's name a number or a date; ahead of its extension a date,
# because app-2.log is a log of its own.
is_numbered() {
  rest=${1%.gz} rest=${rest%.xz} rest=${rest%.zst} rest=${rest%.bz2}
  case $rest in
    "$name"*) rest=${rest#"$name"} rest=${rest%".${name##*.}"} ;;
    *)
      rest=${rest#"${name%.*}"} rest=${rest%".${name##*.}"}
      case $rest in *[0-9][0-9][0-9][0-9]*) ;; *) return 1 ;; esac
      ;;
  esac
  case $rest in [-._]old | [-._]bak | [-._]prev) return 0 ;; [-._][0-9]*) ;; *) return 1 ;; esac
  case $rest in *[!0-9_.:T-]*) return 1 ;; esac
}
# Was $each last written after $old? BusyBox compares whole seconds: within one the names tell, and of what is older than
# the marks the marks.
# shellcheck disable=SC3013
is_after_old() {
  if [ "$each" -nt "$old" ]; then return 0; fi
  if [ "$old" -nt "$each" ]; then return 1; fi
  look "$each"
  [ "$written" -ge "$marked_at" ] && is_named_after_old
}
# app.log.1 is newer than app.log.2; app.log-20261126 is older than app.log-20261127.
is_named_after_old() {
  their_number=$(copy_number "$each") old_number=$(copy_number "$old")
  if [ -n "$their_number" ] && [ -n "$old_number" ]; then [ "$their_number" -lt "$old_number" ]; return; fi
  [ "$(printf '%s\n' "${old##*/}" "${each##*/}" | sort | tail -n 1)" = "${each##*/}" ]
}
copy_number() {
  bare=$(printf '%s\n' "${1##*/}" | sed -e 's/\.gz$//' -e 's/\.xz$//' -e 's/\.zst$//' -e 's/\.bz2$//')
  case ${bare##*.} in ???* | *[!0-9]*) ;; *) printf '%s\n' "${bare##*.}" ;; esac
}
# Does a file hold what a mark knows of its inode? Sets the mark's k_early, k_late and k_name.
is_marked() {
  look "$1"
  file=$1
  # shellcheck disable=SC2046 # words
  set -- $(printf '%s\n' "$marks" | grep "^$inode ")
  if [ "$#" -lt 8 ]; then return 1; fi
  k_size=$2 k_digest=$3 k_early=$2 k_late=$4
  if [ "$2" = - ]; then k_size=$4 k_digest=$5; fi
  shift 7
  k_name=$*
  [ "$size" -ge "$k_size" ] && holds "$file" "$k_size" "$k_digest" "$file"
}

# --- Patterns ---------------------------------------------------------------------------------------------------------
# pattern NUMBER PATTERN PATH...: the files that a pattern means. Fails, saying why on stderr, when there is none or one cannot be read.
pattern() {
  which=$1 name=$2
  shift 2
  strange "$@"
  if [ "$#" -gt "$most" ]; then tell many "$name"; fi
  found=$(inventory "$@" | newest_files)
  if [ -n "$found" ]; then
    printf '%s\n' "$found" | readable
  elif ! is_listed "$which" "$marked"; then
    complain "$name" "$1"
    return 1
  fi
}
is_listed() { case ,$2, in *,"$1",*) ;; *) return 1 ;; esac; }
was_unreadable() { is_line "$1" "$unreadable"; }
is_line() { # LINE TEXT
  case "
$2
" in *"
$1
"*) ;; *) return 1 ;; esac
}
strange() {
  for each; do
    case $each in *'
'*) tell strange "${each%%
*}" ;; esac
  done
}
readable() {
  sealed=0
  while read -r inode size written file; do
    if [ -r "$file" ]; then
      printf '%s %s %s %s\n' "$inode" "$size" "$written" "$file"
    else
      cat -- "$file" >/dev/null # in the host's own words
      sealed=1
    fi
  done
  return "$sealed"
}
complain() { # PATTERN PATH
  if ! may_follow "$2"; then printf '%s: Permission denied to follow a link to what its owner does not own\n' "$1" >&2; return; fi
  if [ -e "$2" ]; then printf '%s: not a regular file\n' "$1" >&2; return; fi
  ls -dL -- "$2" >/dev/null
  if [ -d "${1%/*}" ] && [ ! -r "${1%/*}" ]; then ls -- "${1%/*}" >/dev/null; fi
}
# From an inventory. The shortest names first; a piece that an earlier file has claimed is not another's.
plan() {
  { if [ "$how" = mark ]; then printf '%s\n' "$marks"; fi; echo; cat; } |
    awk -v how="$how" -v stale="${stale:-0}" "$changed" | sort -k1,1n -k16 | {
    number=0
    while read -r _ inode size written i_early i_early_digest i_late i_late_digest i_times \
      p_inode p_early p_early_digest p_late p_late_digest p_times path; do
      number=$((number + 1))
      plan_file
    done
  } | awk '{ path = $0; sub(/^[^ ]+ [^ ]+ [^ ]+ [^ ]+ /, "", path) } !seen[path]++'
}
