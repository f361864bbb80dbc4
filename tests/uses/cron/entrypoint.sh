#!/bin/sh
# cron gives its own environment to no job, but reads this file.
env | grep -E '^(TZ|LANG|LC_.*|KEEP_DAYS|REPORT_.*)=' >/etc/environment 2>/dev/null
exec "$@"
