"""Trees of distributions' packages, in which scripts/package and scripts/matrix try docker slim.

A tree is a stack of directories, put together by overlayfs. The lowest is made by mmdebstrap, others on top of it by
commands that run in the tree; they are kept in $DOCKER_SLIM_TREES, by default /var/tmp/docker-slim-trees, for a week.
A command runs in namespaces of its own (mounts, pids, and a network if wanted), and what it writes is its own.

Nothing else is left, however a script ends: killed, too, as all that it starts is ended by the kernel then.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
PLACE = Path(os.environ.get("DOCKER_SLIM_TREES") or "/var/tmp/docker-slim-trees")
WEEK = 7 * 86400
SUITES = {"trixie": (), "sid": ('--aptopt=Acquire::Check-Valid-Until "false"',)}
"""The options of mmdebstrap for each distribution."""
PACKAGES = (
    "attr bash-completion busybox-static ca-certificates curl docker-cli docker.io fish gcc iproute2 iptables "
    "libc6-dev libcap2-bin libseccomp2 man-db nginx openssl procps python3-venv strace zsh"
)
"""None of them is a Python library: what docker slim needs comes with its package."""
SPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends"


class Failed(Exception):
    """A step did not work; the text says which, and the end of what it said."""


class Processes:
    """What has been started. All of it ends with us, even when we are killed: the kernel sees to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] | None = set()

    def run(self, *argv: str, what: str, data: str = "", environment: dict[str, str] | None = None) -> str:
        """Run a command and return what it says; Failed when it fails."""
        bound = ("setpriv", "--pdeathsig=KILL", *argv)
        with self._lock:
            if self._running is None:
                raise Failed(f"{what}: not begun")
            process = subprocess.Popen(
                bound, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                errors="replace", env=environment, start_new_session=True,
            )  # fmt: skip
            self._running.add(process)
        said, _ = process.communicate(data)
        with self._lock:
            if self._running is not None:
                self._running.discard(process)
        if process.returncode:
            end = "\n".join(said.splitlines()[-40:])
            raise Failed(f"cannot {what}: {argv[0]}: status {process.returncode}\n{end}")
        return said

    def end(self) -> None:
        """Kill what runs, and start nothing more."""
        with self._lock:
            running, self._running = self._running or set(), None
        for process in running:
            process.kill()
            process.wait()


PROCESSES = Processes()
run = PROCESSES.run


def say(text: str) -> None:
    print(text, flush=True)


@dataclass(frozen=True)
class Tree:
    """A distribution, and what has been installed in it."""

    suite: str
    layers: tuple[Path, ...]
    """The topmost first."""
    recipe: str
    """What it was made of."""

    def enter(self, own: Path, argv: list[str], *, alone: bool = False) -> str:
        """Run a command in the tree and return what it says; what it writes stays in `own`, and is found by the next.

        `alone`: without a network but its own.
        """
        environment = {name: value for name, value in os.environ.items() if is_of_network(name)}
        environment |= {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        lower = ":".join(map(str, self.layers))
        script = (str(HERE / "scripts/tree"), lower, str(own), str(PLACE / "checkout"), "alone" if alone else "online")
        network = ("--net",) if alone else ()
        what = f"run what is to be run in {own.name}"
        return run(*SPACES, *network, *script, *argv, what=what, environment=environment)

    def with_layer(self, name: str, script: str, file: Path | None = None) -> Tree:
        """Return the tree after `script` has run in it, with `file` in /tmp; made again only when it is old."""
        own, recipe = PLACE / f"{self.suite}-{name}", f"{self.recipe}\n{script}"
        if not current(own, recipe):
            shutil.rmtree(own, ignore_errors=True)
            (own / "tmp").mkdir(parents=True)
            if file:
                shutil.copy2(file, own / "tmp")
            self.enter(own, ["sh", "-euc", script])
            (own / "made-by").write_text(recipe)
        return Tree(self.suite, (own / "upper", *self.layers), f"{recipe} {made_at(own)}")


def is_of_network(variable: str) -> bool:
    """Tell whether a variable says how to reach the network; pip's also name files of this host."""
    files = ("PIP_FIND_LINKS", "PIP_CONSTRAINT", "PIP_EXTRA_INDEX_URL")
    return variable.lower().endswith("_proxy") or (variable.startswith("PIP_") and variable not in files)


def current(directory: Path, recipe: str) -> bool:
    """Tell whether a directory was made by this recipe, less than a week ago."""
    stamp = directory / "made-by"
    return stamp.exists() and stamp.read_text() == recipe and time.time() - stamp.stat().st_mtime < WEEK


def made_at(directory: Path) -> int:
    return (directory / "made-by").stat().st_mtime_ns


def base(suite: str) -> Tree:
    """Return the tree of a distribution; Failed without a package archive."""
    own = PLACE / suite
    if not current(own, PACKAGES):
        shutil.rmtree(own, ignore_errors=True)
        own.mkdir(parents=True)
        make = ("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES.replace(' ', ',')}", *SUITES[suite])
        what = f"make a tree of {suite} (it needs a package archive)"
        run(*SPACES, "--mount-proc", *make, suite, str(own / "upper"), what=what)
        (own / "made-by").write_text(PACKAGES)
    return Tree(suite, (own / "upper",), f"{PACKAGES} {made_at(own)}")


def builder(suite: str) -> Tree:
    """Return a tree with what debian/control demands for a build, and lintian."""
    control = (HERE / "debian/control").read_text().partition("\n\n")[0]
    demanded = hashlib.sha256(control.encode()).hexdigest()[:12]
    build_dep = "DEBIAN_FRONTEND=noninteractive apt-get build-dep -y -qq --no-install-recommends ./"
    script = f": {demanded}; apt-get update -qq; cd /src; {build_dep}; {INSTALL} lintian; apt-get clean"
    return base(suite).with_layer("builder", script)


def copied() -> str:
    """Copy the checkout, changes and new files included, to where trees see it; return the digest of its files."""
    target, digest = PLACE / "checkout", hashlib.sha256()
    shutil.rmtree(target, ignore_errors=True)
    listing = ("git", "-C", str(HERE), "ls-files", "--cached", "--others", "--exclude-standard")
    listed = run(*listing, what="list the checkout")
    for name in sorted(filter(None, listed.split("\n"))):
        if (HERE / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(HERE / name, target / name)
            digest.update(f"{name}\0{(HERE / name).stat().st_mode:o}\0".encode() + (HERE / name).read_bytes())
    return digest.hexdigest()


def deb(suite: str, digest: str) -> Path:
    """Return the .deb of the checkout, built in the distribution; it is kept until the checkout changes."""
    place = PLACE / f"{suite}-deb"
    if not current(place, digest):
        shutil.rmtree(place, ignore_errors=True)
        own = PLACE / "own" / f"{suite}-deb"
        builder(suite).enter(own, ["/src/scripts/build-deb", "/tmp/built"])
        (own / "tmp/built").rename(place)
        shutil.rmtree(own)
        (place / "made-by").write_text(digest)
    return next(place.glob("docker-slim-plugin_*.deb"))


def clean() -> None:
    """Remove what this script, or one before that was killed, has left on disk besides the trees."""
    shutil.rmtree(PLACE / "own", ignore_errors=True)
    for top in Path("/sys/fs/cgroup").glob("**/docker-slim-trees"):
        for directory, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                os.rmdir(directory)


def started(script: str, main: Callable[[list[str]], int], names: list[str]) -> int:
    """Run a script's `main` with the names that were asked for, by default all; return its exit status."""
    asked = sys.argv[1:] or names
    unknown = [name for name in asked if name not in names]
    if unknown or os.geteuid() != 0:
        print(f"{script}: no such name: {unknown[0]}" if unknown else f"{script}: needs root", file=sys.stderr)
        return 2

    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended)
    PLACE.mkdir(parents=True, exist_ok=True)
    clean()
    try:
        return main(asked)
    except Failed as error:
        print(f"{script}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{script}: ended", file=sys.stderr)
        return 130
    finally:
        PROCESSES.end()
        clean()
