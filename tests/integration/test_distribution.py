"""With what a distribution packages, where that is another library than ours."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from docker_slim_plugin.observe.tracer.syscall_table import filter_program, numbers

pytestmark = pytest.mark.integration
PROGRAM = """
import hashlib, json, sys
sys.path = [path for path in sys.path if "/.venv" not in path] + [sys.argv[1]]
from docker_slim_plugin.observe.tracer import syscall_table
machine = sys.argv[2]
print(json.dumps([
    syscall_table.seccomp.__name__,
    hashlib.sha256(syscall_table.filter_program(machine)).hexdigest(),
    sorted([*key, row] for key, row in syscall_table.numbers(machine).items()),
]))
"""


def test_libseccomps_own_binding_does_the_same() -> None:
    machine = os.uname().machine
    command = ["/usr/bin/python3", "-I", "-c", PROGRAM, str(Path(__file__).parents[2]), machine]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    expected = [
        "seccomp",
        hashlib.sha256(filter_program(machine)).hexdigest(),
        sorted([*key, row] for key, row in numbers(machine).items()),
    ]
    assert json.loads(answer.stdout) == expected
