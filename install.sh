#!/bin/sh
# Install docker slim, a plugin of the docker command line. Safe to run again: that is also how to upgrade.
set -eu
umask 022
# What would lead Python or pip elsewhere than into our own environment.
unset PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV

usage() {
    cat <<'END'
usage: ./install.sh [--user] [--demo | --uninstall]

  (no option)   install the plugin for all users (as root); no engine is touched
  --user        install it for this user only, below the home directory
  --demo        install what is missing, the Docker Engine included, and slim nginx
  --uninstall   remove the plugin (with --user: this user's), its environment and its reports
END
}

mark='# launcher of docker-slim-plugin' # how we know our own files again
here=$(cd "$(dirname "$0")" && pwd)
called="$0 $*"
user=no demo=no uninstall=no

say() { printf '==> %s\n' "$*"; }
die() {
    printf 'install.sh: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '  try: %s\n' "$2" >&2
    exit 1
}

places() {
    if [ "$user" = yes ]; then
        system=
        lib=$HOME/.local/lib/docker-slim
        plugins=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins
        bin=$HOME/.local/bin
    else
        system=--system
        lib=/usr/local/lib/docker-slim
        plugins=/usr/local/lib/docker/cli-plugins
        bin=/usr/local/bin
    fi
    plugin=$plugins/docker-slim
}

as_root() { [ "$(id -u)" = 0 ] || die "cannot $1 without root" "sudo $called"; }

# ours FILE: whether FILE is our launcher, or a link to it (also a dangling one)
ours() {
    if [ -L "$1" ]; then [ "$(readlink "$1")" = "$plugin" ]; else grep -qsF "$mark" "$1"; fi
}

# apt PACKAGE...: install packages of the distribution, said before it is done
apt() {
    command -v apt-get >/dev/null || die "cannot install $*: there is no apt-get here" "install them by hand, then run this again"
    as_root "install $*"
    say "installing from the distribution: $*"
    [ "${apt_updated:-}" ] || apt-get update -qq
    apt_updated=yes
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# find_python: set $python to an interpreter of 3.11 or later, the distribution's own first
find_python() {
    for python in /usr/bin/python3 python3.14 python3.13 python3.12 python3.11 python3; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$(command -v "$python")
            return 0
        fi
    done
    return 1
}

python_ready() {
    find_python || {
        command -v apt-get >/dev/null && ! [ -e /usr/bin/python3 ] && apt python3 python3-venv && find_python
    } || die "cannot find Python 3.11 or later" "apt-get install python3 (Debian 12 or later)"
    "$python" -c 'import venv, ensurepip' 2>/dev/null || {
        # Debian keeps ensurepip apart; python3.X-venv fits the interpreter that was found.
        apt "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    }
    "$python" -c 'import ctypes; ctypes.CDLL("libseccomp.so.2")' 2>/dev/null || {
        if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
            apt libseccomp2
        else
            say "libseccomp is missing: docker slim works without, but slower"
        fi
    }
}

install_plugin() {
    [ "$user" = yes ] || as_root "install for all users (--user: for you alone)"
    for file in "$plugin" "$bin/docker-slim"; do
        { [ ! -e "$file" ] && [ ! -L "$file" ]; } || ours "$file" ||
            die "cannot install: $file belongs to something else" "remove or rename it first"
    done
    for file in /usr/lib/docker/cli-plugins/docker-slim /usr/libexec/docker/cli-plugins/docker-slim; do
        [ ! -e "$file" ] || die "cannot install: the distribution's package has docker slim already ($file)" \
            "docker slim version, or remove the package first: apt-get remove docker-slim-plugin"
    done
    python_ready
    say "installing docker slim into $lib (Python: $python)"
    "$lib/bin/python" -c 'import sys' 2>/dev/null || rm -rf "$lib"
    "$python" -m venv "$lib"
    "$lib/bin/python" -m pip install -qq --disable-pip-version-check --no-input --no-cache-dir --upgrade "${here}[report,sbom]"
    rm -f "$lib/launch.py" # of earlier versions
    "$lib/bin/python" -I -m docker_slim_plugin install-plugin $system >/dev/null
    mkdir -p "$bin"
    ln -sf "$plugin" "$bin/docker-slim"
    "$plugin" docker-cli-plugin-metadata >/dev/null || die "cannot run the plugin that was just installed" "$plugin --help"
    say "installed: docker slim, and $bin/docker-slim"
}

uninstall_plugin() {
    [ "$user" = yes ] || as_root "uninstall"
    for file in "$bin/docker-slim" "$plugin"; do
        if ours "$file"; then rm -f "$file"; fi
    done
    rm -rf "$lib" "${XDG_STATE_HOME:-$HOME/.local/state}/docker-slim"
    # Directories that only we needed; those that hold anything stay.
    rmdir "$plugins" "${plugins%/*}" 2>/dev/null || true
    [ "$user" = no ] || (cd "$HOME" && rmdir .local/bin .local/lib .local/state .local 2>/dev/null) || true
    say "removed docker slim (the engine and its images stay)"
}

# The demo

engine_answers() { timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

engine_ready() {
    if command -v docker >/dev/null && engine_answers; then return 0; fi
    command -v dockerd >/dev/null || apt docker.io iptables ca-certificates
    command -v docker >/dev/null || apt docker-cli # apart since Debian 13
    "$here/scripts/engine"
    hash -r
    engine_answers || die "cannot reach the Docker Engine" "docker version"
}

# pulled: get nginx from a registry, if one answers within 15 seconds; once it does, take the time it takes
pulled() {
    log=$(mktemp)
    docker pull nginx:latest >"$log" 2>&1 &
    pull=$!
    waited=0
    while kill -0 "$pull" 2>/dev/null; do
        if [ "$waited" -ge 15 ] && ! grep -q 'Pulling from' "$log"; then
            kill "$pull" 2>/dev/null || true
            break
        fi
        sleep 1
        waited=$((waited + 1))
    done
    rm -f "$log"
    wait "$pull" 2>/dev/null
}

demonstrate() {
    if docker image inspect nginx:latest >/dev/null 2>&1; then
        say "using the nginx image that is here already"
    else
        say "pulling nginx"
        pulled || {
            say "no registry answers: making an nginx image from the distribution's own packages"
            command -v mmdebstrap >/dev/null || apt mmdebstrap
            "$here/scripts/demo-image"
        }
    fi
    say "docker slim run nginx"
    docker slim run nginx
    say "the images"
    docker image ls nginx
}

while [ $# -gt 0 ]; do
    case $1 in
    --user) user=yes ;;
    --demo) demo=yes ;;
    --uninstall) uninstall=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    shift
done
if [ "$demo$uninstall" = yesyes ]; then
    usage >&2
    exit 2
fi
places
if [ "$uninstall" = yes ]; then
    uninstall_plugin
    exit 0
fi
[ "$demo" = no ] || as_root "set up the demo"
[ "$demo" = no ] || engine_ready
install_plugin
[ "$demo" = no ] || demonstrate
