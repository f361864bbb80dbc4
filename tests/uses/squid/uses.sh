#!/bin/bash
. "$(dirname "$0")/../functions.sh"
# A web server beside the proxy, of the test's own Python, in a container's network it can reach: the host's address.
HOSTIP=$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' bridge)
mkdir "$T/www"
echo 'a page' >"$T/www/index.html"
head -c 200000 /dev/zero | tr '\0' x >"$T/www/big"
touch -d 2024-01-01 "$T"/www/*
python3 -m http.server --bind "$HOSTIP" --directory "$T/www" 18273 >/dev/null 2>&1 &
WEB=$!
cert
openssl s_server -accept "$HOSTIP:18274" -cert "$T/cert.pem" -key "$T/key.pem" -WWW -quiet >/dev/null 2>&1 &
TLS=$!
trap 'kill $WEB $TLS 2>/dev/null; rm -rf "$T"' EXIT
W=http://$HOSTIP:18273
by() { # by URL [CURL OPTION...]: the status and body by the proxy
  local url=$1
  shift
  curl -sS -m 20 --noproxy none -x "${proxy:-http://$IP:$PORT}" -w ' %{http_code}' "$@" "$url" 2>&1
}
content() { docker cp "$C:$1" - | tar -xO; } # a file of the container
headers() { by "$@" -o /dev/null -D - | tr -d '\r' | grep -iE '^(HTTP|X-Cache|Via|X-Squid-Error)'; }
title() { by "$@" | grep -oE '<title>[^<]*|<h2>[^<]*|ERR_[A-Z_]+' | sort -u; }
with() { # with [OPTION...]: start with the snippet on standard input
  cat >"$T/own.conf"
  chmod 644 "$T/own.conf"
  start 3128 -v "$T/own.conf:/etc/squid/conf.d/1-own.conf:ro" -v "$T:/t:ro" "$@" "$IMAGE"
}

start 3128 "$IMAGE"
use start state
use get by "$W/"
use head by "$W/" -I -o /dev/null
use post by "$W/" -d x -o /dev/null
use via headers "$W/"
use cached eval 'by "$W/big" -o /dev/null; by "$W/big" -o /dev/null; headers "$W/big"'
use connect eval 'openssl version >/dev/null; by "https://$HOSTIP:18274/" -k -o /dev/null | grep -oE "40[0-9]|CONNECT tunnel failed, response [0-9]+"'
use denied-port title "http://$HOSTIP:25/"
use error-page title http://127.0.0.1:9/
use error-page-german title http://127.0.0.1:9/ -H 'Accept-Language: de'
use error-page-japanese title http://127.0.0.1:9/ -H 'Accept-Language: ja'
use error-dns title http://none.invalid/
use invalid-request eval 'printf "NONE\r\n\r\n" >/dev/tcp/$IP/$PORT; by "http:///" | tail -c 5'
use icon eval 'status /squid-internal-static/icons/SN.png'
use mime-icon eval 'status /squid-internal-static/icons/silk/folder.png'
use access-log eval 'content /var/log/squid/access.log | grep -oE "TCP_[A-Z_]+/200 .* GET http://[^ ]*/big" | grep -oE "TCP_[A-Z_]+" | sort -u'
use logs eval 'sleep 1; logs | grep -oE "Accepting HTTP Socket connections|Initializing cache" | sort -u'
use exec-parse eval 'inside squid -k parse 2>&1 | grep -ciE "error|fatal"'
signal HUP
use reconfigure eval 'sleep 2; by "$W/"; content /var/log/squid/cache.log | grep -c "Reconfiguring Squid Cache"'
use exec-version eval 'inside squid -v | head -n 1'
use exec-squidclient eval 'inside squidclient -h 127.0.0.1 mgr:info | grep -E "^(Squid Object Cache|Service Name)"'
use exec-squidclient-purge eval 'inside squidclient -h 127.0.0.1 -m HEAD $W/ | head -n 1 | tr -d "\r"'
use manager-menu eval 'inside squidclient -h 127.0.0.1 mgr:menu | grep -cE "^ (config|storedir|utilization|counters)"'
use cache-files inside sh -c 'test -d /var/spool/squid/00/FF && test -s /var/spool/squid/swap.state && echo state'
use stop eval 'docker stop -t 30 "$C" >/dev/null; state'
restart
use restart by "$W/"

start 3128 -e PROXY_USER=ann -e PROXY_PASSWORD=word "$IMAGE"
use login by "$W/" --proxy-user ann:word
use login-wrong title "$W/" --proxy-user ann:no
use login-missing by "$W/" -o /dev/null

printf 'bob:%s\n' "$(openssl passwd -apr1 other)" >"$T/users"
printf '.blocked.test\n' >"$T/blocked"
printf '<html><title>own page</title><h2>%%U is closed</h2></html>\n' >"$T/ERR_OWN"
chmod 644 "$T"/*
with <<Y
auth_param basic program /usr/lib/squid/basic_ncsa_auth /t/users
auth_param basic children 2
auth_param basic realm own
acl login proxy_auth REQUIRED
acl blocked dstdomain "/t/blocked"
acl worktime time MTWHFAS 00:00-24:00
acl browser browser -i curl
acl big url_regex -i /big
deny_info ERR_OWN blocked
http_access deny blocked
http_access deny big !browser
http_access allow login worktime
http_access deny all
request_header_access User-Agent deny all
reply_header_add X-Own yes
forwarded_for delete
via off
logformat own %>a %un %Ss/%03>Hs %rm
access_log stdio:/var/log/squid/own.log own
Y
use mounted-login by "$W/" --proxy-user bob:other
use blocked-own-page eval 'docker cp "$T/ERR_OWN" "$C:/usr/share/squid/errors/en/ERR_OWN"; signal HUP; title http://www.blocked.test/'
use own-log eval 'content /var/log/squid/own.log | grep -oE "bob TCP_[A-Z_]+/200 GET" | head -n 1'
with <<Y
auth_param digest program /usr/lib/squid/digest_file_auth /t/digest
auth_param digest realm own
auth_param digest children 1
acl login proxy_auth REQUIRED
http_access allow login
http_access deny all
Y
printf 'eve:secret\n' >"$T/digest"
chmod 644 "$T/digest"
use digest by "$W/" --proxy-digest --proxy-user eve:secret
printf 'while read -r channel url rest; do case $url in *old*) echo "$channel OK status=302 url=\\"%s/\\"";; *) echo "$channel ERR";; esac; done\n' "$W" >"$T/rewrite.sh"
with <<Y
url_rewrite_program /bin/sh /t/rewrite.sh
url_rewrite_children 1 concurrency=5
external_acl_type session ttl=3 %SRC /usr/lib/squid/ext_session_acl -t 10 -b /tmp/sessions
acl known external session
http_access allow localnet
cache_mem 8 MB
maximum_object_size 1 MB
memory_replacement_policy heap LFUDA
cache_replacement_policy heap GDSF
delay_pools 1
delay_class 1 1
delay_parameters 1 -1/-1
refresh_pattern -i /big 10 20% 100
Y
use redirector by http://old.test/ -o /dev/null -w ' %{redirect_url}'
use policies headers "$W/big"
with <<'Y'
http_port 3129 accel defaultsite=site.test no-vhost
https_port 3130 accel tls-cert=/t/cert.pem tls-key=/t/key.pem defaultsite=site.test
Y
{ cat "$T/own.conf" && printf 'cache_peer %s parent 18273 0 no-query originserver name=web\nacl site dstdomain site.test\nhttp_access allow site\ncache_peer_access web allow site\n' "$HOSTIP"; } >"$T/accel.conf"
with <"$T/accel.conf"
use accelerator curl -sS -m 10 "http://$IP:3129/"
use accelerator-tls curl -sSk -m 10 "https://$IP:3130/"
ssl=$(volume ssl)
use certgen once --user 0 --entrypoint /usr/lib/squid/security_file_certgen -v "$ssl:/ssl" "$IMAGE" -c -s /ssl/db -M 4MB
once --user 0 --entrypoint /bin/bash -v "$ssl:/ssl" "$FAT" -c 'chown -R proxy /ssl'
cat "$T/cert.pem" "$T/key.pem" >"$T/both.pem"
chmod 644 "$T/both.pem"
with -v "$ssl:/ssl" <<'Y'
http_port 3131 ssl-bump tls-cert=/t/both.pem generate-host-certificates=on dynamic_cert_mem_cache_size=4MB
sslcrtd_program /usr/lib/squid/security_file_certgen -s /ssl/db -M 4MB
sslcrtd_children 1
acl step1 at_step SslBump1
ssl_bump peek step1
ssl_bump bump all
sslproxy_cert_error allow all
tls_outgoing_options flags=DONT_VERIFY_PEER
acl SSL_ports port 18274
Y
use bump eval 'proxy=http://$IP:3131 by https://$HOSTIP:18274/ -k -v -o /dev/null | grep -E "^.  subject: |HTTP/1.. 200"'
cat >"$T/whole.conf" <<'Y'
http_port 8080
acl all_of_us src all
http_access allow all_of_us
access_log none
cache_log /dev/stderr
cache_store_log none
pid_filename none
cache deny all
coredump_dir /tmp
icon_directory /usr/share/squid/icons
error_default_language fr
dns_nameservers 127.0.0.1
Y
chmod 644 "$T/whole.conf"
start 8080 -v "$T/whole.conf:/etc/squid/squid.conf:ro" "$IMAGE"
use own-configuration by "$W/"
use default-language title http://127.0.0.1:9/
start 8080 --user 1000 --read-only --tmpfs /tmp --tmpfs /run --tmpfs /var/log/squid:uid=1000 --tmpfs /var/spool/squid:uid=1000 --init \
  -e LANG=C.UTF-8 -e TZ=Europe/Berlin -v "$T/whole.conf:/etc/squid/squid.conf:ro" "$IMAGE"
use read-only-user-init by "$W/"
use init-stop stop
