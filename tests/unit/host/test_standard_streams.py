"""Standard output and error that are full or closed: an exit status and one line, no traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import workspace

FULL, CLOSED = "No space left on device", "Bad file descriptor"
METADATA = "docker-cli-plugin-metadata"


@pytest.mark.parametrize(
    ("command", "status", "out", "err"),
    [
        ("--help >/dev/full", 1, "", f"cannot write to standard output: {FULL}"),
        ("--help >&-", 1, "", f"cannot write to standard output: {CLOSED}"),
        ("--version 2>/dev/full", 0, "docker slim version", ""),
        ("--version 2>&-", 1, "docker slim version", ""),
        ("nope 2>/dev/full", 2, "", ""),
        ("nope 2>&-", 2, "", ""),
        ("nope >&-", 2, "", "cannot understand the command 'nope'"),
        ("nope <&- >&- 2>&-", 2, "", ""),
        ("--version <&- >&- 2>&-", 1, "", ""),
        ("--version <&-", 0, "docker slim version", ""),
        (f"{METADATA} >/dev/full", 1, "", ""),
        (f"{METADATA} >&-", 1, "", ""),
        ("__complete slim '' >/dev/full", 1, "", f"cannot write to standard output: {FULL}"),
    ],
)
def test_what_cannot_be_said(command: str, status: int, out: str, err: str) -> None:
    shell = f"exec {sys.executable} -m docker_slim_plugin {command}"
    answer = subprocess.run(["sh", "-c", shell], check=False, capture_output=True, text=True, timeout=60)
    assert answer.returncode == status, answer.stderr
    assert answer.stdout.startswith(out)
    assert err in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "Exception" not in answer.stderr


def test_a_closed_reader() -> None:
    shell = f"{sys.executable} -m docker_slim_plugin --help | true"
    answer = subprocess.run(["sh", "-c", shell], check=False, capture_output=True, text=True, timeout=60)
    assert answer.stderr == ""


@pytest.mark.parametrize("place", ["/none", "/dev/null", "/proc"])
def test_no_place_for_temporary_files(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("TMPDIR", place)
    for attempt in (workspace.check, lambda: workspace.workspace("1-1").__enter__()):
        with pytest.raises(SlimError, match=f"cannot make temporary files in {place}: ") as raised:
            attempt()
        assert "TMPDIR=" in raised.value.hint
    list(workspace.workspaces())
