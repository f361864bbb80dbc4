#!/bin/sh
# Make the database at the first start, without a password for root.
set -e
[ -d /var/lib/mysql/mysql ] ||
    mariadb-install-db --user=mysql --auth-root-authentication-method=normal --skip-test-db >/dev/null
exec "$@"
