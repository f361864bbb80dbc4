"""xray on images made by hand: what no Dockerfile can make, odd names, rights, secrets. On a real engine."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cases.harness import SLIM, docker
from tests.certificates import certificate, pem
from tests.integration.workflows.test_run import build, remove
from tests.layers import STACK, layer, load
from tests.schema import XRAY_SCHEMA, violations

pytestmark = pytest.mark.integration
HAND, ODD, DEBIAN = "docker-slim-test/xray-hand", "docker-slim-test/xray-odd", "docker-slim-test/xray-debian"
ROOT = Path(__file__).parents[3]
NET_RAW = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
KEY = b"-----BEGIN PRIVATE KEY-----\n" + b"U0VDUkVU" * 12 + b"\n-----END PRIVATE KEY-----\n"
PROGRAM = {"mode": 0o755, "content": b"\x7fELF program"}
FILES = layer({
    "bin/": "", "bin/sh": PROGRAM, "bin/su": {**PROGRAM, "mode": 0o4755}, "bin/wall": {**PROGRAM, "mode": 0o2755, "gid": 5},
    "bin/ping": {**PROGRAM, "xattrs": {"security.capability": NET_RAW}},
    "open/": {"mode": 0o777}, "tmp/": {"mode": 0o1777}, "open/file": {"mode": 0o666, "content": b"x"},
    "srv/": "", "srv/one": b"duplicate", "srv/two": b"duplicate", "srv/three": "= srv/two",
    "srv/key\n<b>\x1b[31m\udcff": KEY, "srv/.npmrc": b"//registry.example/:_authToken=abcdef\n",
    "srv/ends.pem": pem(certificate(b"ends <soon>", after=b"270101000000Z")).encode(),
})  # fmt: skip
APP = r"""
FROM debian:bookworm
RUN echo one >/srv/file && ln /srv/file /srv/linked && mkdir /srv/dir && echo two >/srv/dir/two
RUN rm -r /srv/dir && echo three >/srv/file && cp /bin/cat /srv/cat
ENV API_TOKEN=abc
"""


@pytest.fixture(scope="module", autouse=True)
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    load(HAND, STACK, tmp_path_factory.mktemp("hand"))
    load(ODD, [FILES], tmp_path_factory.mktemp("odd"), {"Env": ["DB_PASSWORD=U0VDUkVU"]})
    build(tmp_path_factory.mktemp("debian"), DEBIAN, APP)
    yield
    remove(HAND, ODD, DEBIAN)


def xray(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([*SLIM, "xray", *words], check=False, capture_output=True, text=True, cwd=cwd, env=environment)


def document(*words: str) -> Any:
    answer = xray("--format=json", *words)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert violations(found, XRAY_SCHEMA) == []
    return found


def size(image: str) -> int:
    return int(docker("inspect", "--format={{.Size}}", image))


def test_layers_made_by_hand() -> None:
    found = document("--files", HAND)
    assert [one["Size"] for one in found["Layers"]] == [275, 91, 1]
    assert (found["WastedBytes"], found["UserBytes"], found["Efficiency"]) == (286, 92, 283 / 480)
    assert found["Image"]["Size"] == size(HAND) == 275 + 91 + 1
    assert found["Warnings"] == []
    # What a container sees: file, link, hard (a link of file), same, opaque/1, turns, sub/x.
    assert (found["Files"], found["Size"]) == (6, 10 + 4 + 20 + 8 + 3 + 1)
    assert {"Path": "/opaque/2", "State": "deleted", "Size": 0, "Before": 5} in found["Layers"][1]["Changes"]


def test_rights_certificates_and_secrets() -> None:
    found = document(ODD)
    assert [(one["Path"], one["Mode"], one["GID"], one["Capabilities"]) for one in found["Privileged"]] == [
        ("/bin/ping", "0755", 0, ["cap_net_raw=ep"]),
        ("/bin/su", "4755", 0, []),
        ("/bin/wall", "2755", 5, []),
    ]
    assert [(one["Path"], one["Kind"]) for one in found["Writable"]] == [("/open", "dir"), ("/open/file", "file")]
    assert found["Shells"] == [{"Path": "/bin/sh", "Target": ""}]
    assert {tuple(one["Paths"]) for one in found["Duplicates"]} == {
        ("/srv/one", "/srv/three"), ("/bin/ping", "/bin/sh", "/bin/su", "/bin/wall"),
    }  # fmt: skip
    assert [(one["Path"], one["Kinds"]) for one in found["Secrets"]] == [
        ("/srv/.npmrc", ["npm password"]),
        ("/srv/key\n<b>\x1b[31m\udcff", ["private key"]),
    ]
    assert found["SecretVariables"] == ["DB_PASSWORD"]
    assert [(one["Subject"], one["NotAfter"]) for one in found["Certificates"]] == [("ends <soon>", "2027-01-01T00:00:00+00:00")]


def test_nothing_of_a_secret_is_shown_and_nothing_controls_the_terminal() -> None:
    for words in ([ODD], ["--files", ODD], ["--format=json", ODD], ["--format=json", "--files", ODD]):
        answer = xray(*words)
        assert answer.returncode == 0
        for secret in ("U0VDUkVU", "abcdef"):
            assert secret not in answer.stdout + answer.stderr
        assert all(line.isprintable() for line in (answer.stdout + answer.stderr).split("\n"))
    assert "/srv/key\\n<b>\\x1b[31m\\xff" in xray(ODD).stdout


def test_an_image_of_a_distribution() -> None:
    found = document("--files", DEBIAN)
    assert found["Image"]["Size"] == size(DEBIAN) == sum(one["Size"] for one in found["Layers"])
    assert (found["Warnings"], found["PackageSystem"], found["SecretVariables"]) == ([], "dpkg", ["API_TOKEN"])
    assert sum(one["Size"] for one in found["Packages"]) == found["Size"]
    first, second = ({one["Path"]: one["State"] for one in layer["Changes"]} for layer in found["Layers"][-2:])
    assert first == {"/srv/file": "added", "/srv/linked": "added", "/srv/dir/two": "added"}
    # A hard link is copied up with its other name.
    assert second["/srv/dir/two"] == "deleted"
    assert second["/srv/file"] == "changed"
    assert {"/usr/bin/cat", "/srv/cat"} <= {path for one in found["Duplicates"] for path in one["Paths"]}
    assert "/usr/bin/passwd" in {one["Path"] for one in found["Privileged"]}
    assert "rm -r /srv/dir" in found["Layers"][-1]["CreatedBy"]


def test_rules(tmp_path: Path) -> None:
    (tmp_path / ".dive-ci").write_text("rules: {lowestEfficiency: 0.5, highestUserWastedPercent: off, highestWastedBytes: 286B}")
    assert xray("--ci", HAND, cwd=tmp_path).returncode == 0
    answer = xray("--ci", "--rule=highestWastedBytes=285", "--format=json", HAND, cwd=tmp_path)
    assert answer.returncode == 4
    assert {one["Name"]: one["Met"] for one in json.loads(answer.stdout)["Rules"]} == {"lowestEfficiency": True, "highestWastedBytes": False}
    assert "warning: a gate failed: highestWastedBytes=285: 286 wasted bytes" in answer.stderr
    answer = xray("--ci", "--rule=highestSecrets=2", ODD, cwd=tmp_path)
    assert (answer.returncode, "FAIL  highestSecrets=2: 3 files" in answer.stdout) == (4, True)
    for words in (["--ci", "--ci-config=none", HAND], ["--ci", "--rule=x=1", HAND], ["--rule=highestSecrets=1", HAND], ["--format=x", HAND], ["docker-slim-test/none", "--pull=never"]):
        answer = xray(*words, cwd=tmp_path)
        assert answer.returncode in (1, 2)
        assert answer.stderr.startswith("docker slim: cannot ")
        assert "\n  try: " in answer.stderr


@pytest.mark.parametrize("after", [0.2, 0.7, 1.2, 2.0, 3.0])
def test_nothing_is_left_behind(tmp_path: Path, after: float) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([*SLIM, "xray", DEBIAN], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    time.sleep(after)
    process.terminate()
    assert process.wait(30) in (130, 0, -signal.SIGTERM)
    assert list(tmp_path.iterdir()) == []
    assert docker("ps", "-aq", "--filter", f"ancestor={DEBIAN}") == ""
