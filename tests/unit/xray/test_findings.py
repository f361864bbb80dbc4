"""The JSON form of findings, held to docs/xray-schema.json."""

from __future__ import annotations

import json
from typing import Any

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.workflows.xray import XrayResult
from docker_slim_plugin.xray.rules import check_rules
from tests.schema import XRAY_SCHEMA, violations
from tests.xrayed import TREE, findings


def document(**more: Any) -> Any:
    found = findings(**more)
    return json.loads(json.dumps(XrayResult(found, check_rules({"highestSecrets": "0", "lowestEfficiency": "0.1"}, found)).to_json()))


def test_the_schema() -> None:
    special = Entry(path=RootPath("/su"), kind=EntryKind.FILE, mode=0o4777, uid=3, xattrs=(("security.capability", b"x"),))
    for one in (document(), document(listed=True), document(tree={}), document(tree={**TREE, "/su": special})):
        assert violations(one, XRAY_SCHEMA) == []
    assert document(tree={"/su": special})["Privileged"] == [
        {"Path": "/su", "Mode": "4777", "UID": 3, "GID": 0, "Capabilities": ["unreadable"], "Package": ""}
    ]


def test_every_field_of_the_schema_is_there() -> None:
    assert set(document()) == set(XRAY_SCHEMA["properties"])


def test_layers_and_waste() -> None:
    found = document(listed=True)
    assert [one["Size"] for one in found["Layers"]] == [275, 91, 1]
    assert found["Layers"][2]["Changes"][0] == {"Path": "/dir/a", "State": "deleted", "Size": 0, "Before": 60}
    assert "Changes" not in document()["Layers"][2]
    assert (found["WastedBytes"], found["UserBytes"], found["UserWastedPercent"]) == (286, 92, 286 / 92)
    assert found["Waste"][0] == {"Path": "/dir/a", "Layers": 2, "Size": 160}


def test_names_are_exact_and_contents_are_not_there() -> None:
    text = json.dumps(document())
    found = json.loads(text)
    assert [one["Path"] for one in found["Secrets"]] == ["/srv/key\n<b>\x1b[31m"]
    assert found["Duplicates"] == [{"Size": 9, "Paths": ["/srv/one", "/srv/two\u202e"], "Extra": 9}]
    assert [(one["Subject"], one["Days"]) for one in found["Certificates"]] == [("soon\x1b[31m", 9), ("later", 3651)]
    assert "AAAA" not in text
    assert found["SecretVariables"] == ["API_KEY"]


def test_the_rules() -> None:
    assert document()["Rules"] == [
        {"Name": "highestSecrets", "Limit": "0", "Found": 2, "Met": False},
        {"Name": "lowestEfficiency", "Limit": "0.1", "Found": 283 / 480, "Met": True},
    ]
