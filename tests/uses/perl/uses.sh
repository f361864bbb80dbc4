#!/bin/bash
. "$(dirname "$0")/../functions.sh"
visits() {
  curl -s -o /dev/null -c "$T/jar" "$U/visits"
  get /visits -b "$T/jar"
}
static() {
  get /own.css
  status /own.css -H "If-None-Match: $(curl -s -I "$U/own.css" | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')"
  echo
  get /own.css -r 0-3
}
zones() {
  get '/zone?name=America/Sao_Paulo&locale=pt-BR'
  echo
  get '/zone?name=Europe/Berlin&locale=ja'
}
formats() { for name in yaml xml toolkit markdown compress; do get "/$name" && echo; done; }

start 3000 "$IMAGE"
use index get /
use page get /page
use static static
use json get /json
use json-post eval 'get /json -d "{\"b\":1,\"a\":2}"; echo; get /json -d "{"'
use json-modules eval 'get /json-xs; get /json-pp'
printf 'a,b\n1,"x, y"\n' >"$T/table.csv"
use csv eval 'get /csv; get /csv -F "file=@$T/table.csv"'
use database get /database
use time get /time
use zones zones
use encode get /encode
use unicode get /unicode
use formats formats
use digest get /digest
use misc get /misc
use own-module get /own
use session visits
use fetch get /fetch -G -d url=http://127.0.0.1:3000/dom
use not-found get /none
use error-500 status /broken
use exec-commands eval 'inside perl app.pl get /csv; inside perl app.pl routes | grep -E "echo|json"; inside perl app.pl eval -V "app->config->{own}"'
restart
use restart get /database
use stop stop

use one-liner eval 'printf "b a\n" | once "$IMAGE" perl -MList::Util=max -lane "print join q( ), sort @F"'
start 3000 -e MOJO_MODE=development -e TZ=Europe/Berlin "$IMAGE"
use development-TZ eval 'get /time; echo; curl -s "$U/broken" | grep -oE "as asked|Mojolicious::Lite|Stash" | sort -u'
SETTLE=2 start 8080 "$IMAGE" hypnotoad -f app.pl
use hypnotoad get /page
cert
echo "{own => {color => 'red'}}" >"$T/own.conf"
start 3443 -v "$T:/certs:ro" -e APP_CONFIG=/certs/own.conf "$IMAGE" perl app.pl prefork -w 2 -l 'https://*:3443?cert=/certs/cert.pem&key=/certs/key.pem'
U="https://$IP:$PORT"
use prefork-tls-conf get /config -k
use fetch-tls get /fetch -k -G -d url=https://127.0.0.1:3443/inline
start 3000 --read-only --tmpfs /tmp --tmpfs /data:uid=2000 --user 2000 --init -e LANG=C "$IMAGE"
use read-only-user-init get /database
