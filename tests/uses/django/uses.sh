#!/bin/bash
. "$(dirname "$0")/../functions.sh"
J='Content-Type: application/json'
A=(-e DJANGO_SUPERUSER_USERNAME=root -e DJANGO_SUPERUSER_EMAIL=root@example.org -e DJANGO_SUPERUSER_PASSWORD=pass-9-word)
manage() { inside python manage.py "$@"; }

# fill PATH [CURL OPTION...]: send a form of the site with its token; the status, where it leads, and the errors shown
fill() {
  local path=$1
  shift
  curl -s -o /dev/null -b "$T/jar" -c "$T/jar" "$U$path"
  curl -s -o "$T/body" -b "$T/jar" -c "$T/jar" -w '%{http_code} %{redirect_url} ' \
    -d "csrfmiddlewaretoken=$(awk '$6 == "csrftoken" { print $7 }' "$T/jar")" "$@" "$U$path"
  grep -A1 -E 'class="error(note|list)' "$T/body" | sed 's/<[^>]*>//g'
  rm -f "$T/body"
}
login() { fill /admin/login/ --data-urlencode username=root --data-urlencode "password=$1"; }
seen() { curl -s -b "$T/jar" "$U$1" | grep -oE "$2" | sort -u; }
admin_german() { curl -s -b "$T/jar" -H 'Accept-Language: de' "$U/admin/" | grep -oE 'Website-Verwaltung|Abmelden'; }
admin_add() {
  fill /admin/notes/note/add/ -d title=First -d text=abc -d due_0=2024-07-01 -d due_1=12:00:00 --data-urlencode 'tags=["x"]'
  seen '/admin/notes/note/?q=fir' '[0-9]+ note|July 1, 2024, noon'
  seen /admin/notes/note/1/history/ 'Added|root'
}
admin_user() {
  local password
  for password in password123 long-9-word; do
    fill /admin/auth/user/add/ -d username=joe -d usable_password=true -d "password1=$password" -d "password2=$password"
  done
}
static() {
  local path
  for path in $(curl -s "$U/admin/login/" | grep -oE '/static/[^"]+\.(css|js)' | head -n 2) /static/dot.svg; do
    status "$path"
    echo
    status "$path" -H 'Accept-Encoding: gzip'
    echo
  done
}
workbook() {
  curl -s -o "$T/book.xlsx" "$U/reports/xlsx/"
  get /reports/sum/ -F "file=@$T/book.xlsx"
}
json() {
  local body
  for body in '{"title":"Größe","tags":["a",1]}' '{"title":"First"}'; do get /notes/ -H "$J" -d "$body" && echo; done
}
pictures() {
  local kind
  for kind in png jpeg gif webp tiff; do
    curl -s -o "$T/picture" "$U/reports/image/$kind/"
    get /reports/size/ -F "file=@$T/picture"
    echo
  done
}
debug() {
  curl -s -H 'Accept: text/html' "$U/notes/broken/" | grep -oE '<title>[^<]*|RuntimeError|as asked' | sort -u
  curl -s "$U/none/" | grep -oE 'Page not found|tried these URL patterns'
}

start 8000 "${A[@]}" "$IMAGE"
use index get /
use admin-login-page status /admin/login/
use admin-login eval 'login wrong; login pass-9-word; admin_german'
use admin-add admin_add
use admin-user admin_user
use static static
use page-german get '/pages/?zone=Europe/Berlin' -H 'Accept-Language: de'
use form-errors get /pages/form/ -H 'Accept-Language: es' -d email=x
use json json
use xml eval 'status /sitemap.xml; echo; get /notes/export/xml/'
printf 0123456789 >"$T/file"
use upload get /notes/upload/ -F "file=@$T/file"
use tables eval 'get /reports/csv/; workbook'
use pictures pictures
use markdown get /reports/markdown/
use versions eval 'get /reports/versions/; echo; get /reports/sqlite/'
use time-zone get /reports/zone/
use mail-cache eval 'get /pages/mail/; echo; get /pages/cached/'
use not-found get /none/
use error-500 get /notes/broken/
use exec-check eval 'manage check; manage showmigrations notes sessions'
use exec-data eval 'manage dumpdata notes; echo; manage loaddata some; manage shell -v 0 -c "from notes.models import Note; print(Note.objects.count())"'
use exec-createsuperuser inside env DJANGO_SUPERUSER_PASSWORD=x python manage.py createsuperuser --noinput --username ann --email ann@example.org
signal HUP
use reload get /notes/1/
restart
use restart get /notes/1/
use stop stop

use once-migrate eval 'once "$IMAGE" python manage.py migrate | grep -E "notes|sessions"'
use once-collectstatic eval 'once "$IMAGE" python manage.py collectstatic --noinput --clear | tail -n 1'
use once-test eval 'once "$IMAGE" python manage.py test 2>&1 | grep -E "^(OK|Found)" | sort'
start 8000 -e DEBUG=1 -e TZ=Europe/Berlin "$IMAGE" gunicorn project.wsgi -b 0.0.0.0:8000 --workers 2
use workers-TZ get '/pages/?zone=UTC'
use debug-error debug
start 8000 -e GUNICORN_CMD_ARGS='--access-logfile=- --max-requests=50' "$IMAGE" gunicorn project.wsgi -b 0.0.0.0:8000 -k gthread --threads 4 --preload
use gthread-preload eval 'get /pages/ -H "Accept-Language: ar"; logs | grep -oE "GET /pages/ HTTP/1.1. 200"'
cert
printf 'bind = "0.0.0.0:8443"\ncertfile = "/certs/cert.pem"\nkeyfile = "/certs/key.pem"\ndef when_ready(server):\n    server.log.info("own hook")\n' >"$T/gunicorn.conf.py"
start 8443 -v "$T:/certs:ro" "$IMAGE" gunicorn -c /certs/gunicorn.conf.py project.wsgi
U="https://$IP:$PORT"
use own-config-tls get /notes/ -k
SETTLE=3 start 8000 "$IMAGE" python manage.py runserver 0.0.0.0:8000
use runserver get /pages/form/
start 8000 --read-only --user 1000 --init -e LANG=C.UTF-8 --tmpfs /tmp --tmpfs /data:mode=1777 "$IMAGE"
use read-only-user-init get /notes/upload/ -F "file=@$T/file"
