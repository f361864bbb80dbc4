#!/bin/sh
# Options alone are options of haproxy; it runs as master with workers, so that signal USR2 makes it load its configuration.
set -e
case ${1:-} in -*) set -- haproxy "$@" ;; esac
if [ "$1" = haproxy ]; then
  shift
  set -- haproxy -W -db "$@"
fi
exec "$@"
