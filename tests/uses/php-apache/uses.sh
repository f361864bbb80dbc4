#!/bin/bash
. "$(dirname "$0")/../functions.sh"
visits() {
  curl -s -o /dev/null -c "$T/jar" "$U/visits"
  get /visits -b "$T/jar"
}
headers() { curl -s -o /dev/null -D - "$U$1" | tr -d '\r' | grep -iE "^($2)"; }

start 80 "$IMAGE"
use index get /
use notes eval 'get /notes -d "text=gr%C3%BC%C3%9Fe"; get /notes'
use session visits
printf 'some text\n' >"$T/text.txt"
head -c 4500000 /dev/zero >"$T/big"
use upload eval 'get /upload -F "file=@$T/text.txt"'
use upload-image eval 'curl -s "$U/thumb" >$T/a.png; get /upload -F "file=@$T/a.png"'
use upload-too-big eval 'get /upload -F "file=@$T/big"'
use image-png status /thumb
use image-jpeg status '/thumb?as=jpeg'
use image-gif-webp eval 'status "/thumb?as=gif"; echo; status "/thumb?as=webp"'
use dom get /page
use intl eval 'get "/intl?locale=de_DE"; get "/intl?locale=ja_JP"'
use zip get /zip
use time-zone eval 'get /time; get "/time?zone=America/Sao_Paulo"'
use curl get '/fetch?url=http://127.0.0.1/assets/own.css'
use curl-https-refused eval 'get "/fetch?url=https://127.0.0.1:9/"'
use url-wrapper get '/open?url=http://127.0.0.1/assets/own.css'
use mail get /mail
use crypt get /crypt
use encode get /encode
use locale get /locale
use ini get /ini
use shell get /shell
use mysql-driver get /mysql
use info eval 'curl -s "$U/info" | grep -cE "<h2>.*(gd|intl|mbstring|PDO|zip|curl|opcache|libxml|openssl|sodium|exif|fileinfo|ftp|gettext|phar|readline|sockets|tokenizer|xsl)"'
use error-500 status /broken
use not-found get /none
use asset eval 'get /assets/own.css; headers /assets/own.css "cache-control|x-content|content-type"'
use asset-range get /assets/logo.svg -r 0-3
use closed get /config.php
use own-page eval 'docker cp "$T/text.txt" "$C:/var/www/html/own.txt"; get /own.txt'
use exec-console eval 'inside php bin/console count; inside bin/console add more; inside php bin/console check'
use exec-lint inside php -l index.php
use exec-php-r inside php -r 'echo PHP_MAJOR_VERSION, json_encode([1]), "\n";'
use exec-modules eval 'inside php -m | grep -cE "^(gd|intl|mbstring|pdo_sqlite|zip|curl|Zend OPcache)$"'
use exec-ini inside php --ini
use exec-configtest inside apachectl configtest
use exec-graceful eval 'inside apachectl graceful; sleep 1; get /'
use exec-a2query eval 'inside apache2ctl -M | grep -cE "(rewrite|headers|php)_module"'
use logs eval 'logs | grep -oE "(No app found|Complete!|resuming normal operations|PHP Fatal error)" | sort -u'
restart
use restart get /notes
use stop stop

start 80 -e APP_TITLE='own <title>' -e TZ=Europe/Berlin -e LANG=C.UTF-8 "$IMAGE"
use environment eval 'get /; get /time; get /locale'
echo 'from a file' >"$T/title"
chmod 644 "$T/title"
start 80 -v "$T/title:/run/secrets/title:ro" -e APP_TITLE_FILE=/run/secrets/title -v "$(volume html):/var/www/html" "$IMAGE"
use environment-file get /
mkdir "$T/site"
echo '<?php echo "mounted ", PHP_SAPI, " ", $_SERVER["DOCUMENT_ROOT"], " ", filter_var("a@b.test", FILTER_VALIDATE_EMAIL), " ", (new DateTime("@0"))->format("D"), " ", ctype_digit("1") ? "ctype" : "", " ", token_name(T_OPEN_TAG), " ", exif_imagetype(__FILE__) === false ? "exif" : "", "\n";' >"$T/site/index.php"
echo '<?php $x = new XSLTProcessor(); $s = new DOMDocument(); $s->loadXML("<xsl:stylesheet version=\"1.0\" xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\"><xsl:output method=\"text\"/><xsl:template match=\"/\">xslt</xsl:template></xsl:stylesheet>"); $x->importStylesheet($s); echo $x->transformToXml($s), " ", (new XMLWriter())->openMemory() ? "writer" : "", " "; $p = new PharData("/tmp/x.tar"); $p->addFromString("a", "b"); echo count($p), " ", socket_create(AF_INET, SOCK_STREAM, 0) ? "sockets" : "", " ", gettext("text"), " ", extension_loaded("ftp") ? "ftp" : "", "\n";' >"$T/site/more.php"
echo 'AddType application/x-httpd-php .htm' >"$T/site/.htaccess"
echo '<?= 1 + 1 ?> of htm' >"$T/site/page.htm"
chmod -R a+rX "$T/site"
printf 'memory_limit = 64M\ndate.timezone = Europe/Paris\nshort_open_tag = On\n' >"$T/zz.ini"
chmod 644 "$T/zz.ini"
start 80 -v "$T/site:/var/www/html:ro" "$IMAGE"
use mounted-site eval 'get /; get /more.php; get /page.htm'
start 80 -v "$T/zz.ini:/etc/php/8.2/apache2/conf.d/zz.ini:ro" "$IMAGE"
use mounted-ini get /ini
cert
cat >"$T/tls.conf" <<'Y'
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
Listen 443
<VirtualHost *:443>
  DocumentRoot ${APACHE_DOCUMENT_ROOT}
  SSLEngine on
  SSLCertificateFile /t/cert.pem
  SSLCertificateKeyFile /t/key.pem
</VirtualHost>
Y
chmod 644 "$T/tls.conf"
start 443 -e APACHE_DOCUMENT_ROOT=/var/www/html -v "$T:/t:ro" -v "$T/tls.conf:/etc/apache2/conf-enabled/tls.conf:ro" "$IMAGE"
U="https://$IP"
use tls eval 'get / -k; get "/open?url=https://127.0.0.1/assets/own.css" -k'
use tls-curl-unknown get '/fetch?url=https://127.0.0.1/' -k
printf 'Listen 8080\n' >"$T/ports.conf"
chmod 644 "$T/ports.conf"
start 8080 --user 1000 --read-only --tmpfs /tmp --tmpfs /run:mode=1777 --init -e LANG=C.UTF-8 -v "$T/site:/var/www/html:ro" \
  -v "$T/ports.conf:/etc/apache2/ports.conf:ro" "$IMAGE"
use read-only-user-init get /
use init-stop stop
