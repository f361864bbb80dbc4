"""The second start of a container: when it happens, its plan, and the merge of its observations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docker_slim_plugin.model.observation import Access, AccessKind, Observations, Origin, RunResult
from docker_slim_plugin.observe.driver import RunPlan
from docker_slim_plugin.observe.launch import launch
from docker_slim_plugin.observe.probes.probe import ProbePlan
from docker_slim_plugin.observe.restart import merge_second_start, needs_second_start, second_start_plan
from tests.observed import access, execution, observations, source_image

UP = RunResult(ready=1, stop_status=0)
IMAGE = source_image({"Cmd": ["app"]})
DRIVE = RunPlan(launch=launch(IMAGE, (), ()), probes=ProbePlan(exec_=("x",)), until="enter", timeout=300)


def seen(path: str, result: RunResult, lost: int = 0, warnings: tuple[str, ...] = ()) -> Observations:
    return observations(execution(path), result=result, lost=lost, events=10, warnings=warnings)


@pytest.mark.parametrize(
    ("startup_accesses", "result", "again"),
    [
        pytest.param(execution("/usr/bin/bash"), UP, True, id="a shell was executed"),
        pytest.param(access("/run/pid", AccessKind.STAT, "-bash"), UP, True, id="a login shell has looked at a file"),
        pytest.param(execution("/bin/sh"), RunResult(ready=1), True, id="it had to be killed"),
        pytest.param(access("/bin/sh"), UP, False, id="a shell was only read"),
        pytest.param(access("/bin/sh", argv0="", origin=Origin.INOTIFY), UP, True, id="inotify knows opens alone"),
        pytest.param(execution("/usr/sbin/nginx"), UP, False, id="no shell"),
        pytest.param(execution("/bin/sh"), RunResult(ready=1, exit_status=0), False, id="a job has ended"),
        pytest.param(execution("/bin/sh"), RunResult(output="x"), False, id="it never came up"),
    ],
)
def test_when_a_second_start_is_needed(startup_accesses: Access, result: RunResult, *, again: bool) -> None:
    assert needs_second_start(result, (access("/etc/passwd"), startup_accesses)) is again


def test_the_second_start_is_short_and_not_probed() -> None:
    again = second_start_plan(DRIVE, RunResult(ready=1, stop_status=0, ports=(80,)))
    assert (again.probes, again.until, again.known_ports) == (ProbePlan(crawl=False), "probes", frozenset({80}))
    assert again.timeout == 30
    assert again.launch == DRIVE.launch
    assert second_start_plan(DRIVE, UP).until == "2"
    assert second_start_plan(DRIVE, replace(UP, ready=100)).timeout == 200
    assert second_start_plan(replace(DRIVE, timeout=5), UP).timeout == 5


def test_an_app_that_had_to_be_killed_is_killed_again() -> None:
    assert second_start_plan(DRIVE, RunResult(ready=1)).launch.stop_signal == "SIGKILL"


def test_both_starts_are_merged_with_the_result_of_the_first() -> None:
    first = seen("/bin/sh", RunResult(ports=(80,), stop_status=0), warnings=("a",))
    second = seen("/usr/bin/wc", RunResult(ready=1, stop_status=1), lost=2, warnings=("a", "b"))
    both = merge_second_start(first, second)
    assert [access.path for access in both.accesses] == ["/bin/sh", "/usr/bin/wc"]
    assert (both.result, both.lost, both.events, both.warnings) == (first.result, 2, 20, ("a", "b"))


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (RunResult(ready=1, exit_status=3, output="a stale pid file\n"), "ended with status 3: a stale pid file"),
        (RunResult(output="not within 30 s"), "did not become ready: not within 30 s"),
    ],
)
def test_a_failed_second_start_is_reported(result: RunResult, said: str) -> None:
    assert merge_second_start(seen("/bin/sh", UP), seen("/bin/sh", result)).warnings == (f"started again, the app {said}",)
