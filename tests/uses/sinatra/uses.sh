#!/bin/bash
. "$(dirname "$0")/../functions.sh"
headers() { curl -s -o /dev/null -D - "$U$1" | tr -d '\r' | grep -iE '^(http|set-cookie: color|location|content-disposition)'; }
visits() {
  curl -s -o /dev/null -c "$T/jar" "$U/visits"
  get /visits -b "$T/jar"
}
static() {
  local date
  date=$(curl -s -I "$U/own.css" | tr -d '\r' | sed -n 's/^[Ll]ast-[Mm]odified: //p')
  get /own.css -r 0-3
  echo
  status /own.css -H "If-Modified-Since: $date"
}
libraries() { for name in random gzip encode misc; do get "/$name" && echo; done; }

start 9292 "$IMAGE"
use index get /
use json get /json
use json-post eval 'get /json -d "{\"a\":{\"b\":[1,2]}}"; echo; status /json -d "{"'
printf 'a,b\n1,"x, y"\n' >"$T/table.csv"
use csv eval 'get /csv; get /csv -F "file=@$T/table.csv"'
use yaml get /yaml
use page get '/page?who=%3Cb%3E'
use haml-kramdown eval 'get /haml; get /kramdown'
use session visits
use headers eval 'headers /cookie; headers /file'
use static static
use digest eval 'get /digest; echo; get /cipher'
use libraries libraries
use date get /date
use time-zone get '/zone?name=America/Sao_Paulo'
use fetch get /fetch -G -d url=http://127.0.0.1:9292/json
use database get /database
use translate get /translate
use gems get /gems
use stream get /stream
use not-found get /none
use error-500 get /broken
use exec-ruby inside ruby -rdate -rset -e 'puts Date.new(2024, 2, 29).cwday, Set[1, 1].size'
restart
use restart get /database
use stop stop

use rake once "$IMAGE" rake count
start 9292 -e TZ=Europe/Berlin -e RACK_ENV=development "$IMAGE" rackup --host 0.0.0.0 --port 9292
use rackup-TZ eval 'get /date; logs | grep -oE "GET /date HTTP/1.1. 200"'
use development-error eval 'curl -s -H "Accept: text/html" "$U/broken" | grep -oE "RuntimeError at /broken|as asked|BACKTRACE" | sort -u'
cert
cat >"$T/puma.rb" <<'X'
workers 2
threads 1, 4
preload_app!
ssl_bind '0.0.0.0', 8443, cert: '/certs/cert.pem', key: '/certs/key.pem'
before_fork { puts 'own hook' }
X
SETTLE=2 start 8443 -v "$T:/certs:ro" "$IMAGE" puma --config /certs/puma.rb
U="https://$IP:$PORT"
use cluster-tls get /page -k
use cluster-fetch-tls get /fetch-tls -k -G -d url=https://127.0.0.1:8443/json
start 9292 --read-only --tmpfs /tmp --tmpfs /data:uid=2000 --user 2000 --init -e LANG=C "$IMAGE"
use read-only-user-init get /database
