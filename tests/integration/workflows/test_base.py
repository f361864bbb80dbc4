"""A base image of a real distribution is smaller, otherwise unchanged, and its package manager works."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.image.config import BASE_CREATED_BY
from tests import faithful
from tests.cases.harness import SLIM, Recipe, built, docker, forget

pytestmark = pytest.mark.integration

IMAGE = "docker-slim-test/base"
DROPPED = f"{IMAGE}:latest-base"
PURGED = f"{IMAGE}:purged"
ALL = f"{IMAGE}:all"
ON = f"{IMAGE}:on"
FILE = "/etc/dpkg/dpkg.cfg.d/docker-slim"
DOCKERFILE = r"""
FROM debian:bookworm
RUN cp /bin/true /srv/suid && chmod 4750 /srv/suid && ln /srv/suid /srv/hard && mkfifo /srv/fifo \
 && touch -d '2001-02-03 04:05:06.789' /srv/suid && mkdir -m 1777 /srv/sticky && : >"/srv/$(printf 'b\377d')" \
 && echo 'Acquire::Languages "none";' >/etc/apt/apt.conf.d/quick
ENV TZ=Japan EMPTY= A="b c"
USER 1000
WORKDIR /srv
VOLUME /data
ENTRYPOINT ["sh","-c"]
CMD ["id"]
HEALTHCHECK CMD true
"""
PERL = (
    "usrmerge,libfile-find-rule-perl,libgdbm-compat4,libgdbm6,libnumber-compare-perl,libperl5.36,libtext-glob-perl,"
    "perl,perl-modules-5.36"
)
INSTALL = """
dpkg --verify >/tmp/verified
apt-get update -qq && apt-get install -qq -y --no-install-recommends nginx >/dev/null || exit 1
dpkg --audit && apt-get check -qq || exit 1
find /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale -type f ! -name copyright ! -name locale.alias
test -f /usr/share/doc/nginx-common/copyright && nginx && echo GET / | timeout 2 bash -c '
    exec 3<>/dev/tcp/127.0.0.1/80; printf "GET / HTTP/1.0\\r\\n\\r\\n" >&3; head -n 1 <&3'
sed -n 's/^[^/]*//p' /tmp/verified
"""


# Recognise EBCDIC: a blank and a digit have other codes than in ASCII.
MAINFRAMES = r"""
cd /usr/lib/*/gconv && for name in *.so; do
    case $(printf 'A 1' | iconv -f ASCII -t ${name%.so}// 2>/dev/null | od -An -tx1) in *'c1 40 f1'*) echo $name;; esac
done
"""


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with built(Recipe(name=IMAGE, dockerfile=DOCKERFILE)) as name:
        yield name
    forget(ON, DROPPED, PURGED, ALL)


@pytest.fixture(scope="module")
def lists() -> Iterator[str]:
    """Yield a volume for apt's lists, so that they are downloaded once."""
    name = docker("volume", "create", "docker-slim-test-lists")
    yield name
    docker("volume", "rm", "-f", name)


def slim(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SLIM, "base", *arguments], check=False, capture_output=True, text=True, timeout=200)


def report(*arguments: str) -> dict[str, Any]:
    answer = slim("--format", "json", *arguments)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    assert found["Warnings"] == []
    return found


def working(base: str, volume: str) -> set[str]:
    """Assert that packages can be installed in the base and run. Return what dpkg reported as missing before."""
    options = ("--rm", "--user=0", "--entrypoint=sh", f"--volume={volume}:/var/lib/apt/lists")
    answer, *missed = docker("run", *options, base, "-c", INSTALL).splitlines()
    assert answer.strip().endswith("200 OK")
    return set(missed)


def test_dropping(image: str, lists: str, tmp_path: Path) -> None:
    with faithful.untouched(image):
        found = report("--iidfile", str(tmp_path / "id"), image)
    assert found["Image"]["ID"] == (tmp_path / "id").read_text(encoding="ascii")
    assert found["Image"]["Size"] <= 0.68 * found["Source"]["Size"]
    dropped = {one["Kind"]: one["Bytes"] for one in found["Dropped"]}
    assert dropped["locales"] > 30_000_000
    # Not exact to the byte, because the engine counts hard links twice.
    assert abs(found["Source"]["Size"] - sum(dropped.values()) - found["Image"]["Size"]) < 100_000
    assert faithful.differences(image, DROPPED) == [f"{FILE!r} is not in the source"]
    assert docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", DROPPED) == f"{BASE_CREATED_BY} squashed"

    theirs, ours = (set(faithful.tree(one, hashed=())) for one in (image, DROPPED))
    assert {"/usr/share/zoneinfo/Asia/Tokyo", "/usr/share/zoneinfo/UTC", "/var/lib/apt/lists"} <= ours
    gone = {path.rpartition("/")[2] for path in theirs - ours if "/gconv/" in path}
    assert gone == set(docker("run", "--rm", "--entrypoint=sh", image, "-c", MAINFRAMES).split())
    assert working(DROPPED, lists) <= theirs - ours


def test_an_image_on_the_base(image: str) -> None:
    command = [*SLIM, "pack", "--base", DROPPED, "--tag", ON, "--output", "layered", image, "id", "/srv"]
    answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert answer.returncode == 0, answer.stderr
    size, below = (int(docker("image", "inspect", "-f", "{{.Size}}", name)) for name in (ON, DROPPED))
    assert size == below, "the base has all that, its package database included"
    said = docker("run", "--rm", "--user=0", "--entrypoint=sh", ON, "-c", "dpkg --audit && apt-get check -qq && id -un")
    assert said == "root"


def test_dropping_all(image: str) -> None:
    found = report("--drop", "all", "--tag", ALL, image)
    assert found["Image"]["Size"] <= 0.64 * found["Source"]["Size"]
    assert found["Left"] == []
    assert faithful.differences(image, ALL) == [f"{FILE!r} is not in the source"]
    latin = "dpkg --audit && apt-get check -qq && printf '\\344' | iconv -f LATIN1 -t UTF-16LE | od -An -tx1"
    assert docker("run", "--rm", "--user=0", "--entrypoint=sh", ALL, "-c", latin).split() == ["e4", "00"]


def test_purging(image: str, lists: str) -> None:
    found = report("--purge", PERL, "--tag", PURGED, image)
    assert found["Image"]["Size"] <= 0.50 * found["Source"]["Size"]
    assert found["Purged"]["Packages"] == PERL.split(",")
    assert found["Purged"]["Instead"] == ["usr-is-merged"]
    assert faithful.config_differences(image, PURGED) == []
    assert faithful.left_behind() == []
    theirs, ours = (set(faithful.tree(one, hashed=())) for one in (image, PURGED))
    assert not [path for path in ours if path.startswith(("/var/lib/apt/lists/deb", "/var/log/apt/"))]
    missed = working(PURGED, lists)
    # The replacement package is in neither tree: its documentation was dropped too.
    assert {path for path in missed if "usr-is-merged" not in path} <= theirs - ours
    assert not [path for path in missed if path.startswith("/usr/share/perl/")]


def test_a_dry_run_reports_what_would_be_dropped(image: str) -> None:
    found = report("--dry-run", "--purge", "e2fsprogs,logsave", image)
    assert found["Image"] is None
    assert found["Purged"]["Bytes"] > 1_000_000
    groups = {group["Packages"][0]: group for group in found["Unneeded"]}
    assert groups["usrmerge"]["Instead"] == ["usr-is-merged"]
    assert set(groups["usrmerge"]["Packages"]) == set(PERL.split(","))
    assert groups["usrmerge"]["Bytes"] > 35_000_000
    assert "libss2" in groups
    assert "e2fsprogs" not in groups
    assert not docker("images", "-q", f"{IMAGE}:none")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--purge", "coreutils"), 1, "the distribution calls it essential"),
        (("--purge", "perl"), 1, "try: --purge perl,libfile-find-rule-perl,usrmerge"),
        (("--purge", "perll"), 1, "no such package is installed"),
        (("--drop", "docs,books"), 2, "cannot use --drop books"),
        (("--keep-locale", "German"), 2, "cannot read the locale"),
        (("--tag", IMAGE), 2, "the source's own name"),
    ],
)
def test_an_error(image: str, arguments: tuple[str, ...], status: int, said: str) -> None:
    answer = slim(*arguments, image)
    assert said in answer.stderr
    assert "  try: " in answer.stderr
    assert (answer.returncode, answer.stdout) == (status, "")
    assert faithful.left_behind() == []


def test_unsupported_images() -> None:
    busybox = {"busybox": Path("/bin/busybox").read_bytes()}
    with built(Recipe(name="docker-slim-test/none", dockerfile="FROM scratch\nCOPY busybox /bin/\n", files=busybox)) as name:
        answer = slim(name)
    assert answer.returncode == 1
    assert "it has no package database" in answer.stderr
    assert faithful.left_behind() == []


def prune_all() -> None:
    """Run prune until nothing is found for some seconds: the engine may still be busy with an earlier request.
    """
    deadline, clean = time.monotonic() + 60, 0
    while clean < 4 and time.monotonic() < deadline:
        time.sleep(1)
        subprocess.run([*SLIM, "prune"], check=True, stdout=subprocess.DEVNULL)
        clean = 0 if faithful.left_behind() else clean + 1


@pytest.mark.parametrize(
    ("stage", "delay", "number"),
    [
        ("purge ...", 1.0, signal.SIGTERM),
        ("write ...", 0.1, signal.SIGINT),
        ("purge ...", 0.8, signal.SIGKILL),
    ],
)
def test_a_base_that_is_stopped(image: str, stage: str, delay: float, number: signal.Signals) -> None:
    # Remove what an earlier run may have left.
    forget(f"{IMAGE}:stopped")
    argv = [*SLIM, "base", "--purge", "e2fsprogs", "--tag", f"{IMAGE}:stopped", image]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(stage):
                break
        time.sleep(delay)
        process.send_signal(number)
        said = process.stderr.read()
        status = process.wait(30)
    if number is signal.SIGKILL:
        assert faithful.left_behind()
        prune_all()
    else:
        assert status == 130
        assert "Traceback" not in said
    assert faithful.left_behind() == []
    assert not docker("images", "-q", f"{IMAGE}:stopped")
