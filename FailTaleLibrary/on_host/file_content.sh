# What files hold, packed or plain. A plain file is sought in, not read through.
tool() { case $1 in *.gz) echo gzip ;; *.xz) echo xz ;; *.zst) echo zstd ;; *.bz2) echo bzip2 ;; esac; }
# shellcheck disable=SC2094 # the name is read, not the file
unpack() { "$(tool "$1")" -dc < "$1" 2>/dev/null; }
packed() { case $1 in *.gz | *.xz | *.zst | *.bz2) ;; *) return 1 ;; esac; }
content() { if packed "$1"; then unpack "$1"; else cat < "$1"; fi; }
# Says of a file that cannot be read what it lacks: the right, the program that unpacks it, or that it is whole.
can_read() {
  if ! can_open "$1"; then tell sealed "$1"; return 1; fi
  if ! packed "$1"; then return 0; fi
  if ! command -v "$(tool "$1")" >/dev/null; then tell locked "$1"; return 1; fi
  if unpack "$1" | head -c 1 | grep -q .; then return 0; fi
  if unpack "$1" >/dev/null; then return 0; fi
  tell broken "$1"
  return 1
}
# measure PATH: sets inode, size and written; the size is that of the content.
measure() {
  look "$1"
  # shellcheck disable=SC2034 # for the caller
  if packed "$1"; then size=$(unpack "$1" | wc -c); fi
}
# from START PATH, in a pipeline: what is behind START.
from() { if packed "$2"; then unpack "$2" | tail -c "+$(($1 + 1))"; else exec tail -c "+$(($1 + 1))" < "$2"; fi; }
# between START END PATH, in a pipeline
between() {
  if [ "$1" -eq 0 ] && ! packed "$3"; then exec head -c "$2" < "$3"; fi
  from "$1" "$3" | head -c "$(($2 - $1))"
}
# Without a torn first line.
whole_lines() { tail -n +2; }
