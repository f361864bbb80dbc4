#!/bin/bash
# Copy the app into an empty volume, write its configuration from APP_* (or APP_*_FILE), and start the server.
set -Eeuo pipefail

# first arg is `-f` or `--some-option`
if [ "${1#-}" != "$1" ]; then
	set -- apache2-foreground "$@"
fi

if [[ "$1" == apache2* ]]; then
	if [ ! -e index.php ]; then
		echo >&2 "No app found in $PWD - copying now..."
		if [ -n "$(find -mindepth 1 -maxdepth 1 -not -name content)" ]; then
			echo >&2 "WARNING: $PWD is not empty! (copying anyhow)"
		fi
		tar --create --file - --directory /usr/src/app . | tar --extract --file - --no-overwrite-dir
		echo >&2 "Complete! The app has been copied to $PWD"
	fi
	for name in APP_TITLE APP_SECRET; do
		file="${name}_FILE"
		if [ "${!file:-}" ]; then
			export "$name"="$(<"${!file}")"
		fi
	done
	if [ ! -s config.php ] && [ -w . ]; then
		awk '/secret goes here/ { cmd = "head -c 24 /dev/urandom | sha1sum | cut -d\\  -f1"; cmd | getline str; close(cmd); gsub("secret goes here", str) } { print }' \
			/usr/src/app/config-sample.php >config.php
	fi
fi

exec "$@"
