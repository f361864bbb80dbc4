#!/bin/sh
# Root becomes the user of the broker, whose programs need its cookie.
set -e
if [ "$(id -u)" = 0 ] && [ "${1#rabbitmq}" != "$1" ]; then
  chown -R rabbitmq /var/lib/rabbitmq /var/log/rabbitmq
  exec setpriv --reuid rabbitmq --regid rabbitmq --init-groups "$0" "$@"
fi
exec "$@"
