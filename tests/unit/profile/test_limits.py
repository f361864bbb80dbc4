from __future__ import annotations

from dataclasses import replace

import pytest

from docker_slim_plugin.model.observation import Peaks
from docker_slim_plugin.model.request import LIMITS, Restrictions
from docker_slim_plugin.observe.launch import option_pairs
from docker_slim_plugin.profile.command_line import Start
from docker_slim_plugin.profile.compose import compose_document
from docker_slim_plugin.profile.evidence import Evidence
from docker_slim_plugin.profile.kubernetes import kubernetes_documents
from docker_slim_plugin.profile.limits import conclude_limits, limit_options
from docker_slim_plugin.profile.switches import conclude
from tests.evidence import call, evidence

PEAKS = Peaks(memory=100 << 20, processes=40, descriptors=600)
START = Start(image="app", options=(), entrypoint=None, command=())


def given(*options: str, peaks: Peaks = PEAKS) -> Evidence:
    found = evidence(call("read"))
    return replace(found, observations=replace(found.observations, peaks=peaks), options=tuple(option_pairs(options)))


def test_twice_the_peak() -> None:
    assert list(limit_options(conclude_limits(given(), LIMITS))) == ["--memory=208m", "--pids-limit=80", "--ulimit=nofile=1200:1200"]


def test_at_least() -> None:
    found = conclude_limits(given(peaks=Peaks(1, 1, 1)), LIMITS)
    assert [(one.name, one.value) for one in found] == [("memory", 32 << 20), ("pids", 32), ("nofile", 1024)]


@pytest.mark.parametrize(
    ("options", "wanted", "peaks", "names"),
    [
        ((), (), PEAKS, []),
        ((), ("pids",), PEAKS, ["pids"]),
        (("--memory=1g", "--pids-limit=9"), LIMITS, PEAKS, ["nofile"]),
        (("--ulimit=core=0",), LIMITS, PEAKS, ["memory", "pids", "nofile"]),
        (("--ulimit=core=0", "--ulimit=nofile=9:9"), LIMITS, PEAKS, ["memory", "pids"]),
        ((), LIMITS, Peaks(), []),
    ],
)
def test_only_what_is_wanted_and_known_and_not_the_users(options: tuple[str, ...], wanted: tuple[str, ...], peaks: Peaks, names: list[str]) -> None:
    assert [one.name for one in conclude_limits(given(*options, peaks=peaks), wanted)] == names


def test_in_the_files() -> None:
    profile = conclude(given(), Restrictions(limits=LIMITS))
    service = compose_document(profile, START)["services"]["app"]
    assert (service["mem_limit"], service["pids_limit"], service["ulimits"]) == ("208m", 80, {"nofile": {"soft": 1200, "hard": 1200}})
    pod = kubernetes_documents(profile, START, "")[0]
    assert pod["spec"]["containers"][0]["resources"] == {"limits": {"memory": "208Mi"}}
    assert "resources" not in kubernetes_documents(conclude(given(), Restrictions()), START, "")[0]["spec"]["containers"][0]
