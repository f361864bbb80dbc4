"""The trial run of doctor: its machine code is that of the assembly, it reports errors, and it leaves nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docker_slim_plugin.engine.gate import static_program
from docker_slim_plugin.workflows.trial import TEXT, TRIAL_PROGRAMS, make_tar
from tests.faithful import left_behind, marked

pytestmark = pytest.mark.integration
DOCTOR = (sys.executable, "-m", "docker_slim_plugin", "doctor", "--format=json")
MACHINES = pytest.mark.parametrize("machine", sorted(TRIAL_PROGRAMS))


@MACHINES
def test_the_bytes_are_those_of_the_assembly(tmp_path: Path, machine: str) -> None:
    subprocess.run(
        [f"{machine}-linux-gnu-as", "-o", "show.o"], input=TRIAL_PROGRAMS[machine].assembly, check=True, text=True, cwd=tmp_path
    )
    subprocess.run(
        [f"{machine}-linux-gnu-objcopy", "-O", "binary", "-j", ".text", "show.o", "show.bin"], check=True, cwd=tmp_path
    )
    assert (tmp_path / "show.bin").read_bytes() == TRIAL_PROGRAMS[machine].code


@MACHINES
def test_it_shows_the_file(tmp_path: Path, machine: str) -> None:
    program = tmp_path / "show"
    program.write_bytes(static_program(TRIAL_PROGRAMS[machine].elf_machine, TRIAL_PROGRAMS[machine].code))
    program.chmod(0o755)
    message = Path("/message")
    assert not message.exists()
    emulator = [] if machine == os.uname().machine else [f"qemu-{machine}"]
    assert subprocess.run([*emulator, program], check=False, stdout=subprocess.PIPE).returncode == 1
    message.write_bytes(TEXT)
    try:
        assert subprocess.run([*emulator, program], check=True, stdout=subprocess.PIPE).stdout == TEXT
    finally:
        message.unlink()
    assert len(make_tar(machine)) < 20_000


def test_the_trial_passes_on_this_host() -> None:
    before = set(marked())
    begun = time.monotonic()
    checks = json.loads(subprocess.run(DOCTOR, check=True, stdout=subprocess.PIPE).stdout)
    (found,) = [check for check in checks if check["name"] == "a whole run"]
    assert found["ok"]
    assert "2 of 3 files kept, verified" in found["detail"]
    assert time.monotonic() - begun < 10  # 5 s on a machine that does nothing else
    assert left_behind() == []
    assert {name for name, _ in set(marked()) - before} == set()


def test_a_failing_run_is_reported(tmp_path: Path) -> None:
    """If each single check passes and a run still fails, that is reported with the reason."""
    (tmp_path / "docker").write_text('#!/bin/sh\n[ "$1" = create ] && [ "$2" != --help ] && { echo no such luck >&2; exit 1; }\nexec docker "$@"\n')
    (tmp_path / "docker").chmod(0o755)
    environment = {**os.environ, "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND": str(tmp_path / "docker")}
    answer = subprocess.run(DOCTOR, check=False, stdout=subprocess.PIPE, env=environment)
    assert answer.returncode == 1
    found = json.loads(answer.stdout)[-1]
    assert (found["name"], found["ok"]) == ("a whole run", False)
    assert "no such luck" in found["detail"]
    assert left_behind() == []
