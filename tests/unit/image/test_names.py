from __future__ import annotations

import pytest

from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.image.names import ImageNames, make_base_name, make_names
from docker_slim_plugin.model.image import SourceImage
from tests.observed import source_image

ID = "4dadf608d5d4" + "0" * 52


def source(reference: str, *tags: str) -> SourceImage:
    return source_image(reference=reference, id=f"sha256:{ID}", tags=tags)


@pytest.mark.parametrize(
    ("reference", "tags", "layered"),
    [
        pytest.param("nginx", ["nginx:latest"], "nginx:latest-slim", id="no tag"),
        pytest.param("nginx:1.27", ["nginx:1.27"], "nginx:1.27-slim", id="a tag"),
        pytest.param("host:5000/a/b", ["host:5000/a/b:latest"], "host:5000/a/b:latest-slim", id="a host with a port"),
        pytest.param("nginx@sha256:ab", ["nginx:1"], "nginx:latest-slim", id="a digest"),
        pytest.param("nginx:1@sha256:ab", [], "nginx:1-slim", id="a tag and a digest"),
        pytest.param(ID[:12], ["app:2", "app:latest"], "app:2-slim", id="an id of an image that has a name"),
        pytest.param(ID[:5], [], f"slim:{ID[:12]}-slim", id="a short id"),
        pytest.param(f"sha256:{ID}", [], f"slim:{ID[:12]}-slim", id="a whole id"),
        pytest.param("4dadf6", ["4dadf6:latest"], "4dadf6:latest-slim", id="a name that looks like the id"),
        pytest.param("docker.io/library/nginx", ["nginx:latest"], "docker.io/library/nginx:latest-slim", id="in full"),
    ],
)
def test_default_names(reference: str, tags: list[str], layered: str) -> None:
    assert make_names(source(reference, *tags), "") == ImageNames(layered, f"{layered}-squashed", f"{layered}-confined")


@pytest.mark.parametrize(
    ("wanted", "layered"),
    [("small", "small:latest"), ("small:1", "small:1"), ("h:1/a_b/c--d:X.y", "h:1/a_b/c--d:X.y"), ("H.example/a", "H.example/a:latest")],
)
def test_wanted_names(wanted: str, layered: str) -> None:
    found = make_names(source("nginx"), wanted)
    assert (found.of("layered"), found.of("squashed")) == (layered, f"{layered}-squashed")


@pytest.mark.parametrize("wanted", ["Nginx", "a b", "a:-x", "a:b:c", "a@sha256:ab", "-a", "a\n"])
def test_what_is_no_name(wanted: str) -> None:
    with pytest.raises(UsageError, match="as an image's name"):
        make_names(source("nginx"), wanted)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        pytest.param("a:" + "x" * 125, "too long", id="no room for -squashed"),
        pytest.param("nginx", "its? is the source's own name|own name", id="the source's name"),
        pytest.param("nginx:stable", "own name", id="another name of the source"),
        pytest.param("docker.io/library/nginx:latest", "own name", id="the source's name in full"),
    ],
)
def test_refused_names(wanted: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_names(source("nginx", "nginx:latest", "nginx:stable"), wanted)


def test_the_squashed_name_must_not_be_the_source_s_either() -> None:
    with pytest.raises(UsageError, match="own name"):
        make_names(source("a:1-squashed", "a:1-squashed"), "a:1")


def test_base_name() -> None:
    assert make_base_name(source("debian:bookworm", "debian:bookworm"), "") == "debian:bookworm-base"
    assert make_base_name(source("debian"), "mine") == "mine:latest"
