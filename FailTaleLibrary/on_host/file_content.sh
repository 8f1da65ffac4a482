# What files hold, packed or plain. A plain file is sought in, not read through.
tool() { case $1 in *.gz) echo gzip ;; *.xz) echo xz ;; *.zst) echo zstd ;; *.bz2) echo bzip2 ;; esac; }
unpack() { "$(tool "$1")" -dc < "$1" 2>/dev/null; }
packed() { [ -n "$(tool "$1")" ]; }
content() { if packed "$1"; then unpack "$1"; else cat < "$1"; fi; }
# from START PATH: what is behind START.
from() { if packed "$2"; then unpack "$2" | tail -c "+$(($1 + 1))"; else tail -c "+$(($1 + 1))" < "$2"; fi; }
# newest BYTES PATH
newest() { if packed "$2"; then unpack "$2" | tail -c "$1"; else tail -c "$1" < "$2"; fi; }
# Without a torn first line.
whole_lines() { tail -n +2; }
# unbroken PATH: are its newest $scan bytes all of one line?
unbroken() { [ "$(newest "$scan" "$1" | whole_lines | head -c 1 | wc -c)" -eq 0 ]; }
# bounded START PATH: what is behind START, but the newest $scan bytes at most.
bounded() {
  look "$2"
  over=$((size - $1 - scan))
  if packed "$2"; then
    from "$1" "$2" | tail -c "$scan"
  elif [ "$over" -gt 0 ]; then
    tell skipped "$over" "$2"
    newest "$scan" "$2" | if unbroken "$2"; then cat; else whole_lines; fi
  else
    from "$1" "$2"
  fi
}
# When a file was last written, in epoch seconds.
written() { date -r "$1" +%s; }
