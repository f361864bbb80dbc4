"""Which attempts are made, and how they are judged."""

from __future__ import annotations

from docker_slim_plugin.model.calls import Call
from docker_slim_plugin.model.request import Restrictions
from docker_slim_plugin.profile.attempts import find_errors, judge, plan_attempts
from docker_slim_plugin.profile.switches import conclude
from tests.evidence import call, evidence

DIRECTORIES = ("/", "/etc")


def planned(*calls: Call, **switches: bool) -> dict[str, str]:
    profile = conclude(evidence(*calls), Restrictions(**switches))
    return {name: by for name, by, _ in plan_attempts(profile, DIRECTORIES)}


def test_what_is_forbidden_is_tried() -> None:
    found = planned(call("read"))
    assert found["create a file in /"] == "read-only"
    assert "create a file in /usr" not in found
    assert found["connect to another host"] == "network"
    assert found["create System V shared memory"] == "system calls"
    assert found["create a device"] == "capabilities"
    assert list(found)[-1] == "become another user"


def test_what_is_allowed_is_not_tried() -> None:
    found = planned(call("shmget"), call("setuid"), call("connect", "stream", "inet", "10.0.0.1", "1"), call("openat", "/etc/x"))
    assert not {"create System V shared memory", "become another user", "connect to another host", "create a file in /etc"} & set(found)
    assert found["bind TCP port 1023"] == "network"
    off = planned(call("read"), no_syscalls=True, no_capabilities=True, no_read_only=True, no_network=True, no_ipc=True)
    assert off == {}
    assert "mount a tmpfs" not in planned(call("read"), log_only=True)


def test_the_first_call_that_failed_counts() -> None:
    two = (("socket", ()), ("bind", ()))
    attempts = (("a", "x", two), ("b", "x", two[:1]), ("c", "x", two), ("d", "x", two))
    assert find_errors(attempts, (3, -13, 4, -97, -9, 5, 0)) == (13, 0, 97, 0)


def test_judge() -> None:
    (one, other) = judge((("a", "x", ()), ("b", "y", ())), (0, 0), (0, 1), (30, 0))
    assert (one.control, one.default, one.confined, one.is_stopped) == ("ok", "ok", "EROFS", True)
    assert (other.default, other.confined, other.is_stopped) == ("EPERM", "ok", False)
