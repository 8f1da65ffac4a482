# What an administrator runs on a host, as root: an account that can use its gate and nothing else. Run again, it changes
# what has changed; with the word `undo` it takes away what it made. Set from outside:
#   account, home, gate, shell   its name, its home (root's), the path of its gate and its login shell
#   groups                       that it joins where they exist
#   keys_line, ca_line           for authorized_keys, and the public key of a certificate authority; empty: none
#   principals_line              what a certificate may do
# and gate_text(), sudo_rules() print the gate and the lines for sudo.
account=${account-} home=${home-} gate=${gate-} shell=${shell-} groups=${groups-} keys_line=${keys_line-} ca_line=${ca_line-}
principals_line=${principals_line-}
ssh_folder=/etc/ssh
sudo_file=/etc/sudoers.d/$account
sshd_file=$ssh_folder/sshd_config.d/10-$account.conf
ca_file=$ssh_folder/$account-ca.pub
principals_file=$ssh_folder/$account-principals
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022
say() { printf '%s: %s\n' "$account" "$*"; }
fail() { say "$*" >&2; exit 1; }
# put MODE PATH: stdin as root's file, whole or not at all.
put() {
  cat >"$2.new"
  chown 0:0 "$2.new"
  chmod "$1" "$2.new"
  if [ -f "$2" ] && ! [ -h "$2" ] && cmp -s "$2.new" "$2"; then
    rm "$2.new"
    chown 0:0 "$2"
    chmod "$1" "$2"
  else
    mv "$2.new" "$2"
    say "wrote $2"
  fi
}
# folder PATH: root's, and nobody else writes into it.
folder() {
  if ! [ -d "$1" ]; then mkdir "$1"; say "made $1"; fi
  chown 0:0 "$1"
  chmod 755 "$1"
}
drop() { for each; do if [ -e "$each" ]; then rm "$each"; say "removed $each"; fi; done; }
field() { awk -F : -v name="$account" -v number="$1" '$1 == name { print $number }' "$2"; }
make_account() {
  if [ -n "$(field 1 /etc/passwd)" ]; then
    if [ "$(field 6 /etc/passwd)" != "$home" ]; then
      fail "is an account already, with the home '$(field 6 /etc/passwd)'; choose another name with --account"
    fi
  elif command -v useradd >/dev/null; then
    useradd --system --no-create-home --home-dir "$home" --shell "$shell" "$account"
    say 'made the account'
  else
    adduser -S -D -H -h "$home" -s "$shell" "$account"
    say 'made the account'
  fi
  # A password that starts with an exclamation mark locks the account, for keys as well where sshd does without PAM.
  # No password has the hash `*`.
  if [ "$(field 2 /etc/shadow)" != '*' ]; then
    if command -v usermod >/dev/null; then usermod -p '*' "$account"; else echo "$account:*" | chpasswd -e >/dev/null; fi
    say 'has no password, and keys work'
  fi
}
join_groups() {
  for each in $groups; do
    if ! grep -q "^$each:" /etc/group; then say "group $each is not on this host"; continue; fi
    case " $(id -nG "$account") " in *" $each "*) continue ;; esac
    if command -v usermod >/dev/null; then usermod -a -G "$each" "$account"; else addgroup "$account" "$each"; fi
    say "joined group $each"
  done
}
# Where sshd looks for this account's keys.
keys_file() {
  if command -v sshd >/dev/null; then
    named=$(sshd -T -C "user=$account,host=localhost,addr=127.0.0.1" 2>/dev/null | awk '$1 == "authorizedkeysfile" { print $2 }')
  fi
  named=$(printf '%s\n' "${named:-.ssh/authorized_keys}" | sed -e "s|%h|$home|g" -e "s|%u|$account|g")
  case $named in /*) echo "$named" ;; *) echo "$home/$named" ;; esac
}
let_in() {
  named=$(keys_file)
  case $named in
    "$home"/.ssh/*) folder "$home/.ssh" ;;
    *) [ -d "${named%/*}" ] || fail "sshd looks for keys in '${named%/*}', which is not there" ;;
  esac
  if [ -n "$keys_line" ]; then printf '%s\n' "$keys_line" | put 644 "$named"; fi
}
trust_certificates() {
  [ -n "$ca_line" ] || return 0
  [ -d "$ssh_folder/sshd_config.d" ] || fail "sshd reads no folder $ssh_folder/sshd_config.d: certificates have to be set up by hand"
  printf '%s\n' "$ca_line" | put 644 "$ca_file"
  printf '%s\n' "$principals_line" | put 644 "$principals_file"
  printf '%s\n' "Match User $account" "  TrustedUserCAKeys $ca_file" "  AuthorizedPrincipalsFile $principals_file" \
    "  ForceCommand $gate" "  DisableForwarding yes" "  PermitTTY no" "Match all" | put 644 "$sshd_file"
  if ! sshd -t 2>/dev/null; then say "ask 'sshd -t' whether sshd takes $sshd_file"; fi
  say "reload sshd: systemctl reload ssh (or sshd)"
}
allow_sudo() {
  rules=$(sudo_rules)
  if [ -z "$rules" ]; then return; fi
  if ! command -v visudo >/dev/null; then say 'sudo is not on this host'; return; fi
  printf 'Defaults:%s !requiretty\n%s\n' "$account" "$rules" >"$gate.sudo"
  chmod 440 "$gate.sudo"
  if visudo -cqf "$gate.sudo"; then
    put 440 "$sudo_file" <"$gate.sudo"
    rm "$gate.sudo"
  else
    rm "$gate.sudo"
    fail 'visudo refuses the rules for sudo; nothing was written to /etc/sudoers.d'
  fi
}
# rule PROGRAM ARGUMENTS: a line for sudo, where the program is.
rule() {
  program=$(command -v "$1") || { say "$1 is not on this host" >&2; return 0; }
  printf '%s ALL=(root) NOPASSWD: %s%s\n' "$account" "$program" "${2:+ $2}"
}
look_at_sshd() {
  command -v sshd >/dev/null || return 0
  sshd -T -C "user=$account,host=localhost,addr=127.0.0.1" 2>/dev/null | awk -v name="$account" '
    $1 == "acceptenv" && $2 !~ /^(LANG|LC_.*|COLORTERM|NO_COLOR)$/ {
      print name ": sshd takes the variable " $2 " from clients (AcceptEnv): no gate can answer for a shell that it steers"
    }
    $1 == "permituserenvironment" && $2 != "no" { print name ": PermitUserEnvironment is not off" }
    $1 == "pubkeyauthentication" && $2 != "yes" { print name ": sshd takes no keys (PubkeyAuthentication)" }
  '
}
undo() {
  drop "$sudo_file" "$sshd_file" "$ca_file" "$principals_file" "$gate"
  named=$(keys_file)
  drop "$named"
  if [ "$(field 6 /etc/passwd)" = "$home" ]; then
    if command -v userdel >/dev/null; then userdel "$account"; else deluser "$account"; fi
    say 'removed the account'
  fi
  for each in "$home/.ssh" "$home" "${gate%/*}"; do
    if [ -d "$each" ] && rmdir "$each" 2>/dev/null; then say "removed $each"; fi
  done
}
prepare() {
  make_account
  join_groups
  folder "$home"
  folder "${gate%/*}"
  gate_text | put 755 "$gate"
  let_in
  trust_certificates
  allow_sudo
  look_at_sshd
  say "is ready; 'undo' behind this script's name takes all of it away"
}
main() {
  set -eu
  [ "$(id -u)" = 0 ] || fail 'run this as root'
  case ${1-} in undo) undo ;; *) prepare ;; esac
}
