#!/bin/sh
# Bring the database up to date before a server starts; other commands run as they are.
set -e
case "$1" in
gunicorn)
    python manage.py migrate --noinput
    if [ -n "$DJANGO_SUPERUSER_PASSWORD" ]; then python manage.py createsuperuser --noinput || true; fi
    ;;
esac
exec "$@"
