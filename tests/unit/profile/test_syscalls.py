"""Which system calls are allowed."""

from __future__ import annotations

import pytest

from docker_slim_plugin.model.profile import SystemCalls
from docker_slim_plugin.profile.call_lists import DEFAULT_CAPABILITIES, call_lists
from docker_slim_plugin.profile.evidence import Extra
from docker_slim_plugin.profile.syscalls import conclude_calls
from tests.evidence import call, evidence

NONE: frozenset[str] = frozenset()


def concluded(*calls: object, style: str = "balanced", kept: frozenset[str] = NONE, **given: object) -> SystemCalls:
    return conclude_calls(evidence(*calls, **given), kept, style=style, log_only=False)  # type: ignore[arg-type]


def test_balanced_takes_groups_away_that_nothing_shows() -> None:
    found = concluded(call("read"))
    assert {"read", "openat", "connect", "epoll_wait", "futex"} <= found.names
    assert not {"ptrace", "shmget", "mq_open", "io_setup", "chroot", "name_to_handle_at", "mount"} & found.names
    groups = {one.group for one in found.removed}
    assert {"tracing", "sysv-shm", "mqueue", "chroot"} <= groups
    # What docker's default does not allow is not taken away by us.
    assert "mounts" not in {one.group for one in found.removed if "mount" in one.calls}


def test_what_was_seen_is_allowed() -> None:
    found = concluded(call("shmget"), call("ptrace"))
    assert {"shmget", "ptrace"} <= found.names
    assert next(one.reason for one in found.allowed if one.name == "shmget") == "seen: app calls shmget()"


def test_what_is_imported_is_allowed() -> None:
    found = concluded(call("read"), imports=("mq_open",))
    assert {"mq_open", "mq_timedsend", "mq_unlink"} <= found.names
    assert next(one.reason for one in found.allowed if one.name == "mq_unlink") == "imported: /bin/app has mq_open"


def test_what_the_engine_refused_to_the_original_stays_refused() -> None:
    found = concluded(call("keyctl"), call("keyctl", refused="EPERM"), call("io_uring_setup"))
    assert "keyctl" not in found.names
    # The engine's own list is older than ours, and allowed it.
    assert "io_uring_setup" in found.names


def test_strict_is_what_was_seen_imported_and_needed_by_the_runtime() -> None:
    found = concluded(call("getcwd"), call("sendfile"), style="strict", imports=("pthread_create", "eventfd"))
    assert {"sendfile", "clone", "set_robust_list", "eventfd2"} <= found.names
    assert call_lists().runtime <= found.names
    assert "epoll_wait" not in found.names
    assert "accept4" not in found.names


def test_families() -> None:
    assert [one.name for one in concluded().families] == ["1", "2", "10", "16"]
    assert [one.name for one in concluded(call("socket", "17", "raw", "0")).families] == ["1", "2", "10", "16", "17"]
    strict = concluded(call("socket", "unix", "stream", "0"), style="strict")
    assert [one.name for one in strict.families] == ["1"]
    # docker's default allows neither AF_ALG nor AF_VSOCK.
    assert "40" not in {one.name for one in concluded(call("socket", "40", "stream", "0")).families}


def test_namespaces_and_other_abis() -> None:
    assert not concluded(call("clone")).namespaces
    assert concluded(call("clone", "0x20000000")).namespaces
    assert concluded(call("read", abi="x86")).abis == ("x86",)
    assert not concluded(call("clone3"), call("clone3", refused="ENOSYS")).clone3
    assert concluded(call("clone3")).clone3


def test_capabilities_bring_their_calls() -> None:
    assert "chroot" in concluded(call("chroot"), kept=frozenset({"SYS_CHROOT"})).names
    added = concluded(call("mount", "tmpfs", "/x"), options=("--cap-add=SYS_ADMIN",), kept=frozenset({"SYS_ADMIN"}))
    assert {"mount", "umount2"} & added.names == {"mount"}


def test_the_user_adds_calls() -> None:
    found = concluded(extra=Extra(calls={"ptrace": "allowed by --allow"}))
    assert "ptrace" in found.names


@pytest.mark.parametrize("group", call_lists().groups, ids=lambda group: group.name)
def test_groups_are_of_known_calls(group: object) -> None:
    """No call is in two groups, and none that the runtime needs is in any."""
    others = [one for one in call_lists().groups if one is not group]
    assert not any(group.calls & one.calls for one in others)  # type: ignore[attr-defined]
    assert not group.calls & call_lists().runtime  # type: ignore[attr-defined]


def test_docker_s_default() -> None:
    usual = call_lists().defaults("x86_64", DEFAULT_CAPABILITIES)
    assert {"read", "socket", "clone", "chroot", "arch_prctl", "ptrace"} <= usual
    assert not {"mount", "keyctl", "bpf", "userfaultfd", "io_uring_setup", "clock_settime"} & usual
    assert "mount" in call_lists().defaults("x86_64", {"SYS_ADMIN"})
    assert "arch_prctl" not in call_lists().defaults("aarch64", DEFAULT_CAPABILITIES)
