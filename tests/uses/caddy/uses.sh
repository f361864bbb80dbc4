#!/bin/bash
. "$(dirname "$0")/../functions.sh"
headers() { curl -sk -m 10 -o /dev/null -D - "$U$1" "${@:3}" | tr -d '\r' | grep -iE "^(HTTP|$2)"; }
conf() { # conf PORT [OPTION...]: start with the configuration on standard input
  local port=$1
  shift
  cat >"$T/Caddyfile"
  chmod 644 "$T/Caddyfile"
  start "$port" -v "$T/Caddyfile:/etc/caddy/Caddyfile:ro" -v "$T:/t:ro" "$@" "$IMAGE"
}
mkdir "$T/site" "$T/site/sub"
echo '<p>{{.Req.Method}} {{now | date "2006" | len}} {{upper "x"}} {{markdown "*m*"}} {{include "/part.txt"}}</p>' >"$T/site/page.html"
echo part >"$T/site/part.txt"
echo plain >"$T/site/packed.txt"
printf 'gz' | gzip -n >"$T/site/packed.txt.gz"
chmod -R a+rX "$T"

start 80 "$IMAGE"
use index get /
use css headers /own.css 'content-type|server|etag' -I -H 'Accept-Encoding: none'
use svg status /logo.svg
use not-found status /none
use range get /own.css -r 0-3
use conditional eval 'status /own.css -H "If-None-Match: $(curl -s -I "$U/own.css" | tr -d "\r" | sed -n "s/^[Ee]tag: //p")"'
use exec-adapt inside caddy adapt --config /etc/caddy/Caddyfile
use exec-reload eval 'inside caddy reload --config /etc/caddy/Caddyfile --adapter caddyfile 2>&1 | grep -c error; get /'
use exec-validate eval 'inside caddy validate --config /etc/caddy/Caddyfile --adapter caddyfile 2>/dev/null | tail -n 1'
use exec-fmt inside caddy fmt /etc/caddy/Caddyfile
use exec-hash eval 'inside caddy hash-password --plaintext word | cut -c1-4'
use exec-modules eval 'inside caddy list-modules | grep -cE "^http.handlers"'
use exec-environ eval 'inside caddy environ | grep -E "^(caddy.AppDataDir|XDG_DATA_HOME)"'
use exec-build-info eval 'inside caddy build-info | head -n 1 | cut -f1'
use exec-trust-help eval 'inside caddy help | head -n 1'
use logs eval 'logs | grep -oE "serving initial configuration|using provided configuration" | sort -u'
signal USR1
use signal get /
use stop stop
restart
use restart get /
start 80 -v "$T/site:/usr/share/caddy:ro" "$IMAGE"
use mounted-site get /part.txt
start 2015 "$IMAGE" caddy file-server --browse --listen :2015 --root /usr/share/caddy
use file-server eval 'get /own.css; status /logo.svg'
start 2016 "$IMAGE" caddy respond --listen :2016 --status 201 'a body'
use respond get /
conf 80 -e GREETING=variable <<'Y'
{
	admin 0.0.0.0:2019
	log {
		format json
		level DEBUG
	}
}
:80 {
	root * /t/site
	encode gzip zstd
	log {
		output file /tmp/access.log
	}
	header X-Own "yes"
	handle /env {
		respond "{$GREETING} {env.GREETING} {http.request.method}" 200
	}
	handle_path /proxy/* {
		reverse_proxy 127.0.0.1:81 {
			header_up X-Up {host}
		}
	}
	redir /old /part.txt 301
	rewrite /short /part.txt
	basicauth /secret/* {
		ann $2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW
	}
	handle /browse/* {
		uri strip_prefix /browse
		file_server browse
	}
	metrics /metrics
	templates
	try_files {path} {path}.html
	file_server {
		precompressed gzip
		hide secret.txt
	}
	handle_errors {
		respond "own {http.error.status_code}"
	}
}
:81 {
	respond "upstream {http.request.uri} {http.request.header.X-Up}"
}
Y
use environment get /env
use templates get /page
use markdown-include get /page.html
use gzip eval 'head -c 3000 /dev/zero | tr "\0" x >$T/site/long.txt; headers /long.txt "content-encoding|vary" -H "Accept-Encoding: gzip"'
use zstd headers /long.txt content-encoding -H 'Accept-Encoding: zstd'
use precompressed headers /packed.txt content-encoding -H 'Accept-Encoding: gzip'
use header headers /part.txt x-own
use proxy eval 'get /proxy/x -H "Host: own.test"'
use redirect headers /old location
use rewrite get /short
use basic-auth eval 'status /secret/x; echo; status /secret/x -u "ann:U*U"'
use browse eval 'curl -s "$U/browse/" | grep -cE "part.txt|packed.txt.gz"; curl -s -H "Accept: application/json" "$U/browse/" | jq -rc ".[].name"'
use error-page get /none
use metrics eval 'curl -s "$U/metrics" | grep -c "^go_goroutines"'
use access-log eval 'docker cp "$C:/tmp/access.log" - | tar -xO | grep -c "http.log.access" | grep -c .'
use admin-api eval 'curl -s -m 5 http://$IP:2019/config/apps/http/servers | jq -rc keys'
use admin-load eval 'curl -s -m 5 -X POST -H "Content-Type: application/json" http://$IP:2019/load -d "{\"admin\":{\"listen\":\"0.0.0.0:2019\"},\"apps\":{\"http\":{\"servers\":{\"a\":{\"listen\":[\":80\"],\"routes\":[{\"handle\":[{\"handler\":\"static_response\",\"body\":\"loaded\"}]}]}}}}}"; sleep 1; get /'
cert
conf 443 <<'Y'
localhost {
	tls internal
	respond "inside {tls_version} {http.request.proto}"
}
Y
U="https://$IP"
use tls-internal eval 'curl -sk -m 10 --resolve localhost:443:$IP https://localhost/'
use http2 eval 'curl -sk -m 10 --http2 --resolve localhost:443:$IP -w " %{http_version}" https://localhost/'
use redirect-to-https eval 'U=http://$IP; headers / location -H "Host: localhost"'
use root-certificate eval 'docker cp "$C:/data/caddy/pki/authorities/local/root.crt" - | tar -xO | head -n 1'
conf 443 <<'Y'
:443 {
	tls /t/cert.pem /t/key.pem {
		protocols tls1.2 tls1.2
	}
	respond "own certificate"
}
Y
U="https://$IP"
use tls-files get / -k
use tls-refused eval 'get / -k --tlsv1.3'
printf '{"apps":{"http":{"servers":{"a":{"listen":[":80"],"routes":[{"handle":[{"handler":"static_response","body":"json"}]}]}}}}}' >"$T/own.json"
chmod 644 "$T/own.json"
start 80 -v "$T/own.json:/own.json:ro" "$IMAGE" caddy run --config /own.json
use json-configuration get /
start 80 --read-only --tmpfs /config --tmpfs /data --tmpfs /tmp --user 1000 --init -e LANG=C.UTF-8 -e TZ=Europe/Berlin "$IMAGE"
use read-only-user-init get /
use init-stop stop
use once-version eval 'once "$IMAGE" caddy version | grep -c .'
