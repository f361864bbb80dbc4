#!/bin/sh
# build, slim with gates, keep the report. Needs $IMAGE, and a directory with a Dockerfile.
set -eu
docker build -q -t "$IMAGE" .
mkdir -p slim-results
set --
if [ -f slim-baseline.json ]; then set -- --baseline slim-baseline.json; fi
docker slim run --tag "$IMAGE-slim" --output layered --format json \
    --fail-on-warning --fail-over "${MOST:-200MB}" --junit slim-results/slim.xml "$@" "$IMAGE" >slim-results/slim.json
