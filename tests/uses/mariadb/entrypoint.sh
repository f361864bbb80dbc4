#!/bin/bash
# Set up a new database by the environment and by /docker-entrypoint-initdb.d, then run the server as mysql.
set -eo pipefail
shopt -s nullglob

data=/var/lib/mysql
socket=/run/mysqld/mysqld.sock
say() { echo "entrypoint: $*" >&2; }

# Each value may be in a file, whose name is in NAME_FILE.
for name in MARIADB_ROOT_PASSWORD MARIADB_DATABASE MARIADB_USER MARIADB_PASSWORD; do
    file=${name}_FILE
    if [ -n "${!file}" ]; then export "$name=$(<"${!file}")"; fi
done

sql() { mariadb --protocol=socket --socket="$socket" -uroot ${root_password:+"-p$root_password"} "$@"; }

scripts() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        say "$file"
        case $file in
        *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
        *.sql) sql "$MARIADB_DATABASE" <"$file" ;;
        *.sql.gz) gunzip -c "$file" | sql "$MARIADB_DATABASE" ;;
        *.sql.xz) xz -dc "$file" | sql "$MARIADB_DATABASE" ;;
        *.sql.zst) zstd -dcq "$file" | sql "$MARIADB_DATABASE" ;;
        *) say "not used: $file" ;;
        esac
    done
}

setup() {
    mariadb-install-db --datadir="$data" --skip-test-db --auth-root-authentication-method=normal >/dev/null
    "$@" --skip-networking --socket="$socket" --skip-log-bin &
    local server=$! turn
    for turn in {1..60}; do
        if sql -e 'SELECT 1' >/dev/null 2>&1; then break; fi
        kill -0 "$server"
        sleep 0.5
    done
    if [ -z "$MARIADB_INITDB_SKIP_TZINFO" ]; then
        mariadb-tzinfo-to-sql --skip-write-binlog /usr/share/zoneinfo 2>/dev/null | sql mysql
    fi
    if [ -n "$MARIADB_RANDOM_ROOT_PASSWORD" ]; then
        MARIADB_ROOT_PASSWORD=$(pwgen -1 32)
        say "root password: $MARIADB_ROOT_PASSWORD"
    fi
    sql <<SQL
ALTER USER root@localhost IDENTIFIED BY '$MARIADB_ROOT_PASSWORD';
DELETE FROM mysql.global_priv WHERE user = 'root' AND host <> 'localhost';
FLUSH PRIVILEGES;
CREATE USER root@'%' IDENTIFIED BY '$MARIADB_ROOT_PASSWORD';
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
CREATE USER healthcheck@localhost IDENTIFIED BY 'healthcheck';
SQL
    root_password=$MARIADB_ROOT_PASSWORD
    if [ -n "$MARIADB_DATABASE" ]; then sql -e "CREATE DATABASE \`$MARIADB_DATABASE\`"; fi
    if [ -n "$MARIADB_USER" ]; then
        sql -e "CREATE USER '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD'"
        if [ -n "$MARIADB_DATABASE" ]; then sql -e "GRANT ALL ON \`$MARIADB_DATABASE\`.* TO '$MARIADB_USER'@'%'"; fi
    fi
    scripts
    mariadb-admin --socket="$socket" -uroot ${root_password:+"-p$root_password"} shutdown
    wait "$server"
    say 'the database is ready'
}

case $1 in -*) set -- mariadbd "$@" ;; esac
if [ "$1" = mariadbd ]; then
    if [ "$(id -u)" = 0 ]; then
        find "$data" /run/mysqld \! -user mysql -exec chown mysql: {} +
        exec gosu mysql "$0" "$@"
    fi
    if [ ! -d "$data/mysql" ]; then
        if [ -z "$MARIADB_ROOT_PASSWORD$MARIADB_RANDOM_ROOT_PASSWORD$MARIADB_ALLOW_EMPTY_ROOT_PASSWORD" ]; then
            say 'set MARIADB_ROOT_PASSWORD, MARIADB_RANDOM_ROOT_PASSWORD or MARIADB_ALLOW_EMPTY_ROOT_PASSWORD'
            exit 1
        fi
        setup "$@"
    elif [ -n "$MARIADB_AUTO_UPGRADE" ]; then
        say 'upgrade as needed'
    fi
fi
exec "$@"
