# Frames: lines with which the host tells FailTale how it read; they travel on stderr, beside the evidence.
tell() { printf '\036failtale %s\n' "$*" >&2; }
# Lines that travel beside the evidence.
carry() { sed "s/^/$(printf '\036')| /" >&2; }
# Passes stdin on and tells how many lines and bytes it was.
count() { { { tee /dev/fd/3 2>/dev/null >&4; } 3>&1 | { set -- "$1" $(wc -lc); tell "$@"; }; } 4>&1; }
