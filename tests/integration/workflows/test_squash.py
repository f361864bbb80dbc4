"""Layers merged: all of them, and those above a base. On a real engine, compared by the tests' own reading of the trees."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.engine.container import INIT_LAYER
from tests.archives import add, imported
from tests.cases.harness import SLIM
from tests.faithful import differences, inspected, tree, untouched
from tests.integration.workflows.test_run import build, remove

pytestmark = pytest.mark.integration

IMAGE, NEW = "docker-slim-test/layers", "docker-slim-test/merged:1"
BASE = "docker-slim-test/one-layer"
"""One layer with busybox: the files of a distribution take most of the time, and show no more."""
COMMANDS = ("cat", "chmod", "chown", "cp", "head", "ln", "mkdir", "mv", "rm", "touch")
APP = rf"""
FROM {BASE}
RUN mkdir -p /d/sub /gone /opaque && head -c 3000000 /dev/zero >/d/a && echo 1 >/d/sub/b && ln /d/sub/b /d/hard \
 && echo x >/gone/x && ln -s /d /link && echo lx >/lx && touch /opaque/old
RUN rm -rf /gone /opaque && mkdir /opaque && touch /opaque/new && echo 2 >/d/a && rm /d/sub/b && mv /lx /ly \
 && rm /link && mkdir /link && chmod 4755 /usr/bin/own && chown 7:8 /ly
RUN rm -rf /d/sub && echo f >/d/sub && ln /d/hard /d/hard2 && mkdir /gone && echo y >/gone/y && rm -r /usr/share/doc
ENV A=b
LABEL note=it
CMD ["cat", "/d/a"]
"""


@pytest.fixture(scope="module", autouse=True)
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    directory = tmp_path_factory.mktemp("squash")
    busybox = Path("/bin/busybox").read_bytes()
    with tarfile.open(directory / "base.tar", "w") as tar:
        add(tar, "bin/busybox", content=busybox, mode=0o755)
        for name in ("sh", *COMMANDS):
            add(tar, f"bin/{name}", type=tarfile.SYMTYPE, linkname="busybox")
        add(tar, "usr/bin/own", content=busybox, mode=0o755)
        for name in ("second", "third"):
            add(tar, f"usr/bin/{name}", type=tarfile.LNKTYPE, linkname="usr/bin/own", mode=0o755)
        add(tar, "usr/share/doc/text", content=b"text")
        add(tar, "lx", content=b"lx")
    imported(BASE, directory / "base.tar", "ENV PATH=/bin:/usr/bin")
    build(directory, IMAGE, APP)
    yield
    remove(IMAGE, NEW, f"{IMAGE}:latest-squashed", BASE)


def squash(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SLIM, "squash", *words], check=False, capture_output=True, text=True)


def squashed(*words: str) -> dict[str, Any]:
    return dict(json.loads(squash("--format=json", f"--tag={NEW}", *words, IMAGE).stdout))


@pytest.mark.parametrize(
    ("words", "layers"), [((), 1), ((f"--base={BASE}",), 2), (("--from=2",), 3), (("--from=3",), 2)]
)
def test_the_tree_is_the_same_bit_for_bit(words: tuple[str, ...], layers: int) -> None:
    with untouched(IMAGE):
        report = squashed(*words)
    assert len(inspected(NEW)["RootFS"]["Layers"]) == len(report["Image"]["Layers"]) == layers
    assert report["Merged"] == 5 - layers
    # The labels that name the source are for slim images.
    assert [one for one in differences(IMAGE, NEW) if "there is no label" not in one] == []
    # In every container, docker covers a few names with its own files; `docker build` leaves empty ones in the layers.
    assert set(tree(IMAGE, hashed=())) - set(tree(NEW, hashed=())) <= set(INIT_LAYER)
    assert set(tree(NEW, hashed=())) <= set(tree(IMAGE, hashed=()))
    assert report["Image"]["ID"] == inspected(NEW)["Id"]
    assert squashed(*words)["Image"]["ID"] == report["Image"]["ID"]


def test_what_is_hidden_is_saved() -> None:
    report = squashed()
    assert report["Saved"] == report["Source"]["Size"] - report["Image"]["Size"] > 3_000_000
    assert subprocess.check_output(["docker", "run", "--rm", NEW]) == b"2\n"


def test_the_layers_of_the_base_stay_and_the_history() -> None:
    diff_ids = inspected(BASE)["RootFS"]["Layers"]
    words = squashed(f"--from={diff_ids[-1]}")
    assert words["Image"]["Layers"][: len(diff_ids)] == diff_ids
    history = subprocess.check_output(["docker", "history", "--no-trunc", "--format={{.CreatedBy}}", NEW], text=True).splitlines()
    assert history[0] == "docker slim squash: 3 layers"
    assert "rm -r /usr/share/doc" in history[4]


def test_the_name_and_the_words() -> None:
    done = squash(IMAGE)
    assert done.returncode == 0
    assert f"{IMAGE}:latest-squashed" in done.stdout
    assert "4 layers merged" in done.stdout
    assert squash("-q", IMAGE).stdout == f"{inspected(f'{IMAGE}:latest-squashed')['Id']}\n"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("debian:bookworm",), 1, "the layers of debian:bookworm: it has fewer than two"),
        (("--from=9", IMAGE), 1, f"cannot squash 9 layers: {IMAGE} has 4"),
        (("--from=1", IMAGE), 1, "fewer than two of its layers are above the 3 that stay"),
        (("--from=beef" * 9, IMAGE), 2, "has that diff id"),
        (("--from=", IMAGE), 2, "cannot use --from: its value is empty"),
        (("--base", "", IMAGE), 2, "cannot use --base: its value is empty"),
        (("",), 2, "the name is empty"),
        (("--from=2", "--base=debian:bookworm", IMAGE), 2, "--from and --base together"),
        ((f"--base={IMAGE}", "debian:bookworm"), 1, "is not built on them"),
        (("--tag=debian:bookworm", IMAGE), 1, "docker slim did not write it"),
        (("docker-slim-test/none", "--pull=never"), 1, "cannot find the image"),
    ],
)
def test_bad_input(words: tuple[str, ...], status: int, said: str) -> None:
    done = squash(*words)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        pytest.param("RUN mkdir /w && cp -p /bin/busybox /w/a && cp -p /w/a /w/b\nRUN ln -f /w/a /w/b", "--from=2", id="linked later"),
        pytest.param("RUN chmod -R go-w /usr/bin", f"--base={BASE}", id="each name has its own copy"),
        pytest.param("RUN mkdir /w && cp -p /bin/busybox /w/a && ln /w/a /w/b\nRUN cp -p /w/a /w/c && mv /w/c /w/b", "--from=2", id="replaced by a copy"),
    ],
)  # fmt: skip
def test_hard_links_are_those_of_the_source(steps: str, words: str, tmp_path: Path) -> None:
    name = f"{IMAGE}-links"
    build(tmp_path, name, f"FROM {BASE}\n{steps}\nRUN touch /z\n")
    try:
        done = squash(f"--tag={NEW}", words, name)
        assert done.returncode == 0, done.stderr
        assert linked(NEW) == linked(name)
    finally:
        remove(name)


def linked(image: str) -> set[frozenset[str]]:
    """Return the names of each file that has several."""
    names: dict[tuple[int, int], set[str]] = {}
    for path, node in tree(image, hashed=()).items():
        if node.kind != "directory":
            names.setdefault(node.inode, set()).add(path)
    return {frozenset(group) for group in names.values() if len(group) > 1}


def test_a_name_of_its_own_is_taken_again(tmp_path: Path) -> None:
    file = tmp_path / "id"
    assert squash(f"--tag={NEW}", f"--iidfile={file}", IMAGE).returncode == 0
    assert file.read_text() == inspected(NEW)["Id"]
