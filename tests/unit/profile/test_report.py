"""The record of a profile as JSON."""

from __future__ import annotations

import json

from docker_slim_plugin.model.request import Restrictions
from docker_slim_plugin.profile.report import LINE, Attempt, ProfileReport, Repair, json_text
from docker_slim_plugin.profile.switches import conclude
from tests.evidence import call, evidence
from tests.observed import IMAGE, run_result
from tests.schema import PROFILE_SCHEMA, violations

CALLS = (call("connect", "stream", "inet", "10.0.0.1", "80", process="app secret-value"), call("openat", "/run/x"), call("shmget"))


def report(**switches: bool) -> ProfileReport:
    found = evidence(*CALLS)
    profile = conclude(found, Restrictions(**switches))
    attempt = Attempt(name="x", control="ok", default="ok", confined="EPERM", by="system calls")
    repair = Repair(because=("x",), added=profile.calls.allowed[:1] if profile.calls else ())
    return ProfileReport(
        source=IMAGE,
        evidence=found,
        profile=profile,
        result=run_result(),
        attempts=(attempt,),
        repairs=(repair,),
        run=("docker", "run", "secret-value"),
        mask=lambda text: text.replace("secret-value", "***"),
    )


def test_it_is_as_the_schema_says() -> None:
    assert violations(json.loads(report().text()), PROFILE_SCHEMA) == []
    off = report(no_syscalls=True, no_capabilities=True, no_read_only=True, no_network=True, no_ipc=True)
    assert violations(off.to_json(), PROFILE_SCHEMA) == []
    assert off.to_json()["Profile"]["Calls"] is None
    assert report().to_json()["Attempts"][0]["Stopped"] is True


def test_secrets_are_masked() -> None:
    text = report().text()
    assert "secret-value" not in text
    assert "app *** calls connect(" in text


def test_long_values_are_divided_into_lines() -> None:
    document = {"a": [{"b": "x" * 100}, {"c": "y" * 100}], "d": 1, "e": "z" * 300}
    text = json_text(document)
    assert json.loads(text) == document
    assert max(len(line) for line in text.split("\n") if "z" not in line) <= LINE
    assert text.count("\n") == 7
