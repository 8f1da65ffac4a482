# say TEXT: a text of any length as lines. The printf of mksh is a program, which takes no long text.
if PATH=/dev/null printf '' 2>/dev/null; then say() { printf '%s\n' "$1"; }; else say() { print -r -- "$1"; }; fi
