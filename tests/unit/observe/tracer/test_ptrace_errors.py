from __future__ import annotations

import pytest
from ptrace import PtraceError

from docker_slim_plugin.observe.tracer.existing_processes import error_number, has_ended


@pytest.mark.parametrize(
    ("error", "number"),
    [
        pytest.param(PtraceError("x", errno=3, pid=1), 3, id="of ctypes"),
        pytest.param(PtraceError("ptrace(request=16910, pid=3539, 0x54, 0x7f) error #3: No such process", errno=0, pid=1), 3, id="of the C module"),
        pytest.param(PtraceError("ptrace(request=1) error #1: Operation not permitted", errno=0, pid=1), 1, id="another one"),
        pytest.param(PtraceError("x", errno=None, pid=1), 0, id="not known"),
    ],
)
def test_the_number_of_a_failed_request(error: PtraceError, number: int) -> None:
    assert error_number(error) == number
    assert has_ended(error) is (number == 3)
