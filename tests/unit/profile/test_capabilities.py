"""Capabilities as they are guessed, and programs that gain privileges."""

from __future__ import annotations

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.profile.capabilities import guess_capabilities, port_capability, privilege_gains
from docker_slim_plugin.profile.evidence import Extra
from tests.evidence import call, evidence
from tests.observed import execution

SETUID = Entry(path=RootPath("/bin/su"), kind=EntryKind.FILE, mode=0o4755, size=1)


def guessed(*calls: object, **given: object) -> set[str]:
    return {one.name for one in guess_capabilities(evidence(*calls, **given))}  # type: ignore[arg-type]


def test_calls_of_root() -> None:
    assert guessed(call("read")) == {"DAC_OVERRIDE"}
    assert guessed(call("setuid"), call("setgroups"), call("fchown")) == {"DAC_OVERRIDE", "SETUID", "SETGID", "CHOWN"}
    assert "KILL" in guessed(call("kill", "other", "15"))
    assert "KILL" not in guessed(call("kill", "self", "15"))
    assert "NET_RAW" in guessed(call("socket", "inet", "raw", "1"))
    assert "AUDIT_WRITE" in guessed(call("socket", "netlink", "raw", "9"))


def test_only_what_the_container_has() -> None:
    assert "SYS_ADMIN" not in guessed(call("mount", "tmpfs", "/x"))
    assert "SYS_ADMIN" in guessed(call("mount", "tmpfs", "/x"), options=("--cap-add=CAP_SYS_ADMIN",))
    assert guessed(call("setuid"), options=("--cap-drop=ALL",)) == set()
    assert guessed(call("setuid"), options=("--cap-drop=ALL", "--cap-add=setuid")) == {"SETUID"}
    assert "SYS_TIME" in guessed(call("clock_settime"), options=("--cap-add=ALL",))


def test_another_user_has_none() -> None:
    assert guessed(call("setuid"), config={"User": "app"}) == set()
    assert guessed(call("setuid"), options=("--user=1000:1000",)) == set()
    assert guessed(call("setuid"), config={"User": "app"}, options=("--user=0",)) >= {"SETUID"}
    assert guessed(call("setuid"), config={"User": "app"}, extra=Extra(capabilities={"KILL": "x"})) == {"KILL"}


def test_privilege_gains() -> None:
    tree = {"/bin/su": SETUID, "/bin/app": b"\x7fELF"}
    found = evidence(call("read"), tree=tree, accesses=(execution("/bin/su"), execution("/bin/app")), config={"User": "app"})
    assert privilege_gains(found) == ("/bin/su",)
    assert {"SETUID", "SETGID"} <= {one.name for one in guess_capabilities(found)}


def test_port_capability() -> None:
    assert port_capability(evidence(call("bind", "stream", "inet", "0.0.0.0", "80"))) == "app binds stream port 80"
    assert port_capability(evidence(call("bind", "stream", "inet", "0.0.0.0", "1024"))) == ""
    assert port_capability(evidence(call("bind", "stream", "unix", "/run/x", ""))) == ""
