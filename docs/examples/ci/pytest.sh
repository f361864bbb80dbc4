#!/bin/sh
# a Python app, tested by pytest against $BASE_URL
set -eu
docker slim run --host-exec 'BASE_URL=http://127.0.0.1:$DOCKER_SLIM_PORT_8000 python3 -m pytest -q tests' "$IMAGE"
