#!/bin/sh
# BIND9_USER: the user that named runs as. Words are options of named.
set -e
if [ "${1#-}" != "$1" ] || [ $# = 0 ]; then
  if [ "$(id -u)" = 0 ]; then
    set -- -u "${BIND9_USER:-bind}" "$@"
  fi
  set -- /usr/sbin/named "$@"
fi
exec "$@"
