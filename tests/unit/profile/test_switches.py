"""What --allow takes."""

from __future__ import annotations

import pytest

from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.request import ALLOWED_KINDS
from docker_slim_plugin.profile import switches
from docker_slim_plugin.profile.switches import read_allowed


def test_read_allowed() -> None:
    found = read_allowed(["call=ptrace", "cap=cap_kill", "cap=SYS_TIME", "write=/a/b", "port=53/udp", "port=80"])
    assert set(found.calls) == {"ptrace"}
    assert set(found.capabilities) == {"KILL", "SYS_TIME"}
    assert set(found.paths) == {"/a/b"}
    assert set(found.ports) == {"53/udp", "80"}
    assert found.count() == 6


@pytest.mark.parametrize(
    "word", ["", "call", "call=", "call=no_such", "cap=X", "write=", "write=/", "write=x", "port=0", "port=65536", "port=1/sctp", "port=x", "other=1"]
)
def test_wrong_words(word: str) -> None:
    with pytest.raises(UsageError, match="cannot use --allow"):
        read_allowed([word])


def test_each_kind_that_is_named_is_checked() -> None:
    assert tuple(switches._CHECKS) == ALLOWED_KINDS
