from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from docker_slim_plugin.observe.tracer.process_table import MAX_ANCESTORS, ProcessTable

PROGRAM = "print(flush=True); input()"


class Sent:
    """What would be written to the pipe."""

    def __init__(self) -> None:
        self.messages: list[tuple[Any, ...]] = []

    def send(self, *message: Any) -> None:
        self.messages.append(message)


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def table(sent: Sent) -> ProcessTable:
    return ProcessTable(sent)  # type: ignore[arg-type]


def parents(sent: Sent) -> dict[int, int]:
    return {number: parent for _, number, _, parent, _, _ in sent.messages}


def test_a_child_and_its_exec_lead_to_the_shell(table: ProcessTable, sent: Sent) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, "a b", ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        table.set_name(1, "sh")
        table.add_child(child.pid, 1, thread=False)
        table.replace_program(child.pid)
        number = table.number(table.of(child.pid))
        child.communicate(b"\n")
    assert [(one[2], one[5]) for one in sent.messages] == [
        (1, ("sh",)), (child.pid, ("sh",)), (child.pid, (sys.executable, "-c", PROGRAM, "a b", "")),
    ]
    assert parents(sent) == {1: 0, 2: 1, 3: 2}
    assert number == 3


def test_a_thread_is_its_process(table: ProcessTable, sent: Sent) -> None:
    table.set_name(1, "java")
    table.add_child(2, 1, thread=True)
    assert table.of(2) is table.of(1)
    table.number(table.of(2))
    assert len(sent.messages) == 1


def test_the_name_of_the_gate_is_no_parent(table: ProcessTable) -> None:
    table.set_name(1, "docker")
    table.forget(1)
    assert table.of(1).parent is None


def test_what_a_process_was_is_forgotten_at_its_end(table: ProcessTable) -> None:
    table.set_name(7, "sh")
    table.replace_program(7)
    table.forget(7)
    assert table.of(7).parent is None


def test_a_long_chain_is_cut(table: ProcessTable) -> None:
    table.set_name(1, "sh")
    for pid in range(2, 10 * MAX_ANCESTORS):
        table.add_child(pid, pid - 1, thread=False)
    one, length = table.of(10 * MAX_ANCESTORS - 1), 0
    while one.parent:
        one, length = one.parent, length + 1
    assert 0 < length <= MAX_ANCESTORS


def test_a_process_that_is_gone_has_no_arguments(table: ProcessTable) -> None:
    gone = table.of(1 << 29)
    assert (gone.argv, gone.argv0) == ((), "")
