#!/bin/sh
# FTP_USER and FTP_PASSWORD add an account.
set -e
if [ -n "${FTP_USER:-}" ] && ! id "$FTP_USER" >/dev/null 2>&1; then
  useradd -m -s /bin/sh "$FTP_USER"
  echo "$FTP_USER:${FTP_PASSWORD:?}" | chpasswd
fi
exec "$@"
