#!/bin/bash
. "$(dirname "$0")/../functions.sh"
D=/etc/apache2
M=/usr/lib/apache2/modules
headers() { # headers PATH NAME-PATTERN [CURL OPTION...]
  local path=$1 names=$2
  shift 2
  curl -s -k -o /dev/null -D - "$@" "$U$path" | tr -d '\r' | grep -iE "^($names):"
}
leads() { curl -s -o /dev/null -w '%{http_code} %{redirect_url}' "$U$1"; } # the status, and where it leads
conf() { # conf NAME: what is read, as a configuration to mount
  cat >"$T/$1.conf"
  chmod 644 "$T/$1.conf"
}
not_modified() { status /own.css -H "If-None-Match: $(headers /own.css etag | cut -d ' ' -f 2)"; }
icons() { for icon in text.gif compressed.gif unknown.gif back.gif folder.gif; do status "/icons/$icon" && echo; done; }
graceful() {
  inside sh -c 'echo "Redirect 302 /new http://www.example.org/" >>/etc/apache2/conf-enabled/name.conf' && inside apachectl graceful
  sleep 1
  leads /new
}
dav() {
  status /dav/new.txt -T "$T/text"
  echo
  get /dav/new.txt
  status /dav/sub -X MKCOL
  echo
  status /dav/new.txt -X MOVE -H "Destination: $U/dav/sub/moved.txt"
  echo
  curl -s -X PROPFIND -H 'Depth: 1' "$U/dav/sub/" | grep -oE '<D:href>[^<]*'
  status /dav/sub -X DELETE
}
password() { # the files of users, made by the image's own programs
  inside htpasswd -cbB /tmp/users ann word && inside htpasswd -b /tmp/users bob word && inside htpasswd -vb /tmp/users ann word
  inside htpasswd -nbm joe word | cut -c 1-10
}

start 80 "$IMAGE"
use index get /
use requests eval 'status / -I; echo; get /files/read.txt -r 5-8; echo; not_modified'
use autoindex eval 'curl -s "$U/files/" | grep -oE "<(title|img|a) ?[^>]*>" | head -n 12'
use icons icons
use types eval 'for file in files/data.json files/dot.svg own.css; do headers "/$file" content-type; done'
use deflate headers /own.css 'content-encoding|vary' -H 'Accept-Encoding: gzip'
use not-found get /none
use bad-request status / -H 'Host:' --http1.1
use exec-configtest inside apachectl configtest
use exec-modules eval 'inside apachectl -M | sort | head -n 12'
use exec-version eval 'inside apachectl -v; inside apachectl -S | grep -E "^(ServerRoot|User|PidFile)"'
use exec-htpasswd password
use graceful graceful
use logs eval 'logs | grep -oE "GET /none HTTP/1.1. 404|resuming normal operations" | sort -u'
restart
use restart get /
use stop stop

use mods-disable once "$IMAGE" sh -c 'a2enmod -q rewrite headers && a2dismod -q -f autoindex && a2query -m rewrite && apachectl -t 2>&1'
mkdir "$T/cgi"
printf '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n%%s %%s " "$REQUEST_METHOD" "$QUERY_STRING"\ncat\n' >"$T/cgi/echo.sh"
printf 'a word\n' >"$T/text"
printf '<p>1 <!--#echo var="DOCUMENT_NAME" --> <!--#include virtual="/files/read.txt" --></p>\n' >"$T/page.shtml"
chmod -R a+rX "$T" && chmod 755 "$T/cgi/echo.sh"
conf more <<X
LoadModule rewrite_module $M/mod_rewrite.so
LoadModule headers_module $M/mod_headers.so
LoadModule expires_module $M/mod_expires.so
LoadModule dav_module $M/mod_dav.so
LoadModule dav_fs_module $M/mod_dav_fs.so
LoadModule cgid_module $M/mod_cgid.so
LoadModule include_module $M/mod_include.so
LoadModule proxy_module $M/mod_proxy.so
LoadModule proxy_http_module $M/mod_proxy_http.so
LoadModule slotmem_shm_module $M/mod_slotmem_shm.so
LoadModule lbmethod_byrequests_module $M/mod_lbmethod_byrequests.so
LoadModule proxy_balancer_module $M/mod_proxy_balancer.so
LoadModule substitute_module $M/mod_substitute.so
LoadModule auth_digest_module $M/mod_auth_digest.so
LoadModule session_module $M/mod_session.so
LoadModule session_cookie_module $M/mod_session_cookie.so
LoadModule speling_module $M/mod_speling.so
LoadModule unique_id_module $M/mod_unique_id.so
LoadModule macro_module $M/mod_macro.so
LoadModule ratelimit_module $M/mod_ratelimit.so
LoadModule remoteip_module $M/mod_remoteip.so
LoadModule log_forensic_module $M/mod_log_forensic.so
RewriteEngine on
Header always set X-Own "expr=%{REQUEST_SCHEME} %{tolower:ABC}"
ExpiresActive on
ExpiresByType text/css "access plus 1 hour"
ErrorDocument 404 "own page: nothing here"
DavLockDB /tmp/lock
ScriptAlias /cgi/ /srv/cgi/
AddType text/html .shtml
AddOutputFilter INCLUDES .shtml
CheckSpelling on
<Directory /srv/cgi>
  Require all granted
</Directory>
<Directory /var/www/html>
  Options +Includes
  RewriteEngine on
  RewriteRule ^old/(.*)$ /files/\$1 [R=301,L]
  RewriteRule ^short$ files/read.txt [L]
</Directory>
Alias /dav /tmp/dav
<Directory /tmp/dav>
  Dav on
  Require all granted
</Directory>
<Proxy balancer://self>
  BalancerMember http://127.0.0.1:80
</Proxy>
ProxyPass /proxy/ balancer://self/files/
<Location /proxy/>
  AddOutputFilterByType SUBSTITUTE text/plain
  Substitute s/text/word/
</Location>
<Macro Closed \$where>
  <Location \$where>
    AuthType Basic
    AuthName closed
    AuthUserFile /tmp/users
    Require user ann
  </Location>
</Macro>
Use Closed /files/data.json
X
start 80 -v "$T/more.conf:$D/conf-enabled/more.conf:ro" -v "$T/cgi:/srv/cgi:ro" -v "$T/page.shtml:/var/www/html/page.shtml:ro" --tmpfs /tmp/dav:uid=33 "$IMAGE"
use rewrite eval 'leads /old/read.txt; echo; get /short'
use headers headers /own.css 'x-own|cache-control'
use own-error get /none
use cgi get '/cgi/echo.sh?a=1' -d body
use include get /page.shtml
use dav dav
use proxy get /proxy/read.txt
use spelling leads /files/raed.txt
use auth eval 'inside htpasswd -cb /tmp/users ann word; status /files/data.json; echo; get /files/data.json -u ann:word'
cert
conf tls <<X
LoadModule ssl_module $M/mod_ssl.so
LoadModule socache_shmcb_module $M/mod_socache_shmcb.so
LoadModule http2_module $M/mod_http2.so
Listen 443
SSLSessionCache shmcb:/tmp/cache(512000)
<VirtualHost *:443>
  Protocols h2 http/1.1
  DocumentRoot /srv/site
  SSLEngine on
  SSLCertificateFile /certs/cert.pem
  SSLCertificateKeyFile /certs/key.pem
  <Directory /srv/site>
    AllowOverride All
    Require all granted
  </Directory>
</VirtualHost>
X
mkdir "$T/site" && echo 'own site' >"$T/site/start.html" && echo 'DirectoryIndex start.html' >"$T/site/.htaccess" && chmod -R a+rX "$T/site"
start 443 -v "$T/tls.conf:$D/conf-enabled/tls.conf:ro" -v "$T:/certs:ro" -v "$T/site:/srv/site:ro" "$IMAGE"
U="https://$IP"
use tls-http2 get / -k --http2 -w '%{http_version} %{http_code} '
use tls-cipher get / -k --tls-max 1.2 --ciphers ECDHE-RSA-CHACHA20-POLY1305
conf prefork <<X
ServerRoot $D
Listen 8080
PidFile /tmp/own.pid
ErrorLog /dev/stderr
ServerName own
LoadModule mpm_prefork_module $M/mod_mpm_prefork.so
LoadModule authz_core_module $M/mod_authz_core.so
LoadModule dir_module $M/mod_dir.so
LoadModule mime_module $M/mod_mime.so
LoadModule lua_module $M/mod_lua.so
TypesConfig /etc/mime.types
DocumentRoot /var/www/html
LuaMapHandler /lua /tmp/handler.lua
X
printf 'function handle(r)\n  r.content_type = "text/plain"\n  r:puts("lua " .. r.method)\nend\n' >"$T/handler.lua"
start 8080 --read-only --tmpfs /tmp --user 1000 --init -e LANG=C.UTF-8 -e TZ=Europe/Berlin -v "$T/prefork.conf:$D/own.conf:ro" \
  -v "$T/handler.lua:/tmp/handler.lua:ro" "$IMAGE" apache2 -f "$D/own.conf" -D FOREGROUND
use own-prefork-read-only-user eval 'status /own.css; echo; get /lua'
use init-stop stop
