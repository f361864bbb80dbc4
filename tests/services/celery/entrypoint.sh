#!/bin/sh
# The broker runs beside the worker.
redis-server --save '' --daemonize yes >/dev/null
exec "$@"
