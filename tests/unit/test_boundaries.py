"""Where the boundary around an image is crossed: the places are few, and this is the list of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "docker_slim_plugin"
SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in PACKAGE.rglob("*.py")}
PLACES = {
    r"\bsetns\(": {"kernel/syscalls.py", "rootfs/mount_clone.py", "observe/probes/socket_program.py", "observe/probes/browser_program.py"},
    r"\bchroot\((?!2\))": set(),
    r"\bpivot_root\(|\bunshare\(": set(),
    r"\bopen_tree\(": {"rootfs/mount_clone.py", "kernel/checks.py"},
    r"/ns/mnt": {"rootfs/reader_client.py", "observe/tracer/exec_attach.py", "observe/mount_names.py"},
    r"/ns/net": {"observe/probes/namespace_sockets.py", "observe/probes/browser.py"},
    r"\bfork\(": set(),
    r"pickle\.loads?\(|pickle\.Unpickler\b": {"sandbox_main.py"},
    r"\bmarshal\b": set(),
    r"\b(eval|exec)\(": set(),
    r"shell=True|os\.system\(": set(),
}
"""What may stand where, comments and strings of documentation aside."""
DOCSTRING = re.compile(r'""".*?"""', re.DOTALL)


def code(text: str) -> str:
    """Return source without documentation and comments."""
    lines = (line.partition("  # ")[0] for line in DOCSTRING.sub("", text).split("\n"))
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


@pytest.mark.parametrize("pattern", PLACES)
def test_it_stands_nowhere_else(pattern: str) -> None:
    found = {
        name
        for name, text in SOURCES.items()
        if any(re.search(pattern, line) for line in code(text).split("\n") if not line.startswith("def "))
    }
    assert found == PLACES[pattern]


PARSERS = ("ownership.read", "read_installed", "read_distribution", "has_user", "find_static_program", "merge_metadata", "resolve_compact", "resolve", "examine", "read_layers", "find_secrets", "read_certificate", "read_inventory", "read_findings")


@pytest.mark.parametrize("name", PARSERS)
def test_foreign_bytes_are_parsed_in_the_sandbox(name: str) -> None:
    """What reads an image's files is handed to the process that may do nothing else, and is called nowhere else."""
    called = re.compile(rf"(?<![\w.]){re.escape(name)}\(")
    callers = {
        file
        for file, text in SOURCES.items()
        if not file.startswith(("resolve/", "xray/"))
        and any(called.search(line) for line in code(text).split("\n") if not line.startswith("def "))
    }
    assert callers == set()
