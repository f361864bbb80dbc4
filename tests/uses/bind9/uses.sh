#!/bin/bash
. "$(dirname "$0")/../functions.sh"
ask() { client dig "@$IP" +time=2 +tries=1 +nocookie "$@"; }
short() { ask +short "$@" | sort; }
answer() { ask +noall +answer +comments "$@" | grep -oE 'status: [A-Z]+|flags: [a-z ]+|^[^;].*' | tr '\t' ' '; }
conf() { # conf [OPTION...]: start with the configuration on standard input
  { printf 'include "/etc/bind/rndc.key";\ncontrols { inet 127.0.0.1 port 953 allow { 127.0.0.1; } keys { "rndc-key"; }; };\n' && cat; } >"$T/named.conf"
  chmod 644 "$T/named.conf"
  start 53 -v "$T/named.conf:/etc/bind/named.conf:ro" -v "$T:/t:ro" "$@" "$IMAGE"
}
cat >"$T/own.zone" <<'Y'
$TTL 300
@ IN SOA ns.own.test. admin.own.test. 1 3600 600 86400 60
  IN NS ns
  IN MX 10 mail
  IN TXT "v=spf1 -all"
ns IN A 192.0.2.1
www IN A 192.0.2.2
www IN AAAA 2001:db8::2
alias IN CNAME www
mail IN A 192.0.2.3
_sip._tcp IN SRV 1 2 5060 www
*.wild IN A 192.0.2.9
Y
printf '$TTL 300\n@ IN SOA ns.own.test. a.own.test. 1 1 1 1 1\n IN NS ns.own.test.\n2 IN PTR www.own.test.\n' >"$T/reverse.zone"
chmod 644 "$T"/*

start 53 "$IMAGE"
use start state
use localhost short localhost
use localhost-reverse short -x 127.0.0.1
use local-zones answer 255.in-addr.arpa SOA
use version short -c CH -t TXT version.bind
use server-id short -c CH -t TXT id.server
use rfc1918-empty answer -x 10.1.2.3
use tcp short +tcp localhost
use exec-dig inside dig +short @127.0.0.1 localhost
use exec-nslookup eval 'inside nslookup localhost 127.0.0.1 | tail -n 3'
use exec-host-conf inside named-checkconf
use exec-checkconf-p eval 'inside named-checkconf -p | head -n 4'
use exec-rndc-status eval 'inside rndc status | grep -E "^(number of zones|query logging|server is)"'
use exec-rndc-flush inside rndc flush
use exec-rndc-querylog eval 'inside rndc querylog on; short localhost >/dev/null; logs | grep -oE "query: localhost IN A .E?" | head -n 1'
use exec-rndc-stats eval 'inside rndc stats && docker cp "$C:/var/cache/bind/named.stats" - | tar -xO | grep -c "Statistics Dump"'
use exec-rndc-dumpdb eval 'inside rndc dumpdb -all; sleep 1; docker cp "$C:/var/cache/bind/named_dump.db" - | tar -xO | grep -c "Start view"'
use exec-named-version eval 'inside named -v; inside named -V | grep -cE "linked to"'
use exec-reload inside rndc reload
use exec-tsig-keygen eval 'inside tsig-keygen -a hmac-sha256 own | sed "s/secret .*/secret/"'
use exec-keygen eval 'inside dnssec-keygen -K /tmp -a ECDSAP256SHA256 -f KSK own.test 2>/dev/null | sed "s/+[0-9]*$//"'
use stop stop
restart
use restart short localhost

conf <<'Y'
options { directory "/var/cache/bind"; recursion no; allow-transfer { any; }; listen-on { any; }; };
zone "own.test" { type primary; file "/t/own.zone"; };
zone "2.0.192.in-addr.arpa" { type primary; file "/t/reverse.zone"; };
Y
use zone-a answer www.own.test
use zone-records eval 'short own.test MX; short own.test TXT; short _sip._tcp.own.test SRV; short x.wild.own.test; short alias.own.test'
use zone-reverse short -x 192.0.2.2
use zone-missing answer none.own.test
use refused answer other.test
use transfer eval 'ask own.test AXFR | grep -c "IN"'
use exec-checkzone inside named-checkzone own.test /t/own.zone
use exec-compilezone eval 'inside named-compilezone -q -o - -s full 2.0.192.in-addr.arpa /t/reverse.zone'

client tsig-keygen -a hmac-sha256 update >"$T/update.key"
conf <<'Y'
options { directory "/var/cache/bind"; recursion no; };
include "/t/update.key";
zone "own.test" { type primary; file "/var/lib/bind/own.zone"; allow-update { key update; }; dnssec-policy default; inline-signing yes; };
Y
docker cp "$T/own.zone" "$C:/var/lib/bind/own.zone" >/dev/null
docker exec --user 0 "$C" chown bind /var/lib/bind/own.zone 2>/dev/null
use reload-zone eval 'inside rndc reconfig; inside rndc reload >/dev/null; sleep 2; short www.own.test'
use update eval 'printf "server $IP\nzone own.test\nupdate add new.own.test 60 A 192.0.2.77\nsend\n" >$T/u; client nsupdate -k /t/update.key /t/u; short new.own.test'
use exec-nsupdate eval 'printf "server 127.0.0.1\nzone own.test\nupdate add two.own.test 60 A 192.0.2.78\nsend\n" | inside nsupdate -k /t/update.key; short two.own.test'
use dnssec eval 'sleep 2; answer +dnssec www.own.test | grep -oE "IN (A|RRSIG A 13)" | sort'
use dnskey eval 'short own.test DNSKEY | cut -d" " -f1-3'
use exec-rndc-signing eval 'inside rndc dnssec -status own.test | grep -oE "dnssec-policy: .*|key signing: .*" | sed "s/since.*//"'
use exec-rndc-freeze eval 'inside rndc sync -clean; inside rndc freeze own.test && inside rndc thaw own.test'
use exec-dsfromkey eval 'docker cp "$C:/var/cache/bind" "$T/cache"; cat "$T"/cache/K*.key | inside dnssec-dsfromkey -f - own.test | cut -d" " -f1-3,5,6'

conf -e TZ=Europe/Berlin <<'Y'
acl inner { 127.0.0.0/8; };
logging {
  channel own { file "/var/log/bind/query.log" versions 2 size 1m; print-time iso8601; print-category yes; severity info; };
  category queries { own; };
  category rpz { own; };
  category default { own; default_stderr; };
};
options { directory "/var/cache/bind"; recursion yes; allow-recursion { any; }; dnssec-validation auto; rate-limit { responses-per-second 50; };
  response-policy { zone "rpz"; } qname-wait-recurse no; };
statistics-channels { inet 0.0.0.0 port 8053 allow { any; }; };
view "inner" { match-clients { inner; }; zone "own.test" { type primary; file "/t/own.zone"; }; zone "rpz" { type primary; file "/t/rpz.zone"; }; };
view "outer" { match-clients { any; };
  zone "rpz" { type primary; file "/t/rpz.zone"; };
  zone "fwd.test" { type forward; forward only; forwarders { 127.0.0.1; }; };
  zone "." { type hint; file "/usr/share/dns/root.hints"; }; };
Y
printf '$TTL 60\n@ SOA localhost. a. 1 1 1 1 1\n NS localhost.\nbad.test CNAME .\nwalled.test A 192.0.2.66\n' >"$T/rpz.zone"
chmod 644 "$T/rpz.zone"
restart
inside rndc querylog on >/dev/null
use view-outer eval 'answer www.own.test | head -n 1'
use view-inner inside dig +short @127.0.0.1 www.own.test
use policy-zone eval 'answer bad.test; short walled.test'
use query-log eval 'docker cp "$C:/var/log/bind/query.log" - | tar -xO | grep -oE "query: bad.test IN A" | head -n 1'
use statistics-json eval 'curl -s -m 5 "http://$IP:8053/json/v1/status" | jq -r ".[\"json-stats-version\"]"'
use statistics-xml eval 'curl -s -m 5 "http://$IP:8053/xml/v3/server" | head -c 60'
use statistics-xsl eval 'curl -s -m 5 -o /dev/null -w "%{http_code} %{content_type}" "http://$IP:8053/bind9.xsl"'

cert
conf <<'Y'
tls own { cert-file "/t/cert.pem"; key-file "/t/key.pem"; };
http own { endpoints { "/dns-query"; }; };
options { directory "/var/cache/bind"; recursion no; listen-on { any; }; listen-on port 853 tls own { any; }; listen-on port 443 tls own http own { any; }; };
zone "own.test" { type primary; file "/t/own.zone"; };
Y
use dns-over-tls short +tls -p 853 www.own.test
use dns-over-https short +https=/dns-query -p 443 www.own.test

conf -e BIND9_USER=bind <<'Y'
options { directory "/var/cache/bind"; recursion no; allow-transfer { any; }; allow-query { any; };  };
zone "own.test" { type primary; file "/t/own.zone"; };
Y
PRIMARY=$IP
mkdir "$T/second" && printf 'options { directory "/var/cache/bind"; recursion no; };\nzone "own.test" { type secondary; primaries { %s; }; file "/var/cache/bind/own.zone"; masterfile-format text; };\n' "$PRIMARY" >"$T/second/named.conf"
chmod -R a+rX "$T/second"
secondary() {
  run -d --name "$C-second" -v "$T/second/named.conf:/etc/bind/named.conf:ro" "$IMAGE" >/dev/null
  sleep 3
  client dig +short "@$(docker inspect -f '{{.NetworkSettings.IPAddress}}' "$C-second")" www.own.test
  docker cp "$C-second:/var/cache/bind/own.zone" - | tar -xO | grep -c own.test
  docker rm -fv "$C-second" >/dev/null
}
use environment-user eval 'docker top "$C" -eo pid,uid,comm | tail -n 1 | cut -c8-'
use secondary secondary
start 53 "$IMAGE" -f -4 -n 1 -L /var/log/bind/own.log
use options eval 'short localhost; docker cp "$C:/var/log/bind/own.log" - | tar -xO | grep -c running'
printf 'options { directory "/tmp"; pid-file "/tmp/named.pid"; session-keyfile "/tmp/s.key"; listen-on port 5353 { any; }; recursion no; };\nzone "own.test" { type primary; file "/t/own.zone"; };\n' >"$T/user.conf"
chmod 644 "$T/user.conf"
start 5353 --user 1000 --read-only --tmpfs /tmp --tmpfs /run --init -e LANG=C.UTF-8 -v "$T:/t:ro" "$IMAGE" -g -c /t/user.conf
use read-only-user-init short -p 5353 www.own.test
use init-stop stop
