#!/bin/bash
. "$(dirname "$0")/../functions.sh"
visits() {
  curl -s -o /dev/null -c "$T/jar" "$U/visits"
  get /visits -b "$T/jar"
}
plain() { "$@" 2>&1 | grep -vE '^[DIWE], \[|warning: ' | sed -E 's/[0-9.]+s\b/TIME/'; } # without the log

SETTLE=1
start 3000 "$IMAGE"
use index eval 'get / | sed -E "s/application-[0-9a-f]+/application-DIGEST/"'
use create eval 'status /notes -d "title=one&body=first&tags[]=a"; get /notes.json'
use create-json eval 'status /notes -H "Content-Type: application/json" -d "{\"title\":\"two\",\"body\":\"second\"}"'
use invalid get /notes -d 'title=one'
use show get /notes/1
use xml get /notes.xml
use delete status /notes/2 -X DELETE
use not-found-record get /notes/99
use unknown-format status /notes.pdf
use session visits
use view eval 'get /about | sed -E "s/application-[0-9a-f]+/application-DIGEST/"'
use stylesheet eval 'get "$(curl -s "$U/about" | grep -oE "/assets/application-[0-9a-f]+.css")"'
use static get /robots.txt
use not-found get /none
use error-500 get /broken
use translate eval 'get /words; echo; get "/words?locale=de"'
use zone eval 'get /zone; echo; get "/zone?name=America/Sao_Paulo"'
use cipher get /cipher
use to-xml get /feed
use csv get /table
use mail get /mail
use job get /job
use cache get /cached
use stream get /stream
use send-file get /file
use basic-auth eval 'status /secret; echo; get /secret -u ann:word'
use helpers get /numbers
printf 'some text\n' >"$T/text.txt"
use upload get /upload -F "file=@$T/text.txt"
use upload-missing status /upload -X POST
use compressed get /robots.txt -H 'Accept-Encoding: gzip' --compressed
use exec-runner eval 'plain inside ./bin/rails runner "puts Note.count"'
use exec-routes eval 'plain inside ./bin/rails routes | grep -cE "notes#|pages#"'
use exec-routes-grep eval 'plain inside ./bin/rails routes -g about'
use exec-console eval 'echo "puts [:console, Note.first.title].inspect" | plain docker exec -i $C ./bin/rails console | grep -E "^\[:console"'
use exec-rake-tasks eval 'plain inside ./bin/rake -T | grep -cE "rake (count|db:migrate|assets:precompile)"'
use exec-rake plain inside ./bin/rake count
use exec-bundle-exec eval 'plain inside bundle exec rake count'
use exec-bundle-check eval 'plain inside bundle check'
use exec-migrate-status eval 'plain inside ./bin/rails db:migrate:status | grep -c "up "'
use exec-rollback eval 'plain inside ./bin/rails db:rollback; plain inside ./bin/rails db:migrate:status | grep -c "down "; plain inside ./bin/rails db:migrate'
use exec-seed eval 'plain inside ./bin/rails db:seed; plain inside ./bin/rails runner "puts Note.pluck(:title).inspect"'
use exec-about eval 'plain inside ./bin/rails about | grep -cE "Rails version|Ruby version|Database adapter"'
use exec-version inside ./bin/rails --version
use exec-dbconsole eval 'echo "select count(*) from schema_migrations;" | docker exec -i $C ./bin/rails dbconsole'
use exec-stats eval 'plain inside ./bin/rails stats | grep -cE "Controllers|Models"'
use exec-middleware eval 'plain inside ./bin/rails middleware | grep -cE "^use "'
use exec-cache-clear plain inside ./bin/rails tmp:cache:clear
use exec-secret eval 'plain inside ./bin/rails secret | wc -c'
use exec-schema-dump eval 'plain inside ./bin/rails db:schema:dump; docker cp "$C:/rails/db/schema.rb" - | tar -xO | grep -c create_table'
use exec-notes plain inside ./bin/rails notes
use exec-runner-file eval 'docker cp "$T/text.txt" "$C:/tmp/x.txt"; plain inside ./bin/rails runner "require %q(net/http); require %q(open3); puts File.read(%q(/tmp/x.txt)), Net::HTTP.get(URI(%q(http://127.0.0.1:3000/robots.txt))), Open3.capture2(%q(echo sh; true))[0]"'
use logs eval 'logs | grep -oE "(Started GET \"/about\"|Completed 200 OK|Listening on http://0.0.0.0:3000|RuntimeError \(as asked\))" | sort -u'
restart
use restart get /robots.txt
use stop stop

start 4000 -e PORT=4000 -e RAILS_MAX_THREADS=2 -e WEB_CONCURRENCY=2 -e RAILS_LOG_LEVEL=debug -e TZ=Europe/Berlin -e APP_ZONE=Berlin \
  -e SECRET_KEY_BASE=0123456789012345678901234567890123456789 -v "$(volume storage):/rails/storage" "$IMAGE"
use environment eval 'get /zone; get /notes.json; logs | grep -oE "SELECT \"notes\".*FROM \"notes\"|Worker 1 .*booted" | sed "s/ in .*//" | sort -u'
start 3000 -e RAILS_FORCE_SSL=1 "$IMAGE"
use force-ssl status /robots.txt
start 3000 -e DATABASE_URL=sqlite3:/tmp/other.sqlite3 "$IMAGE"
use database-url eval 'get /notes.json; inside sh -c "test -s /tmp/other.sqlite3 && echo file"'
start 3000 -e RAILS_ENV=development "$IMAGE"
use development eval 'curl -s "$U/broken" | grep -oE "RuntimeError in PagesController#broken|as asked" | sort -u'
use development-routes eval 'status /rails/info/routes | cut -c1-20'
cert
start 8443 -v "$T:/t:ro" -e TLS_CERT=/t/cert.pem -e TLS_KEY=/t/key.pem "$IMAGE"
U="https://$IP:8443"
use tls get /robots.txt -k
use rake-once eval 'plain once "$IMAGE" ./bin/rails db:create db:migrate count'
start 9292 "$IMAGE" puma -b tcp://0.0.0.0:9292 -e production
use own-puma status /robots.txt
start 3000 --user 1001 --read-only --tmpfs /tmp --tmpfs /rails/tmp:uid=1001 --tmpfs /rails/log:uid=1001 --tmpfs /rails/storage:uid=1001 --init -e LANG=C.UTF-8 \
  -e TZ=Asia/Tokyo "$IMAGE" ./bin/rails server -b 0.0.0.0
use read-only-user-init get /robots.txt
use init-stop stop
