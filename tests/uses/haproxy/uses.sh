. "$(dirname "$0")/../functions.sh"
CFG=/usr/local/etc/haproxy/haproxy.cfg
SETTLE=1
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
cat "$T/cert.pem" "$T/key.pem" >"$T/site.pem"
# own NAME: a configuration with the usual defaults and what comes from standard input
own() {
  {
    printf 'defaults\n  mode http\n  timeout connect 2s\n  timeout client 10s\n  timeout server 10s\n'
    cat
  } >"$T/$1.cfg"
  chmod 644 "$T"/*
}
proxy() { start 8080 -v "$T:/t:ro" -v "$T/$1.cfg:$CFG:ro" "${@:2}" "$IMAGE"; }

start 8080 "$IMAGE"
use start state
use default get /
use bad-request eval 'printf "BAD\r\n\r\n" | timeout 5 bash -c "exec 3<>/dev/tcp/$IP/8080; cat >&3; head -n 1 <&3"'
use log eval 'logs | grep "web app/own" | grep -o "\"GET.*" | uniq'
use exec-check inside haproxy -c -f "$CFG"
use exec-version eval 'inside haproxy -vv | grep -E "^(Built with (OpenSSL|Lua)|Running on OpenSSL)" | cut -d" " -f1-4'
signal USR2
use reload get /
signal HUP
use signal-hup state
use stop stop
restart
use restart get /
use check-alone once "$IMAGE" -c -f "$CFG"

own errors <<'X'
frontend web
  bind :8080
  errorfile 400 /etc/haproxy/errors/400.http
  errorfile 403 /etc/haproxy/errors/403.http
  errorfile 408 /etc/haproxy/errors/408.http
  errorfile 500 /etc/haproxy/errors/500.http
  errorfile 502 /etc/haproxy/errors/502.http
  errorfile 503 /etc/haproxy/errors/503.http
  errorfile 504 /etc/haproxy/errors/504.http
  http-request deny deny_status 403 if { path_beg /private }
  default_backend gone
backend gone
  server none 127.0.0.1:1 check inter 200ms
X
proxy errors
use error-file-503 get /
use error-file-403 get /private

own stats <<'X'
frontend stats
  bind :8080
  stats enable
  stats uri /stats
  stats auth admin:pw
  http-request use-service prometheus-exporter if { path /metrics }
X
proxy stats
use stats eval 'status /stats -u admin:pw | cut -d" " -f1,2'
use stats-csv eval 'get "/stats;csv" -u admin:pw | grep -c "^stats,"'
use stats-refused status /stats
use prometheus eval 'get /metrics | grep -c "^haproxy_process_start_time_seconds"'

printf 'old.test new\nother.test second\n' >"$T/hosts.map"
printf '10.0.0.0/8\n127.0.0.0/8\n' >"$T/nets.acl"
own maps <<'X'
frontend web
  bind :8080
  acl api path_beg -i /api
  acl agent hdr_sub(User-Agent) -i robot
  acl nets src -f /t/nets.acl
  http-request deny deny_status 429 if agent
  http-request redirect code 301 location /new if { path /old }
  http-request set-header X-Local yes if nets
  http-request replace-path /api/(.*) /v1/\1 if api
  http-request set-var(txn.b64) str(abc),base64
  http-after-response set-header X-B64 %[var(txn.b64)]
  http-after-response set-header X-Regex %[str(a1b22),regsub([0-9]+,_,g)]
  http-after-response set-header X-Json %[str(\"a\"),json(utf8s)]
  use_backend %[req.hdr(host),lower,map(/t/hosts.map,first)]
backend first
  http-request return status 200 content-type text/plain lf-string "first %[path]\n"
backend new
  http-request return status 200 content-type text/plain lf-string "new\n"
backend second
  http-request return status 200 content-type text/html file /t/page.html
X
echo '<p>from a file' >"$T/page.html"
chmod 644 "$T"/*
proxy maps
use map-default get /
use map-host get / -H 'Host: OLD.test'
use map-file get / -H 'Host: other.test'
use rewrite get /api/x
use redirect get /old -o /dev/null -w '%{http_code} %{redirect_url} '
use agent-denied status / -A 'A robot'
use converters eval 'get / -D - | grep -i "^x-"'

own tls <<'X'
frontend web
  bind :8080 ssl crt /t/site.pem alpn h2,http/1.1 ssl-min-ver TLSv1.2
  http-response set-header X-Tls %[ssl_fc_protocol]
  default_backend again
backend again
  server own localhost:8443 ssl verify required ca-file /t/cert.pem
frontend inner
  bind 127.0.0.1:8443 ssl crt /t/site.pem
  http-request return status 200 content-type text/plain string "secret\n"
X
proxy tls
U=${U/http:/https:}
use tls get / --cacert "$T/cert.pem" -k
use tls-http2 curl -sk --noproxy '*' --http2 -o /dev/null -w '%{http_code} %{http_version}' "$U/"
use tls-1.2 eval 'get / -k --tls-max 1.2 -D - | grep -i x-tls'
own authorities <<'X'
frontend web
  bind :8080
  default_backend again
backend again
  server own 127.0.0.1:8443 ssl verify required ca-file @system-ca
frontend inner
  bind 127.0.0.1:8443 ssl crt /t/site.pem
  http-request return status 200 content-type text/plain string "secret"
X
proxy authorities
use system-authorities status /

cat >"$T/own.lua" <<'X'
core.register_service("shout", "http", function(applet)
  local text = string.upper(applet.qs) .. " " .. os.date("!%Y", 0) .. " " .. string.format("%05.1f", math.pi) .. "\n"
  applet:set_status(200)
  applet:add_header("content-type", "text/plain")
  applet:start_response()
  applet:send(text)
end)
X
own lua <<'X'
global
  lua-load /t/own.lua
frontend web
  bind :8080
  http-request use-service lua.shout
X
proxy lua
use lua get '/?abc'

own balance <<'X'
frontend web
  bind :8080
  compression algo gzip
  compression type text/plain
  stick-table type ip size 1k expire 30s store http_req_rate(30s)
  http-request track-sc0 src
  http-request deny deny_status 429 if { path /limited } { sc_http_req_rate(0) gt 1 }
  default_backend two
backend two
  balance roundrobin
  cookie SERVER insert indirect nocache
  option httpchk GET /health
  server a 127.0.0.1:8081 cookie a
  server b 127.0.0.1:8082 cookie b
frontend a
  bind 127.0.0.1:8081
  http-request return status 200 content-type text/plain string "server a\n"
frontend b
  bind 127.0.0.1:8082
  http-request return status 200 content-type text/plain string "server b\n"
frontend tcp
  mode tcp
  bind :9000
  default_backend raw
backend raw
  mode tcp
  server a 127.0.0.1:8081
X
proxy balance
use round-robin eval 'get /; get /'
use sticky eval 'get / -b SERVER=b; get / -b SERVER=b'
use limited status /limited
use tcp-mode curl -s -m 5 --noproxy '*' "http://$IP:9000/"
use compression get / --compressed

# syslog goes to a listener on the host, which keeps what comes.
gateway=$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' bridge)
cat >"$T/listen.py" <<'X'
import socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind((sys.argv[1], 0))
one.settimeout(20)
open(sys.argv[2], "w").write(str(one.getsockname()[1]))
while True:
    text = one.recv(2000).decode(errors="replace")
    if '"GET ' in text:  # its facility and level, and the request
        open(sys.argv[3], "w").write(text.split(">")[0] + "> " + text[text.index('"GET '):])
        break
X
python3 "$T/listen.py" "$gateway" "$T/port" "$T/message" &
sleep 1
own syslog <<X
global
  log $gateway:$(cat "$T/port") local3 info
frontend web
  bind :8080
  log global
  option httplog
  http-request return status 200 content-type text/plain string "logged"
X
proxy syslog
use syslog eval 'get /logged; sleep 1; cat "$T/message"'
wait

own variables <<'X'
global
  stats socket /tmp/admin.sock mode 600 level admin expose-fd listeners
frontend web
  bind :8080
  http-request return status 200 content-type text/plain lf-string "%[env(COLOUR)] ${COLOUR}\n"
X
proxy variables -e COLOUR=blue -e TZ=Europe/Berlin -e LANG=C.UTF-8
use environment get /
mkdir "$T/conf.d"
cp "$T/stats.cfg" "$T/conf.d/10-stats.cfg"
chmod -R a+rX "$T"
start 8080 -v "$T/conf.d:/conf.d:ro" "$IMAGE" -f /conf.d
use folder-of-configuration status /stats -u admin:no
start 8080 --user 1000 "$IMAGE"
use user get /
start 8080 --read-only --tmpfs /tmp --cap-drop ALL --init "$IMAGE"
use read-only get /
PORT=0
printf 'frontend web\n  bnd :8080\n' >"$T/wrong.cfg"
chmod 644 "$T"/*
use wrong-configuration eval 'once -v "$T/wrong.cfg:$CFG:ro" "$IMAGE" haproxy -c -f $CFG 2>&1 | grep -c "unknown keyword"'
{
  printf 'global\n  chroot /var/lib/haproxy\n  user haproxy\n  group haproxy\n'
  cat "$T/stats.cfg"
} >"$T/root.cfg"
chmod 644 "$T/root.cfg"
start 8080 --user root -v "$T/root.cfg:$CFG:ro" "$IMAGE"
use root-with-chroot status /stats
