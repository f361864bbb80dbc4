. "$(dirname "$0")/../functions.sh"
SETTLE=0
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 -subj /CN=localhost 2>/dev/null
chmod 644 "$T"/*
ctl() { timeout -k 5 60 docker exec "$C" rabbitmqctl -q "$@"; }
amqp() { python3 "$HERE/amqp.py" "$IP" "$@" 2>&1; }
exchange() { amqp "$@" && amqp "${@:1:3}"; }
# api PATH [CURL OPTION...]: the HTTP API of the management plugin
api() { get "/api$1" -u "${who:-guest:guest}" -H 'Content-Type: application/json' "${@:2}"; }
# broker PORT OPTION...: start, until all of the broker has started
broker() {
  start "$1" --hostname box "${@:2}"
  started
}
started() {
  local turn
  for ((turn = 0; turn < 60; turn++)); do
    docker logs --since "$(docker inspect -f '{{.State.StartedAt}}' "$C")" "$C" 2>&1 | grep -q 'Server startup complete' && break
    sleep 0.5
  done
}
docker volume create --label "$LABEL" "$C-data" >/dev/null

broker 5672 -v "$C-data:/var/lib/rabbitmq" "$IMAGE"
use start state
use amqp exchange guest guest work one two äöü
use amqp-wrong-password amqp guest no work
use status eval 'ctl status | grep -E "^(RabbitMQ version|Node name|Data directory|Interface: \[::\], port: 5672)" | cut -c1-60'
use ping eval 'inside rabbitmq-diagnostics -q ping'
use check-running inside rabbitmq-diagnostics -q check_running
use check-ports inside rabbitmq-diagnostics -q check_port_connectivity
use check-alarms inside rabbitmq-diagnostics -q check_local_alarms
use list-queues ctl list_queues name durable
use list-json eval 'ctl list_exchanges --formatter json | grep -o "{.*}" | sort'
use add-user eval 'ctl add_user ada secret && ctl set_permissions ada ".*" ".*" ".*" && ctl set_user_tags ada administrator && ctl list_users'
use new-user exchange ada secret work hello
use change-password eval 'ctl change_password ada other && ctl authenticate_user ada other'
use virtual-host eval 'ctl add_vhost shop && ctl list_vhosts name | sort'
use policy eval 'ctl set_policy expire "^tmp" "{\"expires\":60000}" --apply-to queues && ctl list_policies --formatter csv'
use parameter eval 'ctl set_global_parameter colour "\"blue\"" && ctl list_global_parameters | grep colour'
use limits ctl set_vhost_limits -p shop '{"max-connections": 5}'
use eval ctl eval 'crypto:hash(md5, <<"a">>).'
use environment-names eval 'ctl environment | grep -c "{rabbit,"'
use cluster-status eval 'ctl cluster_status | grep -E "^(Cluster name|Disk Nodes)"'
use plugins-list eval 'inside rabbitmq-plugins list -m -q | grep -E "^rabbitmq_(shovel|stomp|mqtt|federation|management)$"'
use plugin-enable eval 'inside rabbitmq-plugins -q enable rabbitmq_management | tail -n 2'
PORT=15672
U="http://$IP:15672"
sleep 2
use management status /
use management-script status /js/main.js
use api-whoami api /whoami
use api-queue api /queues/%2F/api -X PUT -d '{"durable":true,"arguments":{"x-max-length":10}}'
use api-publish api /exchanges/%2F/amq.default/publish -d '{"properties":{},"routing_key":"api","payload":"from the api","payload_encoding":"string"}'
use api-get eval 'api /queues/%2F/api/get -d "{\"count\":1,\"ackmode\":\"ack_requeue_false\",\"encoding\":\"auto\"}" | grep -o "\"payload\":\"[^\"]*\""'
use api-quorum-queue api /queues/%2F/quorum -X PUT -d '{"durable":true,"arguments":{"x-queue-type":"quorum"}}'
use api-stream eval 'api /queues/%2F/stream -X PUT -d "{\"durable\":true,\"arguments\":{\"x-queue-type\":\"stream\"}}"'
use api-health api /health/checks/alarms
use api-refused eval 'who=guest:no; api /whoami'
use api-definitions eval 'api /definitions | grep -o "\"users\":\[{\"name\":\"[a-z]*\""'
PORT=5672
use export-definitions eval 'ctl export_definitions - --format=json | grep -c "rabbit_version"'
amqp guest guest kept 'a message' >/dev/null
restart
started
use restart-keeps-messages amqp guest guest kept
use stop stop
broker 5672 -v "$C-data:/var/lib/rabbitmq" -e TZ=Europe/Berlin "$IMAGE"
use new-container-old-data ctl list_users

cat >"$T/own.conf" <<'X'
default_user = boss
default_pass = secret
default_vhost = shop
listeners.tcp.default = 5673
listeners.ssl.default = 5671
ssl_options.certfile = /t/cert.pem
ssl_options.keyfile = /t/key.pem
ssl_options.verify = verify_none
log.console.formatter = json
vm_memory_high_watermark.relative = 0.3
management.tcp.port = 15680
X
printf '[rabbitmq_management,rabbitmq_prometheus,rabbitmq_stomp,rabbitmq_mqtt,rabbitmq_shovel,rabbitmq_federation].\n' >"$T/enabled_plugins"
printf '[{rabbit, [{heartbeat, 33}]}].\n' >"$T/advanced.config"
chmod 644 "$T"/*
broker 5673 -v "$T:/t:ro" -v "$T/own.conf:/etc/rabbitmq/rabbitmq.conf:ro" -v "$T/enabled_plugins:/etc/rabbitmq/enabled_plugins:ro" \
  -v "$T/advanced.config:/etc/rabbitmq/advanced.config:ro" "$IMAGE"
use own-conf-user ctl list_users
use own-conf-advanced ctl eval 'application:get_env(rabbit, heartbeat).'
use own-conf-tls eval 'openssl s_client -connect "$IP:5671" -brief </dev/null 2>&1 | grep -E "^(Protocol|Peer)"'
use own-conf-json-log eval 'logs | grep -c "^{.*Server startup complete"'
use own-conf-listeners eval 'ctl status | grep -oE "port: [0-9]+" | sort'
stomp() {
  python3 - "$IP" <<'X'
import socket, sys
one = socket.create_connection((sys.argv[1], 61613), 5)
one.settimeout(5)
def frame(text): one.sendall(text.encode() + b"\0")
frame("CONNECT\naccept-version:1.2\nhost:shop\nlogin:boss\npasscode:secret\n\n")
print(one.recv(500).split(b"\n")[0].decode())
frame("SUBSCRIBE\nid:0\ndestination:/queue/s\nack:auto\n\n")
frame("SEND\ndestination:/queue/s\n\nby stomp")
print(one.recv(500).rstrip(b"\0\n").split(b"\n")[-1].decode())
X
}
use stomp stomp
mqtt() {
  python3 - "$IP" <<'X'
import socket, sys
one = socket.create_connection((sys.argv[1], 1883), 5)
one.settimeout(5)
words = b"\0\4MQTT\4\xc2\0\x3c" + b"".join(len(w).to_bytes(2, "big") + w for w in (b"me", b"shop:boss", b"secret"))
one.sendall(bytes([0x10, len(words)]) + words)
print(one.recv(10).hex())
one.sendall(b"\xc0\0")
print(one.recv(10).hex())
X
}
use mqtt mqtt
use prometheus eval "curl -s --noproxy '*' http://$IP:15692/metrics | grep -c '^rabbitmq_build_info'"
use own-conf-management eval "curl -s --noproxy '*' -u boss:secret http://$IP:15680/api/whoami"
broker 5672 -e RABBITMQ_DEFAULT_USER=env -e RABBITMQ_DEFAULT_PASS=pw -e RABBITMQ_NODENAME=mine@localhost \
  -e 'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-rabbit heartbeat 12' "$IMAGE"
use environment exchange env pw work hi
use environment-node-name eval 'inside rabbitmqctl -q -n mine@localhost eval "{node(), application:get_env(rabbit, heartbeat)}."'
printf '{"users":[{"name":"def","password":"pw","tags":"administrator"}],"vhosts":[{"name":"/"}],"permissions":[{"user":"def","vhost":"/","configure":".*","write":".*","read":".*"}],"queues":[{"name":"loaded","vhost":"/","durable":true,"auto_delete":false,"arguments":{}}]}' >"$T/definitions.json"
printf 'load_definitions = /t/definitions.json\n' >"$T/20-own.conf"
chmod 644 "$T"/*
broker 5672 -v "$T:/t:ro" -v "$T/20-own.conf:/etc/rabbitmq/conf.d/20-own.conf:ro" "$IMAGE"
use definitions eval 'ctl list_queues name; amqp def pw loaded x'
broker 5672 --init --read-only --tmpfs /tmp --tmpfs /var/lib/rabbitmq --tmpfs /var/log/rabbitmq "$IMAGE"
use read-only exchange guest guest work ro
broker 5672 --user rabbitmq "$IMAGE"
use user exchange guest guest work user
