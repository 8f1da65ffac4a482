# Which bytes of which files may be the window: lines NUMBER LOW PROVEN POINTS SIZE WRITTEN PATH in `parts`, one for each piece
# of a log. What stands ahead of LOW is older than the window (`-`: nobody knows), what stands behind PROVEN is in it (`-`: nobody knows);
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
#   archives() adds to `copies` the files in which the user says that rotated copies lie; unmarked PATH: could no mark see it?
#   now        epoch seconds
marked=${marked-} unreadable=${unreadable-}
how=${how-} stale=${stale-} low_at=${low_at-} marks=${marks-} changed=${changed-} early=${early-} late=${late-} marked_at=${marked_at-0}
most=${most-} newline=${newline-} now=${now-} found=${found-} folder=- changed_folders='' may_have_copies=''
# holds PATH SIZE DIGEST MARKED_PATH: does a file hold the content that was marked? A mark of a packed file is about its
# packed bytes.
holds() {
  if [ "$3" = - ] || [ "$2" = 0 ]; then return 0; fi # an empty log is the beginning of any
  count=$(($2 < 256 ? $2 : 256))
  digest=$({
    printf '%s -\n\n==> - <==\n' "$count"
    if packed "$1" && ! packed "$4"; then unpack "$1" | head -c "$count"; else head -c "$count" < "$1"; fi
  } | digests)
  [ "$digest" = "$3" ]
}
# part LOW PROVEN SIZE WRITTEN PATH: what an earlier file has claimed is not another's.
part() {
  if [ "$5" != "$path" ]; then has_copies=yes; fi
  if [ -n "$has_copies" ] && is_line "$5" "$claimed"; then return; fi
  claimed="$claimed$5$newline"
  parts="$parts$number $1 $2 ${points:--} $3 $4 $5$newline"
}
# points_of EARLY LATE TIMES: the points of a file that is what both marks know. Of two marks only the first tells when.
points_of() {
  points=
  if [ "$1" != - ]; then points=$1:${3%:*}:$marked_at; fi
  if [ "$2" = - ]; then return; fi
  points=${points:+$points,}$2:${3#*:}
  if [ -n "$early" ]; then points=$points:0; else points=$points:$marked_at; fi
}
# plan_file INODE SIZE WRITTEN and the fifteen fields of changed_files.awk in all; what is at $path.
plan_file() {
  own_inode=$1 own_size=$2 own_written=$3
  i_early=$4 i_early_digest=$5 i_late=$6 i_late_digest=$7 i_times=$8
  shift 8
  p_inode=$1 p_early=$2 p_early_digest=$3 p_late=$4 p_late_digest=$5 p_times=$6
  number=$((number + 1)) points=
  if [ "$how-$own_inode" != mark-- ]; then
    if [ "$i_early" != - ]; then next_sum; early_digest=$sum; fi
    if [ "$i_late" != - ]; then next_sum; late_digest=$sum; fi
  fi
  if [ -z "$early" ] && [ "$how" != tail ]; then plan_unmarked_copies; fi
  case $how in
    mark) plan_marked ;;
    *) if [ "$own_inode" != - ]; then own_part - -; fi ;;
  esac
}
own_part() { part "$1" "$2" "$own_size" "$own_written" "$path"; }
plan_marked() {
  if [ "$own_inode" = - ]; then
    plan_gone
  elif same_content; then
    if packed "$path"; then return; fi
    if [ "$i_early" = - ] && [ "$p_early" != - ]; then plan_rotated; fi # between the two marks
    if was_overwritten; then
      tell inplace "$path"
      points=ring
      own_part - -
      return
    fi
    points_of "$i_early" "$i_late" "$i_times"
    find_low "$i_early"
    find_proven
    own_part "$low" "$proven"
  elif [ "$p_inode" != - ] && ! packed "$path"; then
    plan_rotated
    find_proven_anew
    own_part 0 "$proven"
  elif unmarked "$path"; then
    own_part - -
  elif [ "$own_written" -eq 0 ] || [ "$own_written" -ge "$marked_at" ]; then
    find_proven_anew
    own_part 0 "$proven"
  fi
}
# The file that was marked is still the same, whatever its name was. The inode alone says little: they are reused. Nor does
# the mark of an empty log, where the later one knows more.
same_content() {
  if [ "$i_early" != - ] && ! { [ "$i_early" = 0 ] && [ "$i_late" != - ]; }; then
    is_beginning "$i_early" "$i_early_digest" "$early_digest"
  elif [ "$i_late" != - ]; then
    is_beginning "$i_late" "$i_late_digest" "$late_digest"
  else
    return 1
  fi
}
# is_beginning SIZE MARKED_DIGEST DIGEST: does $path still begin with what was marked?
is_beginning() { [ "$own_size" -ge "$1" ] && { [ "$2" = - ] || [ "$1" = 0 ] || [ "$2" = "$3" ]; }; }
# Was it written to without growing, as a log that is a ring? Then its end tells nothing.
was_overwritten() {
  [ "$own_size" = "$i_early" ] && { [ "$i_late" = - ] || [ "$i_late" = "$own_size" ]; } && [ "$own_size" -gt 0 ] &&
    [ "$own_written" -gt "${i_times#*:}" ]
}
# A file that only the later mark knows began between the two, or nobody knows how far back the window reaches in it.
find_low() { low=$1; if [ "$1" = - ] && [ -n "$early" ]; then low=0; fi; }
# From where on a file of the same inode as the later mark's is in the window; an emptied one from its beginning.
find_proven() {
  proven=$i_late
  if [ "$i_late" != - ] && ! is_beginning "$i_late" "$i_late_digest" "$late_digest"; then proven=0; fi
}
# The same of a file that has begun anew: unknown to the later mark, it began after it.
find_proven_anew() { if [ -n "$late" ] && [ "$i_late" = - ]; then proven=0; else find_proven; fi; }

# --- Rotation ---------------------------------------------------------------------------------------------------------
# What a marked file has become that is no regular file any more, or is gone.
plan_gone() {
  if packed "$path"; then return; fi
  if [ -e "$path" ]; then tell replaced "$path"; fi
  plan_rotated
}
# Sets copies. Names that a rotated copy may have, newest first: app.log.1, app.log-20261122.gz, app-20261122.log, app.1.log;
# beside the log, in a folder below its own, where its inode is now, and where the user says.
find_siblings() {
  name=${path##*/} copies=''
  copies_around
  by_line
  for each in $(found_by_inode); do
    by_word
    copies="$copies$each$newline"
    copies_in "${each%/*}"
  done
  by_word
  archives
  keep_trusted
  sort_copies
}
# In a gate marks are another's word: what they lead to must bear the name of a rotated copy, or stand where the user says.
keep_trusted() {
  if [ -z "$careful" ]; then return; fi
  all_copies=$copies copies=''
  archives
  said=$copies copies=''
  by_line
  for each in $all_copies; do
    by_word
    if { is_copy "${each##*/}" || is_line "$each" "$said"; } && may_follow "$each"; then copies="$copies$each$newline"; fi
  done
  by_word
}
is_copy() {
  if is_numbered "$1"; then return 0; fi
  rest=${1%.gz} rest=${rest%.xz} rest=${rest%.zst} rest=${rest%.bz2}
  case $rest in "${name%.*}"[-._][0-9]*) rest=${rest#"${name%.*}"} rest=${rest%".${name##*.}"} ;; *) return 1 ;; esac
  case $rest in *[!0-9_.:T-]*) return 1 ;; esac
}
copies_around() {
  copies_in "$folder"
  by_line
  for each in $changed_folders; do
    by_word
    case $each in "$folder/"?*) if ! [ -e "$each/$name" ]; then copies_in "$each"; fi ;; esac # else they are that log's
  done
  by_word
}
copies_in() { # FOLDER
  for copy in "${1%/}/$name"[-._]* "${1%/}/${name%.*}"[-._]*; do
    if [ -f "$copy" ]; then copies="$copies$copy$newline"; fi
  done
}
# The files in the changed folders that have the inode of $path at its mark.
found_by_inode() {
  by_line
  # shellcheck disable=SC2086 # one word a line
  set -- $changed_folders
  if [ "$#" -gt 0 ]; then exec find "$@" -xdev -maxdepth 1 -type f -inum "$p_inode" 2>/dev/null; fi
}
# Sets folder, that of $path, and changed_folders: those of the trees around it in which something was made or renamed since
# the mark or the window's start. Of large trees the first two thousand folders, so that the search ends; once for each folder.
find_changed_folders() {
  if [ "$folder" = "${path%/*}" ]; then return; fi
  folder=${path%/*}
  since=$marked_at
  if [ -n "$low_at" ] && { [ "$since" = 0 ] || [ "${low_at%.*}" -lt "$since" ]; }; then since=${low_at%.*}; fi
  folders=$({
    find "${folder:-/}" -xdev -maxdepth 5 -type d
    find "${folder%/*}/" -xdev -maxdepth 4 -type d
  } 2>/dev/null | awk '{ sub("//", "/") } !seen[$0]++ { print; if (++count == 2000) exit }')
  by_line
  # shellcheck disable=SC2086 # one word a line
  set -- $folders
  by_word
  changed_folders=''
  if [ "$#" -gt 0 ]; then changed_folders=$(find "$@" -maxdepth 0 -mmin "-$(((now - since) / 60 + 2))" 2>/dev/null); fi
  look_for_copies
}
# Sets may_have_copies, once for a folder: is there any name in or below it that `is_numbered` could mean?
look_for_copies() {
  may_have_copies=''
  case $newline$changed_folders in *"$newline$folder/"*) may_have_copies=yes; return ;; esac
  for each in "$folder"/*[-._][0-9]* "$folder"/*[-._]old* "$folder"/*[-._]bak* "$folder"/*[-._]prev*; do
    if [ -f "$each" ]; then may_have_copies=yes; return; fi
  done
}
# The 40 newest of copies, newest first.
sort_copies() {
  by_line
  # shellcheck disable=SC2086 # one word a line
  set -- $copies
  by_word
  # shellcheck disable=SC2012 # the newest first; names with a newline were left out
  copies=$(if [ "$#" -gt 0 ]; then
    ls -1tdi -- "$@" 2>/dev/null | awk '!seen[$1]++ { sub(/^ *[0-9]+ /, ""); print; if (++count == 40) exit }'
  fi)
}
# strip NAME: sets bare to it without the ending of a packed one.
strip() { bare=${1##*/} bare=${bare%.gz} bare=${bare%.xz} bare=${bare%.zst} bare=${bare%.bz2}; }
# shape_of PATH: sets shape; names of the same one are copies of the same log.
shape_of() {
  strip "$1"
  shape=''
  while :; do
    case $bare in *[0-9]*) ;; *) break ;; esac
    shape=$shape${bare%%[0-9]*}0
    bare=${bare#"${bare%%[0-9]*}"}
    bare=${bare#"${bare%%[!0-9]*}"}
  done
  shape=$shape$bare
}
# take LINE: of an inventory, sets each, inode, size and written.
take() {
  each=${1#* * * * }
  set -f
  # shellcheck disable=SC2086 # four numbers and a path
  set -- $1
  set +f
  inode=$2 size=$3 written=$4
}
# inventory_of LINES: the inventory of the paths that stand there.
inventory_of() {
  by_line
  # shellcheck disable=SC2086 # one word a line
  set -- $1
  by_word
  inventory "$@"
}
# What came behind the mark of $path, and what was rotated since.
plan_rotated() {
  if [ "$p_early" != - ]; then
    m_size=$p_early m_digest=$p_early_digest
  else
    m_size=$p_late m_digest=$p_late_digest
  fi
  find_changed_folders
  find_siblings
  inventory_of "$copies"
  around=$found
  find_old
  if [ -n "$old" ]; then
    if [ "$p_late" != - ] && ! knew_old; then p_late=-; fi
    points_of "$p_early" "$p_late" "$p_times"
    find_low "$p_early"
    part "$low" "$p_late" "$old_size" "$old_written" "$old"
    points=
    plan_between
  elif [ "$m_size" -gt 0 ]; then
    case $path in *[0-9]) ;; *) tell lost "$path" ;; esac # who rotates drops the oldest copy, and nothing is lost
  fi
}
# Did the later mark mean $old? Not when the log was emptied between the two marks.
knew_old() {
  content_size=$old_size
  if packed "$old"; then content_size=$(unpack "$old" | wc -c); fi
  [ "$p_late" -ge "$m_size" ] && [ "$content_size" -ge "$p_late" ] && holds "$old" "$p_late" "$p_late_digest" "$path"
}
# Sets old to the sibling that holds the marked content: by its inode, else (a copy, a packed one) by what it begins with.
find_old() {
  old=''
  by_line
  for line in $around; do
    by_word
    take "$line"
    if [ "$inode" = "$p_inode" ] && is_old "$each"; then found_old; return; fi
  done
  by_line
  for line in $around; do
    by_word
    take "$line"
    if [ "$m_size" -eq 0 ] && [ "$written" -lt "$marked_at" ]; then continue; fi
    if ! can_read "$each"; then continue; fi
    if is_old "$each"; then found_old; return; fi
  done
  by_word
}
found_old() { old=$each old_size=$size old_written=$written; }
# shellcheck disable=SC3013 # all shells that FailTale knows compare files by -ef and -nt
is_old() { [ -f "$1" ] && can_open "$1" && ! [ "$1" -ef "$path" ] && holds "$1" "$m_size" "$m_digest" "$path"; }
# From siblings, newest first: those between $old and the current file, oldest first. A marked one is another log, unless
# the later mark knows it as this one: then it was rotated after that, and what is newer is in the window. A copy that the
# later mark alone knows was rotated between the two.
# shellcheck disable=SC3013
plan_between() {
  shape_of "$old"
  like=$shape between='' known='' later='' proven=-
  by_line
  for line in $around; do
    by_word
    take "$line"
    if [ "$each" = "$old" ] || [ "$each" -ef "$path" ] || ! is_after_old; then continue; fi
    shape_of "$each"
    if [ "$shape" != "$like" ]; then continue; fi
    between="$between$line$newline"
    if [ -z "$known" ] && is_marked && [ "$k_name" = "${path##*/}" ]; then known=$each; fi
  done
  if [ "$p_late" != - ] || [ -n "$known" ]; then proven=0; fi
  by_line
  for line in $between; do
    by_word
    take "$line"
    if ! is_marked; then
      # shellcheck disable=SC3013 # within one second BusyBox does not tell which of two is the newer one
      if ! [ "$each" -nt "${known:-$old}" ]; then proven=-; fi
      later="0 $proven $line$newline$later"
    elif [ "$k_name" = "${path##*/}" ]; then
      later="0 $k_late $line$newline$later" proven=-
    elif [ "$k_early" = - ]; then
      later="0 - $line$newline$later"
    fi
  done
  by_line
  for line in $later; do
    by_word
    proven=${line#0 } proven=${proven%% *}
    take "${line#0 * }"
    part 0 "$proven" "$size" "$written" "$each"
  done
  by_word
}
# Copies of $path that were last written in the window, where no mark from before it tells what was rotated in it; the
# oldest first.
plan_unmarked_copies() {
  if [ -z "$low_at" ]; then return; fi
  name=${path##*/}
  find_changed_folders
  copies=''
  if [ -n "$may_have_copies" ]; then
    copies_around
    keep_numbered
  fi
  archives
  if [ -z "$copies" ]; then return; fi
  keep_trusted
  sort_copies
  inventory_of "$copies"
  copies=''
  by_line
  for line in $found; do copies="$line$newline$copies"; done # the oldest first
  by_line
  for line in $copies; do
    by_word
    take "$line"
    # shellcheck disable=SC3013
    if [ "$written" -lt "${low_at%.*}" ] || [ "$each" -ef "$path" ]; then continue; fi
    if ! can_read "$each"; then continue; fi
    if is_marked && ! packed "$k_name"; then proven=$k_late; else proven=-; fi
    part - "$proven" "$size" "$written" "$each"
  done
  by_word
}
keep_numbered() {
  all_copies=$copies copies=''
  by_line
  for each in $all_copies; do if is_numbered "${each##*/}"; then copies="$copies$each$newline"; fi; done
  by_word
}
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
  [ "$written" -ge "$marked_at" ] && is_named_after_old
}
# app.log.1 is newer than app.log.2; app.log-20261126 is older than app.log-20261127.
is_named_after_old() {
  copy_number "$each" && their_number=$copy && copy_number "$old" && { [ "$their_number" -lt "$copy" ]; return; }
  [ "$(printf '%s\n' "${old##*/}" "${each##*/}" | sort | tail -n 1)" = "${each##*/}" ]
}
# Sets copy to the number that a name ends in.
copy_number() {
  strip "$1"
  copy=${bare##*.}
  case $copy in '' | ???* | *[!0-9]*) return 1 ;; esac
}
# Does the file that was taken hold what a mark knows of its inode? Sets the mark's k_early, k_late and k_name.
is_marked() {
  case "$newline$marks$newline" in *"$newline$inode "*) ;; *) return 1 ;; esac
  mark=$newline$marks$newline
  mark=${mark#*"$newline$inode "}
  mark=${mark%%"$newline"*}
  k_name=${mark#* * * * * * }
  set -f
  # shellcheck disable=SC2086 # six fields and a name
  set -- $mark
  set +f
  k_size=$1 k_digest=$2 k_early=$1 k_late=$3
  if [ "$1" = - ]; then k_size=$3 k_digest=$4; fi
  [ "$size" -ge "$k_size" ] && holds "$each" "$k_size" "$k_digest" "$each"
}

# --- Patterns ---------------------------------------------------------------------------------------------------------
# pattern NUMBER PATTERN PATH...: adds the files that a pattern means to `files`: INODE SIZE WRITTEN PATH of each. Fails, saying
# why on stderr, when there is none or one cannot be read.
pattern() {
  which=$1 name=$2 sealed=0 mine='' count=0
  shift 2
  strange "$@"
  if [ "$#" -gt "$most" ]; then tell many "$name"; fi
  inventory "$@"
  by_line
  for line in $found; do
    by_word
    case $line in 8*) ;; *) continue ;; esac
    mine="$mine${line#* }$newline" count=$((count + 1))
  done
  by_word
  if [ "$count" -gt "$most" ]; then
    mine="$(printf '%s' "$mine" | sort -k3,3nr | head -n "$most")$newline"
  fi
  if [ "$count" -eq 0 ]; then
    if is_listed "$which" "$marked"; then return 0; fi
    complain "$name" "$1"
    return 1
  fi
  add_readable
}
# Files as a whole, where nothing of them is to be left out: a thousand are quickly added.
add_readable() {
  by_line
  for line in $mine; do
    by_word
    if can_open "${line#* * * }"; then continue; fi
    sealed=1
  done
  by_word
  if [ "$sealed" -eq 0 ]; then files="$files$mine"; return 0; fi
  by_line
  for line in $mine; do
    by_word
    if can_open "${line#* * * }"; then
      files="$files$line$newline"
    else
      cat -- "${line#* * * }" >/dev/null # in the host's own words
    fi
  done
  by_word
  return 1
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
complain() { # PATTERN PATH
  if ! may_follow "$2"; then printf '%s: Permission denied to follow a link to what its owner does not own\n' "$1" >&2; return; fi
  if [ -e "$2" ] && ! [ -f "$2" ]; then printf '%s: not a regular file\n' "$1" >&2; return; fi
  ls -dL -- "$2" >/dev/null
  if [ -d "${1%/*}" ] && [ ! -r "${1%/*}" ]; then ls -- "${1%/*}" >/dev/null; fi
}
# Sets parts, from `files`. The shortest names first.
plan() {
  parts='' claimed='' has_copies='' number=0
  planned=$({ if [ "$how" = mark ]; then printf '%s\n' "$marks"; fi; printf '\n%s' "$files"; } |
    awk -v how="$how" -v stale="${stale:-0}" "$changed")
  if [ "$how" = mark ]; then digest_beginnings; fi
  each_planned plan_file
}
# Calls a function with the numbers of each planned file, whose path is in `path`.
each_planned() { # FUNCTION
  fields=''
  by_line
  for line in $planned; do
    by_word
    if [ -z "$fields" ]; then
      fields=$line
    else
      path=$line
      # shellcheck disable=SC2086 # words
      "$1" $fields
      fields=''
    fi
  done
  by_word
}
# Sets sums: of each planned file that a mark knows, for each size that one knows, the digest of what it begins with now.
digest_beginnings() {
  list='' marked_paths='' sums=''
  each_planned list_beginnings
  by_line
  # shellcheck disable=SC2086 # one word a line
  set -- $marked_paths
  by_word
  if [ "$#" -gt 0 ]; then sums=$({ printf '%s\n' "$list"; head -v -c 256 -- "$@" 2>/dev/null; } | digests); fi
}
list_beginnings() { # INODE SIZE WRITTEN EARLY DIGEST LATE ...
  if [ "$1" = - ] || [ "$4$6" = -- ]; then return; fi
  marked_paths="$marked_paths$path$newline"
  for count in "$4" "$6"; do
    if [ "$count" != - ]; then list="$list$((count < 256 ? count : 256)) $path$newline"; fi
  done
}
next_sum() { sum=${sums%%"$newline"*} sums=${sums#*"$newline"}; }
