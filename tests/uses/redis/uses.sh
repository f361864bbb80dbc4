#!/bin/bash
. "$(dirname "$0")/../functions.sh"
cli() { client redis-cli -h 127.0.0.1 "$@"; } # from another container
mine() { inside redis-cli "$@"; }             # the container's own client
piped() { printf '%s\n' "$@" | docker exec -i "$C" redis-cli; }
types() { piped 'rpush l a b c' 'sadd s x y' 'zadd z 1 a 2 b' 'hset h f 1 g 2' 'lrange l 0 -1' 'zrevrange z 0 -1 withscores' 'hgetall h' 'pfadd p a b' 'pfcount p' 'setbit b 7 1' 'bitcount b' 'geoadd g 13.36 38.11 P 15.08 37.50 C' 'geodist g P C km'; }
streams() { piped 'xadd st 1-1 f v' 'xgroup create st grp 0' 'xreadgroup group grp me count 1 streams st >' 'xack st grp 1-1' 'xlen st'; }
transaction() { piped multi 'incr n' 'incr n' exec 'getex n ex 100' 'object encoding n'; }
publish() {
  timeout 4 docker exec "$C" redis-cli subscribe news >"$T/heard" &
  sleep 1.5
  mine publish news hello
  wait $! || true
  cat "$T/heard"
}
lua() {
  mine eval 'local t = cjson.decode(ARGV[1]); redis.call("set", KEYS[1], t.a); return {redis.call("get", KEYS[1]), cmsgpack.unpack(cmsgpack.pack(5)), bit.band(6, 3), redis.sha1hex("")}' 1 k '{"a": 7}'
  printf '#!lua name=own\nredis.register_function("twice", function(keys, args) return args[1] * 2 end)\n' | docker exec -i "$C" redis-cli -x function load replace
  mine fcall twice 0 21
}
acl() {
  mine acl setuser ann on '>word' '~note:*' +@string
  piped 'auth ann word' 'set note:1 x' 'set other x' 'get note:1' 'keys *'
  mine acl getuser ann | grep -A1 -E '^(keys|commands)$'
}
rdb() {
  inside redis-cli --rdb /tmp/copy.rdb >/dev/null 2>&1
  inside redis-check-rdb /tmp/copy.rdb | grep -oE 'RDB looks OK|[0-9]+ keys read'
}
benchmark() { inside redis-benchmark -q -n 200 -c 5 -t ping,set,lpush | tr '\r' '\n' | grep -oE '^[A-Z_]+: .*per second' | cut -d : -f 1 | sort -u; }
aof_files() { inside redis-check-aof appendonlydir/appendonly.aof.manifest | tail -n 1; }
save() { mine bgsave && sleep 1 && mine info persistence | grep -c rdb_last_bgsave_status:ok; }
replicate() { # the second server follows the one under test; a write to the first arrives at the second
  run -d --name "$C-replica" --link "$C:leader" "$IMAGE" redis-server --replicaof leader 6379 --protected-mode no >/dev/null
  sleep 3
  mine set shared value
  mine wait 1 5000
  docker exec "$C-replica" redis-cli get shared
  docker exec "$C-replica" redis-cli info replication | grep -E 'role|link_status'
  docker exec "$C-replica" redis-cli set shared other
  docker rm -f "$C-replica" >/dev/null
}
cluster() { # one server for all slots
  mine cluster addslotsrange 0 16383
  sleep 2
  mine -c set '{a}b' c
  mine cluster info | head -n 2
}

data=$(volume data)
start 6379 -v "$data:/data" "$IMAGE"
use ping cli ping
use types types
use streams streams
use transaction transaction
use publish publish
use lua lua
use acl acl
use exec-info eval 'mine info server | grep -E "redis_version|redis_mode|tcp_port"'
use exec-cli-modes eval 'mine --csv lrange l 0 -1; mine --scan --pattern "z*"; mine --json hgetall h; mine -3 smismember s x q; mine --bigkeys | grep -c summary'
use exec-mass-insert eval 'printf "SET m1 a\r\nSET m2 b\r\n" | docker exec -i "$C" redis-cli --pipe | tail -n 1'
use exec-benchmark benchmark
use exec-rdb rdb
use exec-config eval 'mine config set maxmemory 64mb; mine config get maxmemory; mine config set appendonly yes'
use exec-memory eval 'mine memory usage l; mine memory doctor | cut -d , -f 1; mine latency latest; mine module list; mine dbsize; mine slowlog reset'
use bgsave save
restart
use restart eval 'mine lrange l 0 -1; mine fcall twice 0 4'
use logs eval 'logs | grep -oE "Ready to accept connections|DB loaded from disk" | sort -u'
use stop stop

start 6379 -v "$data:/data" "$IMAGE" redis-server --appendonly yes --protected-mode no
mine set kept 1 >/dev/null
mine bgrewriteaof >/dev/null
sleep 2
use aof-files aof_files
restart
use aof-restart mine get kept
start 6379 "$IMAGE" --protected-mode no --save '' --io-threads 2
use replication replicate
start 6379 "$IMAGE" --cluster-enabled yes --protected-mode no
use cluster cluster
printf 'port 6380\nbind * -::*\nrequirepass word\nmaxmemory 32mb\nmaxmemory-policy allkeys-lru\nnotify-keyspace-events KEA\nrename-command FLUSHALL ""\nuser bob on >pw ~* +@read\nlogfile ""\nsyslog-enabled no\n' >"$T/redis.conf"
chmod 644 "$T/redis.conf"
start 6380 -v "$T/redis.conf:/usr/local/etc/redis/redis.conf:ro" --health-cmd 'redis-cli -p 6380 -a word ping' --health-interval 1s "$IMAGE" redis-server /usr/local/etc/redis/redis.conf
use own-conf eval 'for command in "get x" "config get maxmemory-policy" flushall "acl whoami"; do cli -p 6380 -a word --no-auth-warning $command; done; cli -p 6380 --user bob --pass pw --no-auth-warning set x 1'
use own-conf-no-password cli -p 6380 ping
use health health
cert
start 6379 -v "$T:/certs:ro" "$IMAGE" --tls-port 6379 --port 0 --tls-cert-file /certs/cert.pem --tls-key-file /certs/key.pem --tls-ca-cert-file /certs/cert.pem --tls-auth-clients optional
use tls inside redis-cli --tls --cacert /certs/cert.pem -h localhost set x y
use cli-entrypoint once --entrypoint redis-cli "$IMAGE" --version
use server-version eval 'once "$IMAGE" redis-server --version | cut -d " " -f 1-3'
use sentinel eval 'printf "sentinel monitor main 127.0.0.1 6379 1\n" >"$T/s.conf"; chmod 666 "$T/s.conf"; once -v "$T/s.conf:/tmp/s.conf" "$IMAGE" sh -c "redis-server /tmp/s.conf --sentinel >/dev/null & until redis-cli -p 26379 ping; do :; done >/dev/null 2>&1; redis-cli -p 26379 sentinel get-master-addr-by-name main"'
start 6379 --read-only --user 1000 --init --tmpfs /data:uid=1000 -e LANG=C.UTF-8 -e TZ=Europe/Berlin "$IMAGE"
use read-only-user-TZ eval 'mine set a b; mine save; [ "$(logs | grep Ready | grep -oE "[0-9]{2}:" | head -n 1)" = "$(TZ=Europe/Berlin date +%H:)" ] && echo same hour'
