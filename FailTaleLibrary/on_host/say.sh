# say TEXT: a text of any length as lines. The printf of mksh is a program, which takes no long text.
if [ "$(command -v printf)" = printf ]; then say() { printf '%s\n' "$1"; }; else say() { print -r -- "$1"; }; fi
