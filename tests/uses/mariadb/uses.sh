#!/bin/bash
. "$(dirname "$0")/../functions.sh"
P=(-e MARIADB_ROOT_PASSWORD=pw -e MARIADB_DATABASE=shop -e MARIADB_USER=app -e MARIADB_PASSWORD=secret)
FAST=(-e MARIADB_ROOT_PASSWORD=pw -e MARIADB_INITDB_SKIP_TZINFO=1) # without the time zones, which take a while to load
sql() { client mariadb -h 127.0.0.1 -uroot -ppw --default-character-set=utf8mb4 -BN -e "$1"; } # from another container
mine() { inside mariadb -uroot -ppw -BN "$@"; }                                                # the container's own client
dump() { inside mariadb-dump -uroot -ppw --skip-comments "$@"; }
move() { # a dump of one database, read into another one by the image's own clients
  mine -e 'create database moved' && dump --routines --triggers shop >"$T/dump.sql"
  docker exec -i "$C" mariadb -uroot -ppw moved <"$T/dump.sql" && mine -e 'select count(*), sum(n) from moved.a; show triggers in moved' | cut -f 1-3
}
backup() { inside sh -c 'mariadb-backup --backup --user=root --password=pw --target-dir=/tmp/backup 2>&1 | tail -n 1 | cut -d" " -f 4- && mariadb-backup --prepare --target-dir=/tmp/backup 2>&1 | tail -n 1 | cut -d" " -f 4-'; }
outfile() { inside sh -c 'mariadb -uroot -ppw -e "select 1, \"x\" into outfile \"/tmp/out.csv\" fields terminated by \",\"" && cat /tmp/out.csv'; }
load() { inside sh -c 'printf "5,five\n6,six\n" >/tmp/in.csv && mariadb -uroot -ppw --local-infile=1 shop -BN -e "create table l (n int, t text); load data local infile \"/tmp/in.csv\" into table l fields terminated by \",\"; select * from l"'; }
data=$(volume data)
start 3306 -v "$data:/var/lib/mysql" "${P[@]}" "$IMAGE"
use query sql 'use shop; create table a (n int primary key, t text); insert into a values (1, "ä"), (2, "ß"); create trigger plus before insert on a for each row set new.n = new.n + 10; select sum(n), upper(max(t)) from a'
use user-and-database client mariadb -h 127.0.0.1 -uapp -psecret shop -BN -e 'select current_user(), count(*) from a'
use wrong-password client mariadb -h 127.0.0.1 -uapp -pbad shop -e 'select 1'
use engines sql 'install soname "ha_archive"; create table shop.e1 (n int) engine=aria; create table shop.e2 (n int) engine=myisam; create table shop.e3 (n int not null) engine=csv; create table shop.e4 (n int) engine=archive; select engine from information_schema.tables where table_schema="shop" and table_name like "e_" order by 1'
use plugins sql 'install soname "auth_ed25519"; install soname "simple_password_check"; install soname "server_audit"; install soname "metadata_lock_info"; install soname "ha_blackhole"; install soname "query_response_time"; select plugin_name from information_schema.plugins where plugin_library is not null and plugin_status="ACTIVE" order by 1; create user ed identified via ed25519 using password("Long-9-word"); select plugin from mysql.global_priv, json_table(priv, "$" columns (plugin text path "$.plugin")) j where user="ed"'
use time-zone sql 'set time_zone = "Asia/Kolkata"; select convert_tz("2024-07-01 12:00", "UTC", "Europe/Berlin"), from_unixtime(0); set lc_time_names = "fr_FR"; select monthname("2024-02-01")'
use character-sets sql 'create database old character set latin1; select hex(convert("äß" using cp850)), hex(convert("日本" using sjis)), hex(convert("中" using gb2312)), "ä" = "a" collate utf8mb4_german2_ci, "ß" = "ss" collate utf8mb4_unicode_ci'
use messages sql 'set lc_messages = "de_DE"; select * from shop.none'
use full-text sql 'create table shop.f (t text, fulltext (t)) engine=innodb; insert into shop.f values ("quick brown fox"), ("lazy dog"); select t from shop.f where match (t) against ("fox")'
use functions sql 'select json_value("{\"a\": 5}", "$.a"), sha2("a", 256), length(compress(repeat("a", 1000))), regexp_replace("abc", "b", "x"), st_astext(st_centroid(st_geomfromtext("polygon((0 0,2 0,2 2,0 2,0 0))"))), aes_decrypt(aes_encrypt("t", "k"), "k")'
use exec-admin eval 'inside mariadb-admin -uroot -ppw ping; inside mariadb-admin -uroot -ppw extended-status | grep -c Innodb_'
use exec-dump move
use exec-dump-all eval 'dump --all-databases --single-transaction --events --flush-privileges | grep -E "^(USE|CREATE DATABASE)"'
use exec-check inside mariadb-check -uroot -ppw --databases shop --analyze
use exec-upgrade eval 'inside mariadb-upgrade -uroot -ppw --force | grep -E "^(Phase|OK)"'
use exec-import eval 'inside sh -c "printf \"30\tx\n\" >/tmp/a.txt && mariadb-import -uroot -ppw --local shop /tmp/a.txt"'
use exec-tzinfo eval 'inside mariadb-tzinfo-to-sql /usr/share/zoneinfo/Asia/Tokyo Asia/Tokyo | grep -c INSERT'
use exec-backup backup
use exec-files eval 'outfile; load'
use exec-defaults eval 'mine -e "show variables like \"log_bin\"" && inside mariadbd --help --verbose 2>/dev/null | grep -E "^(port|character-set-server) "'
restart
use restart sql 'select count(*) from shop.a'
use stop stop
start 3306 -v "$data:/var/lib/mysql" "$IMAGE" --character-set-server=latin1 --collation-server=latin1_german1_ci --max-connections=17
use old-volume-arguments sql 'select count(*), @@character_set_server, @@max_connections from shop.a'

mkdir "$T/init" "$T/conf"
echo 'create table i (n int); insert into i values (1);' >"$T/init/1.sql"
echo 'insert into i values (2);' | gzip >"$T/init/2.sql.gz"
echo 'insert into i values (4);' | xz >"$T/init/3.sql.xz"
printf '#!/bin/sh\nmariadb -uroot -p"$MARIADB_ROOT_PASSWORD" "$MARIADB_DATABASE" -e "insert into i values (8)"\n' >"$T/init/4.sh"
chmod 755 "$T/init/4.sh"
printf secret >"$T/password"
printf '[mariadbd]\nlog-bin\nserver-id=3\nsql-mode=ANSI\ncollation-server=utf8mb4_german2_ci\ncharacter-set-server=utf8mb4\nplugin-load-add=server_audit\nslow-query-log\nlong-query-time=0\nlog-output=TABLE\nevent-scheduler=ON\n[mysql]\ndefault-character-set=utf8mb4\n' >"$T/conf/own.cnf"
chmod -R a+rX "$T"
start 3306 --health-cmd 'healthcheck.sh --connect --innodb_initialized' --health-interval 1s --health-retries 20 \
  -v "$T/init:/docker-entrypoint-initdb.d:ro" -v "$T/conf/own.cnf:/etc/mysql/mariadb.conf.d/99-own.cnf:ro" \
  -v "$T/password:/run/secrets/pw:ro" "${FAST[@]}" -e MARIADB_DATABASE=shop -e MARIADB_USER=app -e MARIADB_PASSWORD_FILE=/run/secrets/pw "$IMAGE"
use init-scripts client mariadb -h 127.0.0.1 -uapp -psecret shop -BN -e 'select sum(n) from i'
use own-conf sql "select @@sql_mode, @@collation_server, @@event_scheduler, count(*) > 0 from mysql.slow_log; show variables like 'server_audit_logging'; show master status"
use binlog eval 'mine -e "flush logs" && inside sh -c "mariadb-binlog /var/lib/mysql/*-bin.000001" | grep -c Rotate'
use health health
cert
start 3306 -v "$T/key.pem:/key.pem:ro" -v "$T/cert.pem:/cert.pem:ro" "${FAST[@]}" "$IMAGE" --ssl-cert=/cert.pem --ssl-key=/key.pem --require-secure-transport=ON
use tls client mariadb -h 127.0.0.1 -uroot -ppw --ssl -BN -e 'select variable_value from information_schema.session_status where variable_name = "ssl_version"'
start 3306 --init -e LANG=C.UTF-8 -e TZ=Europe/Berlin -e MARIADB_RANDOM_ROOT_PASSWORD=1 -e MARIADB_INITDB_SKIP_TZINFO=1 "$IMAGE"
use random-password-TZ eval 'inside mariadb -uroot -p"$(logs | sed -n "s/.*root password: //p")" -BN -e "select from_unixtime(0), @@system_time_zone"'
start 3306 --read-only --tmpfs /tmp --tmpfs /run/mysqld:mode=1777 --tmpfs /var/lib/mysql:mode=1777 --user 1000 "${FAST[@]}" "$IMAGE"
use read-only-user sql 'select 1 + 1'
use no-password eval 'once "$IMAGE" 2>&1 | tail -n 1'
