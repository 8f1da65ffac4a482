"""Lines with secrets of many shapes, and harmless lines that look like them; secrets are made up at run time.

``{…}`` in a shape stands for a made-up value of that kind. Prefixes of providers are joined at run time, so that no
scanner takes this file for a leak.
"""

from __future__ import annotations

import base64
import random
import re
import string
from collections.abc import Iterator

_LETTERS = string.ascii_letters + string.digits

SECRETS = r"""
db.password={pw}
spring.datasource.password={pw}
DB_PASSWORD="{pw}"
export MYSQL_ROOT_PASSWORD='{pw}'
password = {pw}
  password: {pw}
  password: "{pw}"
- passphrase: '{pw}'
smtp_pass={pw};
ftpUserPass: {pw},
{"user":"bob","password":"{pw}","x":1}
{"clientSecret": "{mix}"}
{"auth": {"token": "{mix}"}}
body={\"user\":\"a\",\"passwd\":\"{pw}\"}
log="{\\\"apiKey\\\":\\\"{mix}\\\"}"
{'db_passwd': '{pw}', 'port': 1}
Credentials(user='bob', password='{pw}')
dict(secret=b'{mix}')
:password => "{pw}", :port => 1
<password>{pw}</password>
<ns:Password type="text">{pw}</ns:Password>
<connection user="a" password="{pw}"/>
<property name="hibernate.connection.password" value="{pw}"/>
<entry key="db.password">{pw}</entry>
&lt;password&gt;{pw}&lt;/password&gt;
{&quot;password&quot;:&quot;{pw}&quot;}
connecting with user=app password={pw} host=db
Data Source=h;User Id=sa;Password={pw};Encrypt=true
jdbc:mysql://h:3306/db?user=root&password={pw}&useSSL=false
AWS_SECRET_ACCESS_KEY={aws}
aws_secret_access_key = {aws}
"SecretAccessKey": "{aws}",
secret_key_base: {hex64}
api_key={mix}
apikey: {mix}
X-API-KEY: {mix}
accessToken={mix}
refresh_token="{mix}"
private_key={mix}
encryption_key: {mix}
client_secret={uuid}
SESSION_SECRET={mix}
postgres://app:{pw}@db.example:5432/x
redis://:{pw}@cache:6379/0
mongodb+srv://u:{pw}@cluster0.example.net/test
ftp://anonymous:{pw}@ftp.example/pub
git clone https://oauth2:{mix}@git.example/a/b.git
fatal: unable to access 'https://bob:{pw}@git.example/r.git/': 403
https://{mix32}@git.example/r.git
amqps://svc:{pw}@mq.example:5671/%2Fvhost
smtp://mailer%40example.org:{pw}@mail:587
ldap://cn=admin:{pw}@ldap:389
url=http%3A%2F%2Fbob%3A{pw}%40host%2Fpath
Authorization: Bearer {mix32}
authorization: bearer {mix32}
"Authorization": "Basic {b64}"
{'Authorization': 'Token {hex40}'}
-H 'Authorization: Bearer {mix32}' https://h/
map[Authorization:[Bearer {mix32}] Accept:[*/*]]
Proxy-Authorization: Basic {b64}
Authorization: ApiKey {mix32}
Authorization: Digest username="u", realm="r", nonce="n", uri="/", response="{hex32}"
Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/eu/s3/aws4_request, SignedHeaders=host, Signature={hex64}
Set-Cookie: sid={mix32}; Path=/; HttpOnly
Set-Cookie: PHPSESSID={alnum26}; path=/
Cookie: a=1; session={mix32}
> Cookie: JSESSIONID={hexu32}
X-Auth-Token: {mix32}
X-Vault-Token: {mix32}
PRIVATE-TOKEN: {mix}
x-amz-security-token: {mix32}
X-Hub-Signature-256: sha256={hex64}
GET /cb?access_token={mix32}&state=1 HTTP/1.1
GET /api?api_key={mix}&page=2
GET /maps?key={mix32} HTTP/1.1
GET /o?X-Amz-Signature={hex64}&x=1
GET /blob?sv=2021&sr=b&sig={sas}&se=2026
GET /login?user=a&password={pw} 200
POST /oauth?code={mix32}&client_id=web
{p:gh:p_}{alnum36}
token {p:gh:o_}{alnum36} used
{p:github:_pat_}{alnum22}_{alnum36}
{p:glp:at-}{alnum20}
{p:xo:xp-}{num12}-{num12}-{alnum24}
{p:xap:p-1-}A0{num8}-{num12}-{hex64}
{p:sk:_live_}{alnum24}
{p:sk-:ant-api03-}{alnum36}
{p:s:k-}{alnum48}
id {p:AK:IA}{upper16} refused
{p:AS:IA}{upper16}
{p:AI:za}{alnum35}
{p:ya2:9.}{alnum36}
{p:np:m_}{alnum36}
{p:py:pi-AgEIcHlwaS5vcmc}{alnum36}
{p:dop:_v1_}{hex64}
{p:hv:s.}{alnum24}
{p:S:G.}{alnum22}.{alnum43}
{p:shp:at_}{hex32}
{p:dckr:_pat_}{alnum27}
{p:gl:sa_}{alnum32}_{hex8}
{p:AGE-:SECRET-KEY-1}{upper58}
{p:lin:_api_}{alnum40}
{p:NR:AK-}{upper27}
{p:ATATT:3xFfGF0}{alnum48}
jwt {p:ey:J}{alnum20}.{p:ey:J}{alnum36}.{alnum43}
https://hooks.slack.com/services/T{upper8}/B{upper8}/{alnum24}
https://discord.com/api/webhooks/{num18}/{alnum68}
bob:$6${alnum8}${alnum86}:19000:0:99999:7:::
root:$y$j9T${alnum22}${alnum43}:19000::
web:$2y$10${alnum53}
$argon2id$v=19$m=65536,t=3,p=4${alnum22}${alnum43}
x:$1${alnum8}${alnum22}
userPassword: {SSHA}{alnum32}
SCRAM-SHA-256$4096:{alnum22}==${alnum43}=:{alnum43}=
pbkdf2_sha256$600000${alnum22}${alnum43}=
CREATE ROLE a PASSWORD 'md5{hex32}'
CREATE USER 'a'@'%' IDENTIFIED BY '{pw}';
ALTER USER root@localhost IDENTIFIED WITH mysql_native_password BY '{pw}'
SET PASSWORD FOR 'bob'@'%' = PASSWORD('{pw}')
STATEMENT: CREATE ROLE x LOGIN ENCRYPTED PASSWORD '{pw}'
mysql -u root -p{pw} -e 'select 1'
mysqldump --user=root --password={pw} db
sshpass -p {pw} ssh root@h
sshpass -p '{pw}' scp a b
curl -s -u bob:{pw} http://h/
curl --user 'bob:{pw}' http://h/
wget --http-password={pw} http://h/
PGPASSWORD={pw} psql
redis-cli -h h -a {pw} ping
REDISCLI_AUTH={pw} redis-cli
ldapsearch -x -D cn=admin -w {pw} -b dc=x
openssl rsa -in k.pem -passin pass:{pw}
keytool -storepass {pw} -list
docker login -u bob -p {pw} reg.example
echo {pw} | docker login --password-stdin
tool --api-key {mix} --verbose
tool --token={mix}
["tool", "--password", "{pw}"]
smbclient //h/s -U bob%{pw}
net use * \\h\s /user:bob --password {pw}
bindpw {pw}
requirepass {pw}
machine git.example login bob password {pw}
//npm.example/:_auth={b64}
{"auths": {"reg.example": {"auth": "{b64}"}}}
  api-token: {b64}
  tls.key: {p:LS0tLS1CRU:dJTiBQUklWQVRFIEtFWS0tLS0t}{alnum64}
otpauth://totp/a:b?issuer=x&secret={b32}
DefaultEndpointsProtocol=https;AccountName=a;AccountKey={b64long};EndpointSuffix=x
Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey={b64long}
A temporary password is generated for root@localhost: {sym}
Your temporary password is {pw}
The admin password is: {pw}
login with password {pw} refused
PrivateKey = {b64long}
wpa_passphrase={pw}
psk="{pw}"
snmp-server community {pw} RO
app:{pw}@unix(/run/mysqld.sock)/db
INFO config: {host=db, password={pw}, port=5432}
passwd={pw}, retries=3
env: ["DB_PASSWORD={pw}", "A=b"]
token: Some("{mix}")
[sudo] echo '{pw}' | sudo -S ls
net.snmp.authPassphrase={pw}
ansible_become_pass={pw}
ansible_ssh_pass: {pw}
VAULT_TOKEN={mix}
"secret":"{mix}"
secret = {mix}
pwd={pw}
pw: {pw}
"DB_PASS": "{pw}"
<add key="ApiSecret" value="{mix}"/>
user:pass = admin:{pw}
credentials: admin/{pw}
  POSTGRES_PASSWORD: {pw}
--db-password "{pw}"
-Djavax.net.ssl.keyStorePassword={pw}
-Dspring.datasource.password={pw} -Xmx1g
mongo -u root -p {pw} --authenticationDatabase admin
mongodump --uri="mongodb://root:{pw}@h/db"
ipmitool -H h -U admin -P {pw} power status
snmpwalk -v2c -c {pw} 10.0.0.1
htpasswd -b file bob {pw}
PASS {pw}
AUTH {pw}
"AUTH" "{pw}"
1700000000.1 [0 127.0.0.1:1] "AUTH" "default" "{pw}"
master_password: {pw}
SMTP AUTH PLAIN {b64}
"basicAuth": "{b64}"
wss://x.example/ws?token={mix32}
grant_type=password&username=bob&password={pw}
client_id=a&client_secret={mix32}&grant_type=x
kubectl create secret generic x --from-literal=password={pw}
.dockerconfigjson: {b64long}
Secret: {mix}
The secret is {mix}
New password: {pw}
Password set to {pw}
ALTER USER postgres WITH ENCRYPTED PASSWORD '{pw}';
CREATE LOGIN x WITH PASSWORD = '{pw}'
GRANT ALL ON *.* TO 'a'@'%' IDENTIFIED BY "{pw}"
PQconnectdb("host=h user=u password='{pw}'")
LDAP bind dn=cn=admin pw={pw}
db_url: mysql+pymysql://u:{pw}@h/db
sqlalchemy.url = postgresql://u:{pw}@h/db
broker_url='amqp://u:{pw}@h//'
DATABASE_URL=postgres://u:{pw}@h:5/db
export TOKEN={mix32}
x-goog-api-key: {mix32}
Ocp-Apim-Subscription-Key: {hex32}
Authorization=Bearer {mix32}
'authorization': ['Bearer {mix32}']
Authorization: {mix32}
Authorization: Negotiate {b64long}
Authorization: NTLM {b64long}
set-cookie: auth={mix32}
"Set-Cookie": "session={mix32}; Path=/"
{"cookies": {"sessionid": "{alnum26}"}}
session_token={mix32}
id_token={p:ey:J}{alnum20}.{p:ey:J}{alnum36}.{alnum43}
webhook_secret: {p:whs:ec_}{alnum32}
{p:xo:xa-2-}{num12}-{num12}-{alnum24}
{p:sk_:test_}{alnum24}
{p:sk-pr:oj-}{alnum48}
{p:gh:s_}{alnum36}
git config http.extraheader "AUTHORIZATION: basic {b64}"
{p:gl:dt-}{alnum20}
uri=postgres%3A%2F%2Fu%3A{pw}%40h
root:{pw}@tcp(127.0.0.1:3306)/x
rabbitmqctl add_user bob {pw}
rabbitmqctl change_password bob {pw}
useradd -p '$6${alnum8}${alnum86}' bob
echo "bob:{pw}" | chpasswd
user bob : $apr1${alnum8}${alnum22}
rootpw --iscrypted $6${alnum8}${alnum86}
wpa-psk {pw}
  key: {p:AK:IA}{upper16}
shared_secret = "{mix}"
pre-shared-key {pw}
: PSK "{pw}"
stats auth admin:{pw}
user admin insecure-password {pw}
auth_pass {pw}
tls-auth password is {pw}
redis://default:{pw}@h:6379
rediss://:{pw}@h:6379
openssl enc -k {pw} -in a
gpg --passphrase {pw} -d x
zip -P {pw} a.zip b
ansible-playbook -e ansible_password={pw}
"ansible_ssh_pass": "{pw}"
http -a bob:{pw} GET h/
mysql://root:{pw}@h/db
mysql --password='{pw}' -u root
p4 -P {hex32} info
psql "postgresql://u:{pw}@h/db"
connection string: Host=h;Username=u;Password={pw}
AZURE_STORAGE_KEY={b64long}
AccountKey={b64long}
SharedAccessSignature=sv=2020&sig={sas}
heroku: HRKU-{uuid}
admin_password => {pw}
password := "{pw}"
password = '{pw}' # changed
"password" : "{pw}"
\"token\": \"{mix}\"
--header "X-Api-Key: {mix}"
x_api_key={mix}
Api-Key {mix}
api key: {mix}
access key = {mix}
auth token: {mix}
secret key: {mix}
bearer_token: {mix}
Login: bob / {pw}
password for user bob is {pw}
Generated password: {pw}
{"password":{"value":"{pw}"}}
{"passwords":["{pw}"]}
[('password', '{pw}')]
password\": \"{pw}\"
password%3D{pw}%26x%3D1
{"env":[{"name":"DB_PASSWORD","value":"{pw}"}]}
Server=db1;Database=x;User ID=sa;Pwd={pw};
dsn root:{pw}@tcp(10.0.0.5:3306)/db
proxy http://admin:{pw}@proxy.example:3128 ok
key={p:AI:za}{alnum35}
db_password = {word}Pw
  password: {b64}
""".strip().splitlines()

HARMLESS = r"""
FATAL: password authentication failed for user "app"
sshd[7]: Failed password for invalid user bob from 192.0.2.7 port 4711 ssh2
sshd[7]: Accepted password for bob from 192.0.2.7 port 4711 ssh2
Access denied for user 'app'@'10.0.0.7' (using password: YES)
Access denied for user 'app'@'10.0.0.7' (using password: NO)
ERR invalid password
WRONGPASS invalid username-password pair or user is disabled.
NOAUTH Authentication required.
pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.1 user=root
token is null
Token is invalid or expired
token expired at 12:03:04
JWT token expired at 2026-11-22T12:03:04Z
password: required
password=
password=None
password=null,
password=''
password: ""
"password": null
password=***
password: ********
password=<hidden>
password=${DB_PASSWORD}
password=$DB_PASSWORD
password: {{ vault_password }}
password=%(password)s
password=%s
password: !vault |
password: [FILTERED]
if (user.checkPassword(input)) {
at com.example.auth.PasswordEncoder.matches(PasswordEncoder.java:88)
return password.length() >= 8
password = getpass.getpass()
password=self.password,
conn = connect(host, password=password)
token = get_token(request)
request id={uuid} trace={hex32}
trace_id={hex32} span_id={hex16}
sha256:{hex64}
commit {hex40}
md5sum {hex32}  file.tar
Digest: sha256:{hex64}
SHA256:{alnum43} bob@host (ED25519)
X-Request-Id: {uuid}
x-correlation-id: {hex32}
ETag: W/"{hex40}"
jid 20261122112233445566
secret "my-tls" not found
Error: secrets "db-creds" is forbidden
secretName: my-tls
secretKeyRef: name: db-creds key: password
password_file=/etc/app/password
PASSWORD_FILE=/run/secrets/db_password
ssl_key: /etc/ssl/private/key.pem
private_key=/etc/ssl/private/host.key
IdentityFile ~/.ssh/id_ed25519
token_timeout=30
tokenExpiry: 3600
passwordPolicy: strict
key_length=2048
max_password_age=90
token_type=bearer
tokens=512
usage: prompt_tokens=12 completion_tokens=4711
keys=3
pass_count=12 fail_count=0
passes=4
bypass=1
compass=north
auth_method=pam
authentication=scram-sha-256
monkey=banana42
keyspace=prod42 keyspace_hits=12345678
PRIMARY KEY (id), UNIQUE KEY uk_1 (name)
Duplicate entry '42' for key 'users.PRIMARY'
foreign key constraint fails (`db`.`t`, CONSTRAINT `fk_1` FOREIGN KEY (`a`))
key=user:42:profile miss
cache key "user:42" not found
WWW-Authenticate: Bearer realm="https://auth.example/token",service="registry"
WWW-Authenticate: Basic realm="Restricted"
authorization failed for /api/v1
Authorization header missing
Bearer token missing
basic auth disabled
GET http://host:8080/a@b 200
GET https://auth-service:8443/token 200
http://token-service.example:8080/v1/tokens?limit=100
mail from bob@example.org to alice@example.org
scp bob@host:/etc/hosts .
-rw-r----- 1 root shadow 1234 Nov 22 12:00 /etc/shadow
PASS: test_login_with_password
PASS test_token_refresh (0.3s)
Password changed successfully
passwd: all authentication tokens updated successfully.
Enter passphrase for key '/root/.ssh/id_ed25519':
Bad passphrase
unexpected token: }
SyntaxError: Unexpected token '<', "<!DOCTYPE" is not valid JSON
Cookie name is session
cookie jar saved 3 cookies
session opened for user root(uid=0) by (uid=0)
Session c2 of user bob logged out.
New session 42 of user root.
session=42 closed
PWD=/root/work
OLDPWD=/tmp/x
mkdir -p /var/lib/app/data12
ssh -p 2222 root@host
docker run -p 8080:80 nginx:1.25
nmap -p1-1024 10.0.0.1
tar -xpf /tmp/a1b2c3.tar
ps aux -u www-data
curl -u admin https://host/api
journalctl -u nginx.service --since today
$1 $2 $3 $PATH $HOME
ssh-rsa {b64long} bob@host
-----BEGIN CERTIFICATE-----
kernel: audit: type=1400 apparmor="DENIED" profile="/usr/sbin/mysqld"
pid=4711 user=app db=shop client=10.0.0.9 LOG: connection authorized: user=app database=shop
AuthenticationException: Invalid credentials
credentials=include
Set-Cookie header ignored
signature=SHA256withRSA
sig: SIGTERM received
author: bob42smith
secret_count=3
Pass 12 Fail 0
The password must contain 8 characters and 1 digit
minimum password length is 8
password is too short
password hash updated for user 42
token bucket is empty
Refreshing token for client web-1
access token has expired
api key not found
using token auth
pin=required
spinning=12345
Password:
password prompt shown
Password authentication is enabled
PasswordAuthentication yes
PermitRootLogin prohibit-password
password expires in 12 days
password last changed: 2026-01-01
Last password change : Nov 22, 2026
pam_unix(passwd:chauthtok): password changed for bob
ERROR GET /session: redis.exceptions.ResponseError: WRONGTYPE Operation against a key holding the wrong kind of value
POST /token: jwt.exceptions.ExpiredSignatureError: Signature has expired
POST /api/token: org.shop.security.InvalidTokenException: no such client
token: EOF
token count: 1234
Token validated for user bob
auth: user bob logged in
auth=ok user=bob
credentials: same-origin
Credentials accepted for bob
cookie: none
Cookies: enabled
session: opened
session id 42 closed
session started: 2026-11-22
secret: not found
secrets/db-creds mounted
secret/db-creds created
key: value
api-key header is missing
api_key: missing
private key loaded from /etc/ssl/key.pem
Loading private key '/etc/ssl/private/server.key'
SSH key fingerprint is SHA256:{alnum43}
refused the login of user 'ann' with '~/.ssh/id_ed25519' (ssh-ed25519 SHA256:{alnum43}).
kex: algorithm: curve25519-sha256
host key algorithm: ssh-ed25519
signature: valid
signature verification failed
Authorization: required
authorization: denied for user bob
Proxy-Authorization: missing
oauth2: token endpoint https://idp.example/oauth/token
https://idp.example/oauth2/v1/token?grant_type=client_credentials
GET /reset-password?step=2 200
GET /users?token_type=x&state=open 200
POST /auth/login 401
/login?code=404
ETag: "{hex32}"
Content-MD5: {hex32}
If-None-Match: "{hex40}"
index {hex8}..{hex8} 100644
Merge: {hex8} {hex8}
image: nginx@sha256:{hex64}
docker-pullable://a/b@sha256:{hex64}
container {hex64} started
boot id: {hex32}
machine-id {hex32}
_id: ObjectId('{hex24}')
GUID {uuid}
transaction {uuid} rolled back
MAC 52:54:00:12:34:56
0x{hex16}: call
R13: {hex16} R14: {hex16}
cgroup: /kubepods/pod{uuid}/{hex64}
user=bob uid=1000 gid=1000
pw_name=bob
passwd -l bob
mount -o username=bob
psql -U app -d shop -p 5432
mysql -h h -P 3306 -u root
curl -sS -o /dev/null http://h:80/
curl -u user http://h/
ldapsearch -x -b dc=x -s sub
git@github.com:a/b.git
ssh://git@host:22/a.git
http://[::1]:8080/a
ftp://ftp.example/pub/a@1.2
npm WARN deprecated a@1.2.3: use b@2
user@host:/path
java.security.InvalidKeyException: Parameters missing
javax.crypto.BadPaddingException: bad key
NullPointerException: token
expected token ';' but got '}'
syntax error at or near "password"
column "password_hash" does not exist
SELECT password FROM users WHERE id = 1
UPDATE users SET password = ? WHERE id = ?
INSERT INTO tokens (token, user_id) VALUES ($1, $2)
ALTER TABLE users ADD COLUMN password varchar(255)
max_tokens=4096 temperature=0.2
hash=crc32 key=id
partition key: user_id
sort key = created_at
keys: 3, misses: 4
key: "shop:42"
pass: 12 fail: 0
All 12 tests pass
passing: 12
12 passed, 3 failed
pass 2 of 3
password_reset_url=https://x.example/reset
token_endpoint=https://idp.example/token
secret_name=db-creds
token_file: /var/run/secrets/token
SSH_AUTH_SOCK=/tmp/ssh-abc/agent.1
authMethod: 5
X-Frame-Options: DENY
X-Session-Timeout: 30
X-RateLimit-Remaining: 42
x-amz-request-id: {upper16}
x-amz-id-2: {b64long}
keytab principal HTTP/web.example@EXAMPLE.ORG
kinit: Password incorrect while getting initial credentials
gpg: key {upper16}: public key imported
OpenPGP key {upper16}
rsa4096/{upper16} 2020-01-01
Key fingerprint = AAAA BBBB CCCC
DNSKEY 257 3 13 {alnum43}
serial: {hex16}
sessionTimeout=30000
JSESSIONID cookie set
password: (unchanged)
password: <set>
password: set
password: changed
password (again):
wrong password for user bob
wrong password 3 times
using password file
with token refresh enabled
kernel: RIP: 0010:native_safe_halt+0xb/0x10 RSP: 0018:{hex16} EFLAGS: 00000246
AuthenticationManager.checkPassword(AuthenticationManager.java:123)
Enter password:
Server: nginx/1.24.0
server=10.0.0.5; database=app
minion: jid 20261122112233445566 function state.apply
UUID={uuid} / ext4
Serial number: 4C:4C:45:44:00:4B:31:10
GET /static/js/main.{hex8}.chunk.js 200
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0v public key offered
keytab /etc/krb5.keytab opened
basic checks passed
date -u '+%H:%M:%S'
""".strip().splitlines()


def secret_lines(seed: int) -> Iterator[tuple[str, str, str]]:
    """(shape, line, secret) of each shape with values that this seed makes up."""
    chance = random.Random(seed)
    for shape in SECRETS:
        line, parts = _filled(shape, chance)
        yield shape, line, max(parts, key=len)


def harmless_lines(seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    for shape in HARMLESS:
        yield _filled(shape, chance)[0]


def filled(shape: str, seed: int) -> tuple[str, str]:
    """A shape's line, and the longest of the values that were made up for it: its secret."""
    line, parts = _filled(shape, random.Random(seed))
    return line, max(parts, key=len)


def text_and_secrets(shape: str, chance: random.Random) -> tuple[str, list[str]]:
    """A shape's text, and every value that was made up for it."""
    text, parts = _filled(shape, chance)
    return text, [part for part in parts if part]


_HOLE = re.compile(
    r"\{(pw|sym|word|phrase|mix32|mix|aws|b64long|b64|b32|sas|uuid|(?:hexu?|alnum|num|low|upper)\d+|p:[^:{}]+:[^{}]+)\}"
)


def _filled(shape: str, chance: random.Random) -> tuple[str, list[str]]:
    """The line, and the made-up values in it."""
    parts: list[str] = []

    def fill(hole: re.Match[str]) -> str:
        if hole[1].startswith("p:"):
            return hole[1][2:].replace(":", "", 1)
        parts.append(made_up(hole[1], chance))
        return parts[-1]

    return _HOLE.sub(fill, shape), parts or [""]


def made_up(kind: str, chance: random.Random) -> str:
    """A made-up value, e.g. of kind ``pw``, ``mix``, ``hex40``, ``alnum36``."""
    if kind == "pw":
        word = "".join(chance.choices(string.ascii_lowercase, k=chance.randint(5, 9)))
        return word.capitalize() + str(chance.randint(1, 9999)) + chance.choice(["", "x", "Qz"])
    if kind == "word":
        return "".join(chance.choices(string.ascii_lowercase, k=9))
    if kind == "phrase":
        return "-".join("".join(chance.choices(string.ascii_lowercase, k=k)) for k in (7, 5, 7))
    if kind == "sym":
        return "".join(chance.choices(_LETTERS, k=6)) + "".join(chance.choices("!#+*?", k=2)) + "k8"
    if kind in ("mix", "mix32"):
        return "q7" + "".join(chance.choices(_LETTERS, k=30 if kind == "mix32" else 18))
    if kind == "aws":
        return "w8" + "".join(chance.choices(_LETTERS + "+/", k=37)) + "a"
    if kind in ("b64", "b64long"):
        return base64.b64encode(b"svc:" + chance.randbytes(14 if kind == "b64" else 30)).decode()
    if kind == "b32":
        return "".join(chance.choices(string.ascii_uppercase + "234567", k=32))
    if kind == "sas":
        return "".join(chance.choices(_LETTERS, k=40)) + "%2B1%3D"
    if kind == "uuid":
        return "-".join("".join(chance.choices("0123456789abcdef", k=k)) for k in (8, 4, 4, 4, 12))
    family, length = re.fullmatch(r"([a-z]+)(\d+)", kind).groups()
    alphabets = {
        "hex": "0123456789abcdef",
        "hexu": "0123456789ABCDEF",
        "num": "123456789",
        "alnum": _LETTERS,
        "low": string.ascii_lowercase + string.digits,
    }
    alphabet = alphabets.get(family, string.ascii_uppercase + string.digits)
    return "".join(chance.choices(alphabet, k=int(length)))
