. "$(dirname "$0")/../functions.sh"
# All containers start at once and wait for the same full minute. Their jobs write to /out, a folder for each.
cat >"$T/tools" <<'X'
MAILTO=""
PATH=/usr/sbin:/usr/bin:/sbin:/bin
* * * * * root date -u -d '2024-02-29 12:00 UTC + 1 day' '+\%A \%d \%B \%Y' >/out/date 2>&1
* * * * * root date -d @0 '+\%F \%T \%Z' >/out/date-local 2>&1
* * * * * root sed -n 's/Bonn/Berlin/p' /data/sales.csv >/out/sed 2>&1
* * * * * root awk -F, 'NR > 1 {s += $2} END {print s}' /data/sales.csv >/out/awk 2>&1
* * * * * root tail -n +2 /data/sales.csv | cut -d, -f1 | sort | uniq -c | sort -rn | head -n 1 >/out/sort 2>&1
* * * * * root sha256sum /data/notes.txt | cut -c1-12 >/out/sha256sum 2>&1
* * * * * root find /data -type f -name '*.csv' -print0 | xargs -0 -n1 basename >/out/find-xargs 2>&1
* * * * * root cp /data/sales.csv /out/copy && mv /out/copy /out/moved && ln -sf moved /out/link && readlink /out/link >/out/copy-move 2>&1
* * * * * root tar -cJf /out/data.tar.xz -C /data . 2>/out/tar-xz && tar -tJf /out/data.tar.xz | sort | tr '\n' ' ' >>/out/tar-xz 2>&1
* * * * * root seq 3 | paste -sd+ | tee /out/seq-paste >/dev/null 2>&1
* * * * * root grep -c Bonn /data/sales.csv >/out/grep; printf '\%s\n' b a | tac | base64 >>/out/grep 2>&1
* * * * * www-data id -un >/out/other-user 2>&1
* * * * * root df -P /data | wc -l >/out/df; stat -c '\%a \%U' /data/notes.txt >>/out/df; du -b /data/notes.txt >>/out/df 2>&1
* * * * * root flock -n /tmp/lock timeout 5 nice -n 5 echo locked >/out/flock 2>&1
* * * * * root python3 -c 'import datetime, zoneinfo; print(datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo")))' >/out/python-zone 2>&1
* * * * * root python3 -m json.tool --compact /out/in.json >/out/python-json 2>&1
X
printf '# of a user\n* * * * * { echo "$LOGNAME $HOME $SHELL"; pwd; } >/out/user-crontab 2>&1\n' >"$T/spool"
cat >"$T/bash" <<'X'
SHELL=/bin/bash
MAILTO=""
* * * * * root a=(x y z); echo "${a[1]} ${a[*]/y/w}" >/out/bash-job 2>&1
@reboot root echo at the start >/out/reboot-job 2>&1
X
chmod 644 "$T"/*
for one in a b c; do
  mkdir "$T/$one"
  chmod 777 "$T/$one"
done
echo '{"a": [1, 2]}' >"$T/b/in.json"
beside() { # beside NAME OPTION... IMAGE: another container under test
  local name=$1
  shift
  docker rm -fv "$C-$name" >/dev/null 2>&1
  run -d --name "$C-$name" -v "$T/$name:/out" "$@" >/dev/null 2>&1
}
minute() { # wait until five seconds after the next full minute
  sleep $((65 - 10#$(date +%S)))
}
last() { docker logs "$1" 2>&1 | grep "^$2" | tail -n 1; }

[ "$((10#$(date +%S)))" -lt 52 ] || sleep 9
start 0 -v "$T/a:/out" "$IMAGE"
beside b -v "$T/tools:/etc/cron.d/tools:ro" -v "$T/bash:/etc/cron.d/bash:ro" -e TZ=Europe/Berlin -e LANG=C.UTF-8 -e REPORT_TITLE=mine "$IMAGE"
beside c --init --read-only --tmpfs /tmp --tmpfs /run --tmpfs /var/spool/cron/crontabs -e KEEP_DAYS=1 -v "$T/spool:/etc/own:ro" "$IMAGE"
use start state
use exec-crontab-install inside sh -c 'printf "* * * * * { id -un; echo \$LOGNAME \$HOME; pwd; } >/out/user-crontab 2>&1\n" | crontab - && crontab -l'
use exec-crontab-user inside sh -c 'printf "# none\n" | crontab -u www-data - && crontab -u www-data -l'
use exec-crontab-wrong inside sh -c 'echo "61 * * * * true" | crontab -'
use exec-install-read-only docker exec "$C-c" sh -c 'crontab /etc/own && crontab -l | head -n 1'
use exec-nightly inside nightly
use exec-weekly inside /etc/cron.weekly/weekly
use exec-run-parts inside run-parts --report /etc/cron.weekly
use exec-run-parts-list inside run-parts --test /etc/cron.weekly
inside sh -c 'echo line >/var/log/jobs.log'
use exec-logrotate inside sh -c 'logrotate -f /etc/logrotate.conf && ls /var/log | grep jobs && cat /tmp/rotated && zcat /var/log/jobs.log.1.gz'
use exec-logrotate-debug eval 'inside logrotate -d /etc/logrotate.conf 2>&1 | grep -c "rotating pattern"'
minute
use backup last "$C" backup
use report last "$C" report
use user-crontab cat "$T/a/user-crontab"
for one in date date-local sed awk sort sha256sum find-xargs copy-move tar-xz seq-paste grep other-user df flock python-zone \
  python-json bash-job reboot-job; do
  use "$one" cat "$T/b/$one"
done
use environment-report last "$C-b" report
use read-only-backup last "$C-c" backup
use read-only-user-crontab cat "$T/c/user-crontab"
use stop-with-init eval 'docker stop -t 20 "$C-c" >/dev/null; docker inspect -f "{{.State.Status}} {{.State.ExitCode}}" "$C-c"'

docker kill "$C" >/dev/null 2>&1
docker rm -fv "$C-b" "$C-c" >/dev/null 2>&1
docker start "$C" >/dev/null 2>&1
ready
rm -f "$T/a/user-crontab"
[ "$((10#$(date +%S)))" -lt 55 ] || sleep 6
inside sh -c 'printf "* * * * * root wc -l </data/sales.csv >/out/added\n" >/etc/cron.d/added'
minute
use restart-user-crontab cat "$T/a/user-crontab"
use added-while-running cat "$T/a/added"
use other-command once "$IMAGE" sh -c "exec 2>&1; command -v cron; crontab -l"
