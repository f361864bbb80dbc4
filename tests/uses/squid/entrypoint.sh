#!/bin/bash
# PROXY_USER and PROXY_PASSWORD: ask for a login. Words are options of squid.
set -e
mkdir -p /var/log/squid /var/spool/squid
if [ "$(id -u)" = 0 ]; then
  chmod 755 /var/log/squid
  chown -R proxy:proxy /var/log/squid /var/spool/squid
fi
if [ -n "$PROXY_USER" ]; then
  printf '%s:%s\n' "$PROXY_USER" "$(openssl passwd -apr1 "$PROXY_PASSWORD")" >/etc/squid/passwords
  printf '%s\n' 'auth_param basic program /usr/lib/squid/basic_ncsa_auth /etc/squid/passwords' 'auth_param basic realm proxy' \
    'acl users proxy_auth REQUIRED' 'http_access allow users' 'http_access deny all' >/etc/squid/conf.d/0-login.conf
fi
if [[ ${1:0:1} = - ]]; then
  set -- squid "$@"
fi
if [[ $1 = squid ]]; then
  if [ ! -d /var/spool/squid/00 ]; then
    echo 'Initializing cache...'
    squid -Nz -f /etc/squid/squid.conf 2>/dev/null
  fi
  tail -F /var/log/squid/access.log /var/log/squid/cache.log 2>/dev/null &
fi
exec "$@"
