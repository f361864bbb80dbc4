#!/bin/bash
. "$(dirname "$0")/../functions.sh"
CONF=/mosquitto/config/mosquitto.conf
# conf NAME: a file to mount, from standard input
conf() {
  cat >"$T/$1"
  chmod 644 "$T/$1"
}
pub() { client mosquitto_pub -h "$IP" -p "${port:-1883}" "$@"; }
sub() { client mosquitto_sub -h "$IP" -p "${port:-1883}" -W 3 "$@"; }
# through TOPIC MESSAGE [OPTION...]: what a subscriber gets of a message that is published after it came
through() {
  local topic=$1 message=$2
  shift 2
  (sleep 1.5 && pub -t "$topic" -m "$message" "$@") &
  sub -C 1 -W 6 -t "$topic" "$@"
  wait
}
own() { # own [OPTION...]: start with the configuration on standard input
  conf own.conf
  start "${port:-1883}" -v "$T/own.conf:$CONF:ro" -v "$T:/t:ro" "$@" "$IMAGE"
}

start 0 "$IMAGE"
use default-local-only eval 'state; logs | grep -oE "(Starting in local only mode|mosquitto version [0-9.]+ running)"'
use default-loopback eval 'inside mosquitto_pub -t a -m b -r; inside mosquitto_sub -t a -C 1 -W 3'
use stop stop

start 1883 "$IMAGE" mosquitto -c /mosquitto-no-auth.conf
use no-auth through a/b hello
use retained eval 'pub -t r -m kept -r; sub -t r -C 1'
use qos2 through q two -q 2
use wildcard eval 'pub -t w/1/x -m 1 -r; pub -t w/2/x -m 2 -r; sub -t "w/+/x" -C 2 -v | sort'
use version-5 through five props -V 5
use json eval 'pub -t j -m "{\"a\":1}" -r; sub -t j -C 1 -F "%t %q %r %p"'
use system-topics eval 'sub -t "\$SYS/broker/version" -C 1'
use will eval '(sleep 1; client timeout -s KILL 2 mosquitto_sub -h $IP -t none --will-topic gone --will-payload bye) >/dev/null 2>&1 & sub -t gone -C 1 -W 10; wait'
use request-response eval '(sleep 1; client mosquitto_rr -h $IP -t ask -e answer -m q -W 2 >/dev/null 2>&1) & sub -t ask -C 1 -W 8; wait'
use exec-pub-sub eval 'inside mosquitto_pub -t e -m inside -r; inside mosquitto_sub -t e -C 1 -W 3'
use exec-rr-help eval 'inside mosquitto_rr --help | head -n 1'
use exec-version eval 'inside mosquitto -h | head -n 1'
use logs eval 'logs | grep -oE "New (client connected|connection) from" | sort -u'
signal HUP
use reload eval 'logs | grep -c "Reloading config"'

own <<'Y'
persistence true
persistence_location /mosquitto/data/
log_dest file /mosquitto/log/mosquitto.log
log_type all
log_timestamp_format %Y-%m-%dT%H:%M:%S
listener 1883
allow_anonymous true
Y
use persistence eval 'pub -t keep -m saved -r -q 1; restart; sub -t keep -C 1'
use log-file eval 'docker cp "$C:/mosquitto/log/mosquitto.log" - | tar -xO | grep -oE "mosquitto version [0-9.]+ (running|terminating)" | sort -u'
use saved-file inside sh -c 'test -s /mosquitto/data/mosquitto.db && echo saved'

: >"$T/passwords"
conf own.conf <<'Y'
listener 1883
allow_anonymous false
password_file /mosquitto/config/passwords
acl_file /mosquitto/config/acl
Y
conf acl <<'Y'
user ann
topic readwrite open/#
pattern readwrite own/%u/#
Y
mkdir "$T/config" && cp "$T/own.conf" "$T/config/mosquitto.conf" && cp "$T/acl" "$T/config" && chmod -R a+rwX "$T/config"
use passwd once -v "$T/config:/mosquitto/config" "$IMAGE" mosquitto_passwd -c -b /mosquitto/config/passwords ann word
start 1883 -v "$T/config:/mosquitto/config" "$IMAGE"
use password through open/a secret -u ann -P word
use password-wrong pub -t a -m b -u ann -P no
use anonymous-refused pub -t a -m b
use acl eval 'pub -t own/ann/x -m mine -r -u ann -P word; pub -t own/bob/x -m his -r -u ann -P word; sub -u ann -P word -t "own/#" -C 2 -v'
use exec-passwd-add eval 'inside mosquitto_passwd -b /mosquitto/config/passwords bob other && inside mosquitto_passwd -D /mosquitto/config/passwords ann && signal HUP; pub -t own/bob/x -m b -u bob -P other; pub -t x -m y -u ann -P word'

cert
port=8883
own <<'Y'
listener 8883
allow_anonymous true
certfile /t/cert.pem
keyfile /t/key.pem
tls_version tlsv1.2
Y
use tls through s/t over-tls --cafile /t/cert.pem --insecure
use tls-handshake eval 'openssl s_client -connect $IP:8883 -CAfile $T/cert.pem </dev/null 2>/dev/null | grep -E "Verif(ication|y return)"'
own <<'Y'
listener 8883
certfile /t/cert.pem
keyfile /t/key.pem
cafile /t/cert.pem
require_certificate true
use_identity_as_username true
Y
use client-certificate through s/t named --cafile /t/cert.pem --cert /t/cert.pem --key /t/key.pem --insecure
use client-certificate-missing eval 'pub -t a -m b --cafile /t/cert.pem --insecure >/dev/null 2>&1 || echo refused'
printf 'dev1:0123456789abcdef\n' >"$T/psk"
chmod 644 "$T/psk"
own <<'Y'
listener 8883
allow_anonymous true
psk_hint hint
psk_file /t/psk
Y
use psk through s/t shared --psk 0123456789abcdef --psk-identity dev1
port=''

own <<'Y'
listener 1883
allow_anonymous true
listener 9001
protocol websockets
http_dir /t
Y
websocket() {
  curl -s -m 2 -D - -o /dev/null -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Protocol: mqtt' \
    -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' "http://$IP:9001/mqtt" | tr -d '\r' | grep -iE '^(http|sec-websocket-(accept|protocol))'
}
echo page >"$T/page.html"
use websockets websocket
use websockets-files curl -s -m 5 "http://$IP:9001/page.html"
conf own.conf <<'Y'
per_listener_settings false
listener 1883
plugin /usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so
plugin_opt_config_file /mosquitto/data/dynamic-security.json
Y
D=$(volume data)
use ctrl-init once -v "$D:/mosquitto/data" "$IMAGE" mosquitto_ctrl dynsec init /mosquitto/data/dynamic-security.json admin pw
start 1883 -v "$D:/mosquitto/data" -v "$T/own.conf:$CONF:ro" "$IMAGE"
use ctrl-clients inside mosquitto_ctrl -u admin -P pw dynsec listClients
use ctrl-roles eval 'inside mosquitto_ctrl -u admin -P pw dynsec createRole reader; inside mosquitto_ctrl -u admin -P pw dynsec listRoles'
use ctrl-refused pub -t a -m b

start 1883 "$IMAGE" mosquitto -c /mosquitto-no-auth.conf
BROKER=$IP
conf bridge.conf <<Y
listener 1884
allow_anonymous true
connection up
address $BROKER:1883
topic # both 0
bridge_protocol_version mqttv311
Y
use bridge eval 'run -d --name $C-bridge -v $T/bridge.conf:$CONF:ro $IMAGE >/dev/null; sleep 3; O=$(docker inspect -f "{{.NetworkSettings.IPAddress}}" $C-bridge); (sleep 2; client mosquitto_pub -h $O -p 1884 -t over -m bridged) & sub -t over -C 1 -W 8; wait'
own --user 1000 --read-only --tmpfs /mosquitto/data:uid=1000 --tmpfs /mosquitto/log:uid=1000 --init -e LANG=C.UTF-8 -e TZ=Europe/Berlin <<'Y'
listener 1883
allow_anonymous true
max_connections 10
max_inflight_messages 2
message_size_limit 20
persistent_client_expiration 1d
Y
use read-only-user-init through a b
use size-limit pub -t a -m 'more than twenty bytes of text' -q 1
use init-stop stop
