#!/bin/sh
# First install.sh, then the package: docker slim says which copy runs, install.sh does not hide the package, and goes.
#
# usage: after-install.sh DEB      as root, where neither is installed
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
said=$(mktemp)
trap 'rm -f "$said"' EXIT
has() { grep -q "$1" "$said" || { cat "$said"; echo "lacks: $1"; exit 1; }; }

"$here/install.sh" >"$said"
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >"$said" 2>&1 || { cat "$said"; exit 1; }
docker slim version >"$said"
has '^runs from  */usr/local/lib/docker-slim/'
has '^docker starts  /usr/local/lib/docker/cli-plugins/docker-slim (this copy)$'
has '^also there     /usr/libexec/docker/cli-plugins/docker-slim (another copy)$'
/usr/bin/docker-slim doctor >"$said" || true # there may be no engine
has '^warn  *this copy '
has 'try: remove /usr/local/lib/docker/cli-plugins/docker-slim,'
if "$here/install.sh" >"$said" 2>&1; then exit 1; fi
has "^install.sh: cannot install: the distribution's package has docker slim already"
"$here/install.sh" --uninstall >"$said"
docker slim version >"$said"
has "^installed by   the distribution's package docker-slim-plugin$"
has '^runs from      /usr/share/docker-slim-plugin$'
if /usr/bin/docker-slim install-plugin 2>"$said"; then exit 1; fi
has "^docker slim: cannot install the plugin: it is installed by the distribution's package"
tail -n 1 "$said"
