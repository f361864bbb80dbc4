. "$(dirname "$0")/../functions.sh"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 -subj /CN=localhost 2>/dev/null
printf 'some text\nmore text\n' >"$T/file.txt"
head -c 300000 /dev/zero >"$T/big"
chmod 644 "$T"/*
CONF=/etc/proftpd/conf.d/own.conf
# ftp PATH [CURL OPTION...]: what curl gets from the server
ftp() {
  local path=$1
  shift
  curl -sS -m 20 --noproxy '*' -u "${who:-ada:pw}" "$@" "ftp://$IP:$PORT$path"
}
# replies COMMAND...: the replies to commands after the login
replies() {
  local one quotes=()
  for one in "$@"; do quotes+=(-Q "$one"); done
  ftp / "${quotes[@]}" -v -l -o /dev/null 2>&1 | tr -d '\r' | grep -E '^< [0-9]' | grep -vE '^< (220|331|230|257|215|227|229|226|150|200 Type)' | cut -c3-
}
names() { ftp "$@" -l | tr -d '\r' | sort; }
listing() { ftp "$@" | awk '{print $1, $3, $4, $5, $NF}' | sort; }
with() { # with NAME: the server with the configuration on standard input
  cat >"$T/$1.conf"
  chmod 644 "$T/$1.conf"
  start 21 -v "$T:/t:ro" -v "$T/$1.conf:$CONF:ro" "${@:2}" "$IMAGE"
}

start 21 "$IMAGE"
use start state
use banner eval 'ftp / -v -o /dev/null 2>&1 | grep -E "^< 2[23]0" | tr -d "\r"'
use login-list names /
use wrong-password eval 'who=ada:no; ftp /'
use no-such-user eval 'who=eve:pw; ftp /'
use user-without-shell eval 'who=bob:pw; ftp /'
use upload ftp /up.txt -T "$T/file.txt"
use download ftp /up.txt
use upload-new-folder ftp /sub/deep/up.txt -T "$T/file.txt" --ftp-create-dirs
use list listing /
use machine-list eval 'ftp / -X MLSD | grep -c "type=file;"'
use append eval 'ftp /up.txt -a -T "$T/file.txt"; ftp /up.txt | wc -l'
use resume eval 'ftp /up.txt -C 10 | head -n 1'
use ascii eval 'ftp "/up.txt;type=A" | od -c | head -n 1'
use big eval 'ftp /big -T "$T/big" && ftp /big | wc -c'
use size replies 'TYPE I' 'SIZE up.txt'
use rename replies 'RNFR up.txt' 'RNTO other.txt'
use make-and-remove replies 'MKD one' 'RMD one' 'DELE other.txt'
use features eval 'ftp / -Q FEAT -v -o /dev/null 2>&1 | grep -cE "^< +(MLST|UTF8|SIZE|REST|MDTM)"'
use site-chmod replies 'SITE CHMOD 600 big'
use help eval 'replies HELP | head -n 1'
use epsv-off eval 'ftp /sub/deep/up.txt --disable-epsv | wc -l'
use active eval 'ftp /sub/deep/up.txt -P - | wc -l'
use outside eval 'ftp //etc/hostname | wc -l'
use transfer-log eval 'docker cp "$C:/var/log/proftpd/xferlog" - | tar -xO | grep -c /home/ada/up.txt'
use exec-configtest eval 'inside proftpd -t 2>&1 | tail -n 1'
use exec-version inside proftpd -v
use exec-modules eval 'inside proftpd -l | grep -c mod_'
use exec-ftpwho eval 'inside ftpwho 2>&1 | tail -n 1'
use exec-ftpcount eval 'inside ftpcount 2>&1 | tail -n 1'
signal HUP
use reload names /sub
use stop stop
restart
use restart ftp /sub/deep/up.txt

with anonymous <<'X'
DefaultRoot ~
<Anonymous ~ftp>
  User ftp
  Group nogroup
  UserAlias anonymous ftp
  RequireValidShell off
  MaxClients 10
  DisplayLogin /etc/proftpd/welcome.msg
  <Directory *>
    <Limit WRITE>
      DenyAll
    </Limit>
  </Directory>
</Anonymous>
X
who=anonymous:me@example.com
use anonymous names /
use anonymous-get ftp /public.txt
use anonymous-put ftp /x.txt -T "$T/file.txt"
who=ada:pw
use chroot eval 'ftp //etc/hostname; ftp /x.txt -T "$T/file.txt"; names //; ftp //x.txt'

with tls <<'X'
LoadModule mod_tls.c
TLSEngine on
TLSRequired on
TLSProtocol TLSv1.2 TLSv1.3
TLSRSACertificateFile /t/cert.pem
TLSRSACertificateKeyFile /t/key.pem
TLSVerifyClient off
TLSOptions NoSessionReuseRequired
TLSRenegotiate none
X
use tls-required ftp /
use tls eval 'ftp /x.txt -k --ssl-reqd -T "$T/file.txt" && ftp /x.txt -k --ssl-reqd'
use tls-1.2 eval 'ftp / -k --ssl-reqd --tls-max 1.2 -l'

openssl genrsa -traditional -out "$T/host_key" 2048 2>/dev/null
chmod 600 "$T/host_key"
printf 'eve:%s:1500:1500:Eve:/srv/files:/bin/sh\n' "$(openssl passwd -5 -salt abcdefgh secret)" >"$T/ftpd.passwd"
printf 'files:x:1500:eve\n' >"$T/ftpd.group"
chmod 600 "$T/ftpd.passwd"
with virtual <<'X'
AuthUserFile /t/ftpd.passwd
AuthGroupFile /t/ftpd.group
DefaultRoot ~
RequireValidShell off
X
who=eve:secret
use virtual-user listing /
use virtual-user-get ftp /shared.txt
who=eve:wrong
use virtual-user-wrong ftp /
who=ada:pw

with modules <<'X'
LoadModule mod_deflate.c
LoadModule mod_ban.c
DeflateEngine on
BanEngine on
BanTable /run/proftpd/ban.tab
BanControlsACLs all allow user root
MaxLoginAttempts 2
QuotaEngine off
Ratios off
IdentLookups off
TimesGMT off
ListOptions "-a"
<Directory /home/ada/locked>
  <Limit ALL>
    DenyAll
  </Limit>
</Directory>
<IfModule mod_facts.c>
  FactsAdvertise on
</IfModule>
X
use modules names /
use mode-z replies 'MODE Z'
use exec-ftpdctl eval 'inside ftpdctl ban info 2>&1 | tail -n 2'

with sftp -v "$T/host_key:/host_key:ro" <<'X'
LoadModule mod_sftp.c
<VirtualHost 0.0.0.0>
  Port 2222
  SFTPEngine on
  SFTPHostKey /host_key
  SFTPAuthMethods password
  DefaultRoot ~
</VirtualHost>
X
sftp() { curl -sS -m 20 --noproxy '*' -k -u ada:pw "$@"; }
use sftp eval 'sftp -T "$T/file.txt" "sftp://$IP:2222/x.txt" && sftp "sftp://$IP:2222/x.txt"'

start 21 -e FTP_USER=carl -e FTP_PASSWORD=pw2 -e TZ=Europe/Berlin -e LANG=C.UTF-8 "$IMAGE"
who=carl:pw2
use environment-user ftp /x.txt -T "$T/file.txt"
use environment-user-list listing /
who=ada:pw
cat >"$T/whole.conf" <<'X'
ServerName "Mine"
Port 2121
DefaultServer on
UseIPv6 off
User nobody
Group nogroup
AuthPAMConfig proftpd
RequireValidShell off
ServerIdent on "mine"
DefaultChdir /srv
MaxInstances 5
AccessGrantMsg "granted to %u"
X
chmod 644 "$T/whole.conf"
start 2121 -v "$T/whole.conf:/own.conf:ro" "$IMAGE" proftpd --nodaemon -c /own.conf
who=bob:pw
use own-configuration names /
use own-messages eval 'ftp / -v -o /dev/null 2>&1 | grep -E "^< 2[23]0" | tr -d "\r"'
who=ada:pw
start 21 "$IMAGE" proftpd --nodaemon -d 5
use debug-level eval 'ftp / -l >/dev/null; logs | grep -c "ProFTPD .* standalone mode STARTUP"'
start 21 --init --read-only --tmpfs /run --tmpfs /var/log/proftpd --tmpfs /tmp -v /home/ada "$IMAGE"
use read-only eval 'ftp /x.txt -T "$T/file.txt"; names /'
