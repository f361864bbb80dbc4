"""The configuration of a slim image is that of its source."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image.config import (
    BASE_CREATED_BY,
    BASE_DIGEST,
    BASE_NAME,
    CREATED_BY,
    LEVEL,
    add_labels,
    compare_configs,
    creation_time,
    is_slim,
    is_written_by_us,
    label_level,
    make_image_config,
)
from docker_slim_plugin.model.image import LayerBlob
from tests.observed import source_image

ID = f"sha256:{'1' * 64}"
SOURCE = source_image(reference="nginx:1", id=ID, architecture="arm", variant="v7", created="2020-01-02T03:04:05Z")
BLOBS = [
    LayerBlob(group=group, file="/x", diff_id=f"sha256:{group}", size=1, files=1) for group in ("base", "app", "config")
]
FULL: dict[str, Any] = {
    "Hostname": "", "User": "www", "AttachStdin": False, "ExposedPorts": {"80/tcp": {}}, "Tty": False,
    "Env": ["B=2", "A=", "PATH=/bin"], "Cmd": ["-g", "daemon off;"], "Entrypoint": ["/nginx"], "Image": "sha256:0",
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1_000_000_000}, "Volumes": {"/v": {}}, "WorkingDir": "/w",
    "OnBuild": ["RUN x"], "Labels": {"a": "b"}, "StopSignal": "SIGQUIT", "StopTimeout": 3, "Shell": ["/bin/sh", "-c"],
    "ArgsEscaped": True, "Unheard": {"of": [None]},
}  # fmt: skip


def document(**source: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(make_image_config(replace(SOURCE, **source), BLOBS, "layered", SOURCE.created))
    return found


def test_every_field_survives() -> None:
    found = document(config=FULL)["config"]
    assert found.pop("Labels") == {"a": "b", BASE_NAME: "nginx:1", BASE_DIGEST: ID}
    assert found == {name: value for name, value in FULL.items() if name != "Labels"}


def test_labels_of_documents_are_those_of_this_image() -> None:
    """A source that is slim itself has labels of its own SBOM."""
    source = replace(SOURCE, config={"Labels": {"a": "b", "docker-slim.sbom": "sha256:old", "docker-slim.spdx": "sha256:old"}})
    labelled = add_labels(label_level(source, "app"), {"docker-slim.sbom": "sha256:new"})
    assert labelled.config["Labels"] == {"a": "b", LEVEL: "app", "docker-slim.sbom": "sha256:new"}
    assert compare_configs(source.config, labelled.config) == ()


@pytest.mark.parametrize("empty", [None, [], {}])
def test_null_and_empty_stay_what_they_are(empty: Any) -> None:
    found = document(config={"Env": empty, "Cmd": empty, "Labels": None})["config"]
    assert (found["Env"], found["Cmd"]) == (empty, empty)


def test_fields_outside_of_the_config() -> None:
    found = document()
    assert (found["os"], found["architecture"], found["variant"]) == ("linux", "arm", "v7")
    assert found["created"] == SOURCE.created
    assert found["rootfs"] == {"type": "layers", "diff_ids": ["sha256:base", "sha256:app", "sha256:config"]}
    assert [step["created_by"] for step in found["history"]] == [
        "docker slim: base", "docker slim: app", "docker slim: config",
    ]  # fmt: skip
    assert "variant" not in document(variant="")


def test_the_digest_of_the_registry_is_the_base() -> None:
    labels = document(digests=("nginx@sha256:2", "other@sha256:3"))["config"]["Labels"]
    assert labels[BASE_DIGEST] == "sha256:2"


def test_the_same_input_gives_the_same_bytes() -> None:
    turned = dict(reversed(FULL.items()))
    first = make_image_config(replace(SOURCE, config=FULL), BLOBS, "layered", "")
    assert make_image_config(replace(SOURCE, config=turned), BLOBS, "layered", "") == first


@pytest.mark.parametrize(
    ("wanted", "given", "fields"),
    [
        pytest.param(FULL, FULL, [], id="the same"),
        pytest.param({"Env": None, "Volumes": {}}, {"Cmd": [], "ArgsEscaped": False}, [], id="null, empty and missing"),
        pytest.param({"Hostname": "a", "Image": "b"}, {}, [], id="of the container it was committed from"),
        pytest.param({}, {"Labels": {BASE_NAME: "a", BASE_DIGEST: "b"}}, [], id="our labels"),
        pytest.param({"Labels": {"a": "b"}}, {"Labels": {BASE_NAME: "a"}}, ["Labels"], id="a label is lost"),
        pytest.param({"Labels": {"a": ""}}, {}, ["Labels"], id="an empty label is lost"),
        pytest.param({"Env": ["A=1", "B="]}, {"Env": ["B=", "A=1"]}, ["Env"], id="the order of Env"),
        pytest.param({"Env": ["A="]}, {"Env": []}, ["Env"], id="an empty variable is lost"),
        pytest.param({"Shell": ["sh"], "Cmd": ["a"]}, {}, ["Cmd", "Shell"], id="two fields"),
        pytest.param({"StopTimeout": 0}, {}, ["StopTimeout"], id="no time to stop"),
        pytest.param({"Healthcheck": {"Test": ["NONE"]}}, {}, ["Healthcheck"], id="a health check turned off"),
        pytest.param(
            {"Healthcheck": {"Test": ["CMD", "a"], "Retries": 0}}, {"Healthcheck": {"Test": ["CMD", "a"]}}, [],
            id="zero in a health check",
        ),
        pytest.param({"Unheard": {"of": 1}}, {}, ["Unheard"], id="a field of a newer engine"),
    ],
)  # fmt: skip
def test_compare_configs(wanted: dict[str, Any], given: dict[str, Any], fields: list[str]) -> None:
    assert [text.split()[1] for text in compare_configs(wanted, given)] == fields
    assert [text.split()[1] for text in compare_configs(given, wanted)] == fields


def test_a_long_difference_is_shortened() -> None:
    (sentence,) = compare_configs({"Env": ["A=" + "x" * 10**6]}, {})
    assert len(sentence) < 1000


@pytest.mark.parametrize(
    ("history", "labels", "slim"),
    [
        pytest.param((), {}, False, id="no history"),
        pytest.param(({"CreatedBy": "docker slim: app"},), {}, True, id="loaded"),
        pytest.param(({"CreatedBy": None, "Comment": None},), {BASE_NAME: "a", BASE_DIGEST: "b"}, False, id="null"),
        pytest.param(
            ({"CreatedBy": "", "Comment": "Imported from -"},), {BASE_NAME: "a", BASE_DIGEST: "b"}, True, id="imported"
        ),
        pytest.param(({"CreatedBy": "", "Comment": "Imported from -"},), {}, False, id="imported by somebody else"),
        pytest.param(
            ({"CreatedBy": "COPY . /"}, {"CreatedBy": "docker slim: app"}), {}, False, id="built on a slim one"
        ),
        pytest.param(({"CreatedBy": "RUN echo docker slim: x"},), {}, False, id="named by the way"),
        pytest.param(
            ({"CreatedBy": "", "Comment": f"{BASE_CREATED_BY} debian:12"},),
            {BASE_NAME: "debian:12", BASE_DIGEST: ID},
            False,
            id="a base image",
        ),
        pytest.param(({"CreatedBy": f"{BASE_CREATED_BY} squashed"},), {}, False, id="a base image that was loaded"),
    ],
)
def test_is_slim(history: tuple[dict[str, Any], ...], labels: dict[str, str], slim: bool) -> None:
    assert is_slim(replace(SOURCE, history=history, config={"Labels": labels})) is slim


@pytest.mark.parametrize(
    ("given", "made"),
    [({}, "2024-05-06T07:08:09Z"), ({"SOURCE_DATE_EPOCH": ""}, "2024-05-06T07:08:09Z"), ({"SOURCE_DATE_EPOCH": "86400"}, "1970-01-02T00:00:00Z")],
)
def test_creation_time(given: dict[str, str], made: str) -> None:
    assert creation_time(replace(SOURCE, created="2024-05-06T07:08:09Z"), given) == made


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "9" * 12, " 1"])
def test_invalid_creation_times(given: str) -> None:
    with pytest.raises(SlimError, match="SOURCE_DATE_EPOCH"):
        creation_time(SOURCE, {"SOURCE_DATE_EPOCH": given})


@pytest.mark.parametrize(
    ("newest", "ours"),
    [
        ({"CreatedBy": f"{BASE_CREATED_BY} squashed"}, True),
        ({"CreatedBy": "", "Comment": f"{BASE_CREATED_BY} debian:12"}, True),
        ({"CreatedBy": f"{CREATED_BY} app"}, True),
        ({"CreatedBy": "RUN true", "Comment": "buildkit"}, False),
        ({}, False),
    ],
)
def test_is_written_by_us(newest: dict[str, Any], ours: bool) -> None:
    assert is_written_by_us(replace(SOURCE, history=(newest,), config={})) is ours
