from __future__ import annotations

from typing import Any

import pytest

from docker_slim_plugin.engine.tools_container import Person, check_running, host_config
from docker_slim_plugin.errors import SlimError

THEIRS: dict[str, Any] = {
    "Binds": ["/srv:/srv"],
    "CapAdd": ["NET_ADMIN"],
    "CapDrop": ["ALL"],
    "IpcMode": "private",
    "Memory": 64,
    "MemorySwap": -1,
    "NetworkMode": "web",
    "PidMode": "",
    "PortBindings": {"80/tcp": [{"HostPort": "80"}]},
    "Privileged": False,
    "ReadonlyRootfs": False,
    "RestartPolicy": {"Name": "always"},
    "SecurityOpt": ["no-new-privileges", 'seccomp={"defaultAction": "SCMP_ACT_ALLOW"}'],
    "Tmpfs": {"/run": ""},
    "Ulimits": None,
}


def test_what_restricts_the_container_restricts_the_tools() -> None:
    assert host_config("abc", THEIRS, ["44"], []) == {
        "AutoRemove": True,
        "CapAdd": ["NET_ADMIN"],
        "CapDrop": ["ALL"],
        "GroupAdd": ["44"],
        "IpcMode": "private",
        "LogConfig": {"Type": "none"},
        "Memory": 64,
        "MemorySwap": -1,
        "NetworkMode": "container:abc",
        "PidMode": "container:abc",
        "Privileged": False,
        "ReadonlyRootfs": False,
        "SecurityOpt": THEIRS["SecurityOpt"],
    }


@pytest.mark.parametrize(
    ("field", "given", "expected"),
    [
        ("IpcMode", "", "private"),
        ("IpcMode", "none", "none"),
        ("IpcMode", "host", "host"),
        ("IpcMode", "shareable", "container:abc"),
        ("IpcMode", "container:other", "container:other"),
        ("PidMode", "host", "host"),
        ("PidMode", "container:other", "container:abc"),
        ("NetworkMode", "host", "container:abc"),
        ("Privileged", True, True),
        ("MaskedPaths", [], []),
    ],
)
def test_namespaces_and_privileges(field: str, given: object, expected: object) -> None:
    assert host_config("abc", {**THEIRS, field: given}, [], [])[field] == expected


def test_the_users_own_capabilities_and_a_read_only_root() -> None:
    found = host_config("abc", {**THEIRS, "ReadonlyRootfs": True, "CapAdd": None}, [], ["SYS_PTRACE"])
    assert found["CapAdd"] == ["SYS_PTRACE"]
    assert list(found["Tmpfs"]) == ["/tmp"]
    assert THEIRS["CapAdd"] == ["NET_ADMIN"]


def test_the_prompt() -> None:
    assert [Person(user).mark() for user in ("0:0", "0:5", "10:0", "1000:0")] == ["#", "#", "$", "$"]


@pytest.mark.parametrize(
    ("state", "said", "hint"),
    [
        ({"Status": "exited", "ExitCode": 3}, "not running (exited, status 3)", "docker start web; "),
        ({"Status": "created"}, "not running (created)", "docker cp web:"),
        ({"Status": "paused", "Running": True, "Paused": True, "Pid": 5}, "paused", "docker unpause web"),
        ({"Status": "restarting", "Running": True, "Restarting": True}, "restarting", "docker logs web"),
        ({"Status": "running", "Running": True, "Pid": 0}, "not running", "docker start web"),
    ],
)
def test_containers_that_cannot_be_entered(state: dict[str, Any], said: str, hint: str) -> None:
    with pytest.raises(SlimError) as caught:
        check_running("web", state)
    assert said in str(caught.value)
    assert hint in caught.value.hint


def test_a_running_container() -> None:
    check_running("web", {"Status": "running", "Running": True, "Pid": 5})
