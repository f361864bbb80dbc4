from __future__ import annotations

from dataclasses import replace

from docker_slim_plugin.engine.secrets import secrets_of
from docker_slim_plugin.model.observation import Access, Process, RunProcess
from docker_slim_plugin.resolve.first_accesses import make_run_log
from tests.observed import access, observations
from tests.rootfs import rootfs

ROOTFS = rootfs({"/lib": "-> usr/lib", "/usr/lib/libz.so": "x", "/etc/app.conf": "y"})
PROCESSES = (
    RunProcess(11, 0, 500, ("sh", "/entry.sh"), 0.1),
    RunProcess(12, 11, 500, ("app", "--password", "hunter2"), 0.2),
    RunProcess(13, 0, 501, ("unused",), 0.3),
)


def at(path: str, seconds: float, number: int, during: str = "GET 80/") -> Access:
    return replace(access(path), process=Process(1, "/usr/bin/app", number), seconds=seconds, during=during)


def test_the_first_access_by_the_path_in_the_image() -> None:
    log = make_run_log(ROOTFS, observations(at("/lib/libz.so", 2.0, 12), at("/usr/lib/libz.so", 1.0, 12), processes=PROCESSES))
    ((path, reason),) = [key for key in log.accesses if key[0].endswith("libz.so")]
    assert log.of(path, reason) == {"Process": 2, "Seconds": 1.0, "During": "GET 80/"}
    # The symlink on the way is named by the other access.
    assert sorted(path for path, _ in log.accesses) == ["/lib", "/usr/lib/libz.so"]


def test_processes_are_numbered_from_one_with_their_ancestors_alone() -> None:
    log = make_run_log(ROOTFS, observations(at("/etc/app.conf", 1.0, 12), processes=PROCESSES))
    assert [(one.number, one.parent, one.argv[0]) for one in log.processes] == [(1, 0, "sh"), (2, 1, "app")]


def test_what_is_unknown_says_nothing() -> None:
    log = make_run_log(ROOTFS, observations(access("/etc/app.conf"), at("/gone", 1.0, 12)))
    assert (log.accesses, log.processes) == ({}, ())


def test_arguments_are_masked() -> None:
    log = make_run_log(ROOTFS, observations(at("/etc/app.conf", 1.0, 12), processes=PROCESSES))
    masked = log.masked(secrets_of((), {}))
    assert masked.processes[1].argv == ("app", "--password", "***")


def test_phases_are_masked() -> None:
    log = make_run_log(ROOTFS, observations(at("/etc/app.conf", 1.0, 12, "GET 80/?token=hunter2")))
    assert {one.during for one in log.masked(secrets_of((), {})).accesses.values()} == {"GET 80/?token=***"}
