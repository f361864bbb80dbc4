from __future__ import annotations

from dataclasses import replace

from docker_slim_plugin.model.observation import SKIPPED
from docker_slim_plugin.observe.timeline import END, START, WHOLE_RUN, add_times, rename_phase
from tests.observed import access, probe, run_result

PROBES = (
    probe("http", "GET 80/", ended=102.0),
    probe(SKIPPED, "90", ended=102.5),
    probe("exec", "id", ended=103.0),
)


def phases(*seconds: float, ready: float = 1.0) -> list[str]:
    result = run_result(*PROBES, ready=ready)
    _, accesses = add_times(result, [replace(access("/x"), seconds=one) for one in seconds], 100.0)
    return [one.during for one in accesses]


def test_an_access_belongs_to_the_probe_that_ends_next() -> None:
    assert phases(0.5, 1.0, 1.5, 2.0, 2.4, 3.0, 3.1) == [START, START, "GET 80/", "GET 80/", "--exec id", "--exec id", END]


def test_an_app_that_ends_has_one_phase() -> None:
    _, accesses = add_times(run_result(exit_status=0), [replace(access("/x"), seconds=5.0)], 0.0)
    assert [one.during for one in accesses] == [WHOLE_RUN]


def test_times_are_from_the_start() -> None:
    result, _ = add_times(run_result(*PROBES), [], 100.0)
    assert [one.ended for one in result.probes] == [2.0, 2.5, 3.0]


def test_an_access_without_a_time_has_no_phase() -> None:
    assert phases(0.0) == [""]


def test_another_start_is_a_phase() -> None:
    assert [one.during for one in rename_phase([access("/x")], "--help")] == ["--help"]
