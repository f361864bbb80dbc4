#!/bin/sh
# slim $IMAGE if it is newer than its slim image. Needs $IMAGE.
set -eu
id=$(docker image inspect -f '{{.Id}}' "$IMAGE")
made_of=$(docker image inspect -f '{{index .Config.Labels "org.opencontainers.image.base.digest"}}' "$IMAGE-slim" 2>/dev/null || true)
if [ "$made_of" = "$id" ]; then exit 0; fi
docker slim run -q --tag "$IMAGE-slim" --fail-on-warning "$IMAGE" >/dev/null
docker slim prune >/dev/null
