# shellcheck shell=bash
# Functions for uses.sh, which is called as `uses.sh IMAGE` with FAT, the source image, and LABEL, a label for all that it
# starts. It prints a line for each use: "name: result". A result must not have what differs from run to run.
IMAGE=$1
FAT=${FAT:-$IMAGE}
LABEL=${LABEL:-docker-slim-uses=manual}
C=${LABEL#*=} # the container under test
IP=''         # its address, while it runs
U=''          # http://ADDRESS:PORT of it
PORT=0
HERE=$(cd "$(dirname "$0")" && pwd)
T=$(mktemp -d "${TMPDIR:-/tmp}/uses-XXXXXX") # files to mount
chmod 755 "$T"
trap 'rm -rf "$T"' EXIT

run() { timeout -k 5 90 docker run --label "$LABEL" "$@"; } # docker run, labelled, bounded

# start PORT [OPTION...] IMAGE [WORD...]: start the container under test, and wait until it listens on PORT (0: one second)
start() {
  PORT=$1
  shift
  docker rm -fv "$C" >/dev/null 2>&1
  run -d --name "$C" "$@" >/dev/null 2>&1
  ready
}

ready() {
  local turn
  IP=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$C" 2>/dev/null)
  U="http://$IP:$PORT"
  [ "$PORT" != 0 ] || sleep 1
  for ((turn = 0; turn < 300; turn++)); do
    if [ "$(docker inspect -f '{{.State.Running}}' "$C" 2>/dev/null)" != true ]; then
      IP=''
      return 1
    fi
    if [ "$PORT" = 0 ] || (: <>"/dev/tcp/$IP/$PORT") 2>/dev/null; then
      sleep "${SETTLE:-0.3}"
      return 0
    fi
    sleep 0.2
  done
}

restart() { docker restart -t 15 "$C" >/dev/null 2>&1 && ready; }
state() { docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$C" 2>/dev/null || echo missing; }
stop() { docker stop -t 20 "$C" >/dev/null 2>&1 && state; }
signal() { docker kill -s "$1" "$C" >/dev/null 2>&1 && sleep 1; }
health() { # what the container's HEALTHCHECK says, when it is no longer "starting"
  local turn
  for turn in {1..60}; do
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$C")" != starting ] && break
    sleep 1
  done
  docker inspect -f '{{.State.Health.Status}}' "$C"
}
logs() { docker logs "$C" 2>&1; }
inside() { timeout -k 5 60 docker exec -i "$C" "$@"; }           # a program of the container under test
client() {                                                      # a program of the source image, in the same network
  local program=$1
  shift
  run --rm -i --user 0 --network "container:$C" -v "$T:/t" --entrypoint "$program" "$FAT" "$@"
}
once() { run --rm -i "$@"; } # a container that ends by itself
volume() { docker volume create --label "$LABEL" "$C-$1" >/dev/null && echo "$C-$1"; } # a named volume, and its name
cert() {                                                        # a key and its own certificate, to mount
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
  chmod 644 "$T/key.pem" "$T/cert.pem"
}

# get PATH [CURL OPTION...]: the status, the type and the body
get() {
  local path=$1
  shift
  curl -s -m 20 --noproxy '*' -o "$T/body" -w '%{http_code} %{content_type} ' "$@" "$U$path"
  tr -d '\000' 2>/dev/null <"$T/body"
  rm -f "$T/body"
}
# status PATH [CURL OPTION...]: the status, the type and the size of the body
status() {
  local path=$1
  shift
  curl -s -m 20 --noproxy '*' -o /dev/null -w '%{http_code} %{content_type} %{size_download}' "$@" "$U$path"
}

# use NAME COMMAND [WORD...]: print the use's line: what the command prints, and its exit status. Without a container
# under test (after a start that failed) it is the state of that container.
use() {
  local name=$1 text code=0
  shift
  if [ "$PORT" != 0 ] && [ -z "$IP" ]; then
    echo "$name: $(state)"
    return
  fi
  text=$("$@" 2>&1 </dev/null) || code=$?
  printf '%s: %s [%s]\n' "$name" "$(printf %s "${text//"$IP"/ADDRESS}" | tr -s '[:space:]' ' ' | cut -c1-400)" "$code"
}
