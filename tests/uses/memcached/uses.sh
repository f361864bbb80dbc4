#!/bin/bash
. "$(dirname "$0")/../functions.sh"
# tell TEXT: what the server replies to commands; TEXT is a format of printf
tell() {
  exec 3<>"/dev/tcp/$IP/$PORT" || return
  printf "$1quit\r\n" >&3
  timeout 5 cat <&3 | tr -d '\r'
}
udp() { # udp TEXT: the reply to one datagram
  exec 3<>"/dev/udp/$IP/$PORT"
  printf "\000\001\000\000\000\001\000\000$1" >&3
  timeout 3 dd bs=1400 count=1 status=none <&3 | tr -d '\000\001\r'
}
settings() { tell 'stats settings\r\n' | grep -E "STAT ($1) " | cut -d' ' -f2-; }
binary() { # binary HEX: the reply to a request of the binary protocol, in hex
  exec 3<>"/dev/tcp/$IP/$PORT"
  printf "$(printf %s "$1" | sed 's/../\\x&/g')" >&3
  timeout 2 cat <&3 | od -An -tx1 | tr -d ' \n'
}

start 11211 "$IMAGE"
use start state
use set-get tell 'set a 5 0 3\r\nabc\r\nget a b\r\n'
use add-replace tell 'add a 0 0 1\r\nx\r\nreplace a 0 0 1\r\ny\r\nappend a 0 0 1\r\nz\r\nget a\r\n'
use incr-decr tell 'set n 0 0 2\r\n10\r\nincr n 5\r\ndecr n 20\r\n'
use cas tell 'set c 0 0 1\r\n1\r\ncas c 0 0 1 999\r\n2\r\n'
use touch tell 'touch a 100\r\ngat 0 a\r\ndelete a\r\nget a\r\n'
use meta tell 'ms m 2 T90\r\nhi\r\nmg m s v t\r\nmd m\r\nmn\r\n'
use flush tell 'flush_all\r\nget n\r\n'
use version eval 'tell "version\r\n" | grep -c "^VERSION 1"'
use stats eval 'tell "stats\r\n" | grep -cE "STAT (pid|uptime|threads|bytes|curr_items) "'
use stats-slabs eval 'tell "set a 0 0 1\r\nx\r\nstats items\r\nstats slabs\r\n" | grep -cE "STAT (items:1:number|1:chunk_size)"'
use stats-sizes tell 'stats sizes\r\n'
use defaults settings 'maxbytes|maxconns|num_threads|item_size_max|udpport|evictions|binding_protocol'
use error tell 'none\r\nset a 0 0 2\r\ntoo long\r\n'
use watch eval 'exec 4<>/dev/tcp/$IP/$PORT; printf "watch fetchers mutations\r\n" >&4; sleep 0.3; tell "get zz\r\n" >/dev/null; timeout 2 cat <&4 | tr -d "\r" | sed "s/ts=.*key/key/; s/ clsid.*//"'
use binary-noop binary 800a00000000000000000000000000000000000000000000
use large eval 'head -c 900000 /dev/zero | tr "\0" x >$T/v; { printf "set big 0 0 900000\r\n"; cat $T/v; printf "\r\nget big\r\nquit\r\n"; } >$T/q; exec 3<>/dev/tcp/$IP/$PORT; cat $T/q >&3 & timeout 5 cat <&3 | wc -c'
use exec-version inside memcached -V
use exec-help eval 'inside memcached -h | head -n 1'
restart
use restart tell 'get a\r\n'
use stop stop

start 11211 "$IMAGE" memcached --memory-limit=128 --threads=2 --conn-limit=50 --max-item-size=2m
use long-options settings 'maxbytes|maxconns|num_threads|item_size_max'
start 11211 "$IMAGE" -m 32 -t 1 -U 11211 -F -v
use udp eval 'tell "set u 0 0 1\r\n7\r\n"; udp "get u\r\n"'
use flush-disabled tell 'flush_all\r\n'
start 11211 "$IMAGE" -vv
use verbose eval 'tell "get a\r\n" >/dev/null; logs | grep -oE "(<[0-9]+ get a|slab class +1: chunk size +[0-9]+)" | sed "s/[0-9]* get/get/"'
start 11211 "$IMAGE" -o modern,no_lru_crawler,hashpower=18,slab_automove=0 -f 1.5 -n 72
use extended settings 'hashpower_init|lru_crawler|slab_automove|growth_factor|chunk_size'
printf 'ann:word\nbob:other\n' >"$T/auth"
chmod 644 "$T/auth"
start 11211 -v "$T/auth:/auth:ro" "$IMAGE" -Y /auth
use auth-file tell 'get a\r\nset u 0 0 8\r\nann word\r\nget a\r\n'
cert
start 11211 -v "$T:/t:ro" "$IMAGE" -Z -o ssl_chain_cert=/t/cert.pem,ssl_key=/t/key.pem
use tls eval 'printf "set a 0 0 1\r\nx\r\nget a\r\nquit\r\n" | timeout 5 openssl s_client -quiet -CAfile $T/cert.pem -connect $IP:$PORT 2>/dev/null'
start 0 "$IMAGE" -s /tmp/own.sock -a 0777
use unix-socket inside sh -c 'test -S /tmp/own.sock && echo socket'
start 11211 -v "$(volume cache)":/cache --user 0 "$IMAGE" -u root -m 64 -o ext_path=/cache/ext:64m
use extstore eval 'tell "stats\r\n" | grep -E "STAT extstore_(page_size|objects_used|io_queue) "'
start 11211 --tmpfs /ram:mode=1777 "$IMAGE" -e /ram/memory -m 64
tell 'set kept 0 0 3\r\nyes\r\n' >/dev/null
use warm-restart eval 'signal USR1; sleep 1; state; logs | tail -n 2'
start 11211 "$IMAGE" -A -l 0.0.0.0
use shutdown eval 'tell "shutdown graceful\r\n"; sleep 1; state'
mkdir "$T/sasl"
printf 'mech_list: plain\nsasldb_path: /tmp/sasldb2\n' >"$T/sasl/memcached.conf"
chmod -R a+rX "$T/sasl"
start 11211 -e SASL_CONF_PATH=/etc/sasl2 -v "$T/sasl:/etc/sasl2:ro" "$IMAGE" -S -v
use sasl-mechanisms binary 802000000000000000000000000000000000000000000000
use exec-saslpasswd2 eval 'printf word | inside saslpasswd2 -p -c -a memcached -f /tmp/sasldb2 ann; inside sasldblistusers2 -f /tmp/sasldb2 | sed "s/@[^:]*/@host/"'
use sasl-refused binary 8021000500000000000000100000000000000000504c41494e00616e6e0077726f6e6721
start 11211 --user 1000 --read-only --init -e LANG=C.UTF-8 -e TZ=Europe/Berlin "$IMAGE" -m 16
use read-only-user-init tell 'set a 0 0 1\r\nx\r\nget a\r\n'
use init-stop stop
