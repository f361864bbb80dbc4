"""Names of system calls by number."""

from __future__ import annotations

import pytest

from docker_slim_plugin.observe.tracer.call_names import CallNames

X86_64, I386, AARCH64, ARM = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028


@pytest.mark.parametrize(
    ("machine", "arch", "number", "expected"),
    [
        ("x86_64", X86_64, 0, ("read", "")),
        ("x86_64", X86_64, 0x40000000 | 1, ("write", "x32")),
        ("x86_64", I386, 3, ("read", "x86")),
        ("x86_64", X86_64, 463, ("setxattrat", "")),
        ("x86_64", X86_64, 462, ("mseal", "")),
        ("x86_64", X86_64, 100_000, ("", "")),
        ("x86_64", 0x1234, 0, ("", "unknown")),
        ("aarch64", AARCH64, 63, ("read", "")),
        ("aarch64", ARM, 3, ("read", "arm")),
    ],
)
def test_find(machine: str, arch: int, number: int, expected: tuple[str, str]) -> None:
    names = CallNames(machine)
    assert names.find(arch, number) == expected
    # And from memory.
    assert names.find(arch, number) == expected
