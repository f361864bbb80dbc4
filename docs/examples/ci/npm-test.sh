#!/bin/sh
# a Node app, tested by its own `npm test` against $BASE_URL
set -eu
docker slim run --host-exec 'BASE_URL=http://127.0.0.1:$DOCKER_SLIM_PORT_3000 npm test --silent' "$IMAGE"
