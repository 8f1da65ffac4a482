# What runs on a host and which logs are written there: lines of a WORD and its values, with tabs between them. Reads names
# alone. Set from outside: programs, with spaces between them.
programs=${programs-}
say() {
  printf '%s' "$1"
  shift
  for each; do printf '\t%s' "$(printf '%s' "$each" | tr '\t\n' '  ' | cut -c 1-300)"; done
  echo
}
say system "$(uname -s 2>/dev/null)"
for each in $programs; do if command -v "$each" >/dev/null; then say program "$each"; fi; done
{ ps -eo comm= 2>/dev/null || ps -o comm 2>/dev/null; } | sort -u | head -n 500 | while IFS= read -r each; do
  say process "${each##*/}"
done
if command -v systemctl >/dev/null; then
  systemctl list-units --type=service --state=running --no-legend --no-pager --plain 2>/dev/null | awk '{ print $1 }' |
    head -n 200 | while IFS= read -r each; do
    own=
    # who writes units of a product puts them there; distributions do not, and links there are their aliases
    if [ -f "/etc/systemd/system/$each" ] && [ ! -h "/etc/systemd/system/$each" ]; then own=own; fi
    say unit "${each%.service}" "$own"
  done
fi
for each in /var/log /opt/*/log /opt/*/logs /srv/*/log /srv/*/logs /home/*/log /home/*/logs "${HOME:-/nonexistent}"/log \
  "${HOME:-/nonexistent}"/logs; do
  [ -d "$each" ] || continue
  find "$each" -maxdepth 3 -type f -name '*.log' -mtime -7 2>/dev/null
done | sort -u | head -n 300 | while IFS= read -r each; do
  readable=
  if [ -r "$each" ]; then readable=yes; fi
  say log "$each" "$readable"
done
echo end
