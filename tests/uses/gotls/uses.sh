. "$(dirname "$0")/../functions.sh"
# A TLS server beside the app: the app itself, in the same network, on another port.
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 -subj '/CN=own authority' \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
chmod 644 "$T"/*.pem
other() {
  docker rm -fv "$C-tls" >/dev/null 2>&1
  run -d --name "$C-tls" --network "container:$C" -v "$T:/t:ro" -e PORT=8443 -e GREETING=tls -e TLS_CERT=/t/cert.pem \
    -e TLS_KEY=/t/key.pem "$FAT" >/dev/null
  sleep 0.7
}

start 8080 "$IMAGE"
use start state
use index get /
use not-found get /none
use time-zone get '/time?zone=Europe/Berlin'
use time-zone-asia get '/time?zone=Asia/Kolkata'
use time-zone-alias get '/time?zone=US/Pacific'
use time-zone-unknown get '/time?zone=Nowhere/City'
use authorities get /pool
use template get '/page/greet?name=%3Cada%3E'
use template-other get /page/list
use user get /user
use user-by-name get '/user?name=www-data'
use group-by-name get '/group?name=staff'
use mime-svg get '/mime?name=a.svg'
use mime-of-system get '/mime?name=a.odt'
use mime-video get '/mime?name=a.mkv'
use host-name get '/host?name=localhost'
use port-by-name get '/port?name=postgresql'
use static get /static/style.css
use static-manifest get /static/app.webmanifest
use static-listing get /static/img/
use static-range get /static/style.css -H 'Range: bytes=0-3'
use gzip get /gzip --compressed
head -c 100000 /dev/zero >"$T/big"
use upload get /upload -F "f=@$T/big;filename=big.bin"
use outgoing get '/fetch?url=http://127.0.0.1:8080/health'
other
use outgoing-unknown-authority get '/fetch?url=https://localhost:8443/'
use exec-version inside /app/server version
use exec-health inside /app/server health
use health health
use stop stop
use stop-log logs
restart
use restart get '/page/greet?name=again'

start 8080 -v "$T/cert.pem:/etc/ssl/certs/own.pem:ro" "$IMAGE"
other
use own-authority-file get '/fetch?url=https://localhost:8443/'
use own-authority-count get /pool
start 8080 -v "$T/cert.pem:/own.pem:ro" -e SSL_CERT_FILE=/own.pem "$IMAGE"
other
use own-authority-variable get '/fetch?url=https://127.0.0.1:8443/'
start 8080 -e SSL_CERT_DIR=/usr/share/ca-certificates/mozilla "$IMAGE"
use authorities-of-directory get /pool
start 8080 -v "$T:/t:ro" -e TLS_CERT=/t/cert.pem -e TLS_KEY=/t/key.pem "$IMAGE"
U=${U/http:/https:}
use tls get / --cacert "$T/cert.pem" --resolve "localhost:8080:$IP" -k
use tls-http2 curl -sk --noproxy '*' --http2 -o /dev/null -w '%{http_code} %{http_version}' "$U/page/list"
use tls-health health
start 8080 -e TZ=Europe/Berlin -e LANG=C.UTF-8 -e GREETING=variable "$IMAGE"
use environment get /
use environment-TZ get '/time?zone=UTC'
start 8080 -v /usr/share/zoneinfo/Asia/Tokyo:/etc/localtime:ro "$IMAGE"
use mounted-localtime get '/time?zone=UTC'
printf '{"PORT": "9090", "GREETING": "configured", "TEMPLATES": "/own"}' >"$T/config.json"
mkdir "$T/own"
echo '<b>{{template "body" .}}</b>' >"$T/own/layout.html"
echo '{{define "body"}}own {{.Name}}{{end}}' >"$T/own/mine.html"
start 9090 -v "$T/config.json:/etc/gotls.json:ro" -v "$T/own:/own:ro" -e CONFIG=/etc/gotls.json "$IMAGE"
use own-config get /
use own-templates get '/page/mine?name=x'
start 8080 --user 1000 -e USER=me -e HOME=/tmp "$IMAGE"
use other-user-files get '/page/list'
use other-user get /user
start 8080 --user root "$IMAGE"
use root get /user
start 8080 --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --init "$IMAGE"
use read-only get /upload -F "f=@$T/big;filename=big.bin"
start 8080 --add-host db.test:192.0.2.7 --hostname box "$IMAGE"
use extra-host get '/host?name=db.test'
PORT=0
use wrong-config once -e CONFIG=/missing.json "$IMAGE"
