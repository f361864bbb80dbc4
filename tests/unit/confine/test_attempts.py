"""What a confined process must not do: the calls are made, and their results are read."""

from __future__ import annotations

import errno

import pytest

from docker_slim_plugin.confine.attempts import results, steps
from docker_slim_plugin.confine.rules import Rules
from tests.attempts import letters


def written(rules: Rules, abi: int, values: dict[str, int]) -> str:
    """Return what the program writes if its last call of each step has the result in `values`, 0 by default."""
    numbers = [abi]
    for step in steps(rules):
        numbers += [3] * (len(step.calls) - 1) + [values.get(step.name, 0)]
    return letters(*numbers)


def test_results() -> None:
    rules = Rules(bind=(61001,), write=("/etc",), udp=True, sysv_ipc=True, devices=("/dev/urandom",))
    control = written(rules, 5, {"raw socket": -errno.EPERM, "make a file in /": -errno.EROFS, "mq_open": -errno.ENOSYS})
    refused = {step.name: -errno.EACCES for step in steps(rules)} | {"MPTCP socket": 3, "mq_open": 3}
    found = {one.name: one for one in results(rules, control, written(rules, 5, refused) + "said")}
    assert [name for name, one in found.items() if one.has_failed] == ["MPTCP socket"]
    assert [name for name, one in found.items() if not one.is_tried] == ["raw socket", "mq_open"]
    assert [name for name, one in found.items() if not one.is_enforceable] == [
        "abstract socket of a process outside",
        "signal to a process outside",
    ]
    # The first place where a file can be made at all, and that is none of those that the app writes.
    assert [name for name in found if name.startswith("make")] == ["make a file in /var"]
    assert {"bind TCP port 61002", "connect to TCP port 61001"} <= set(found)
    assert not {"UDP socket", "shmget", "ioctl on /dev/urandom"} & set(found)


def test_a_kernel_without_landlock() -> None:
    rules = Rules()
    refused = {step.name: -errno.EACCES for step in steps(rules) if not step.abi}
    found = results(rules, written(rules, -errno.ENOSYS, {}), written(rules, -errno.ENOSYS, refused))
    assert {one.is_enforceable: {two.by for two in found if two.is_enforceable is one.is_enforceable} for one in found} == {
        True: {"seccomp"},
        False: {"Landlock"},
    }
    assert not any(one.has_failed for one in found)


def test_a_program_that_was_ended_is_no_result() -> None:
    with pytest.raises(ValueError, match="0 letters"):
        results(Rules(), "", "")
