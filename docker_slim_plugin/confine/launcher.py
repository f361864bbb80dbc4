"""The launcher: a static program that restricts itself as its table says, and then executes its arguments.

It is the entrypoint of a confined image, before the app's own words. It needs no library and no shell: the code of an
architecture is the same in each image (launcher_x86_64.py, launcher_aarch64.py), and behind it is the table:

    u32 flags (1: require), number of rules, their offset, number of instructions of the filter, their offset, 0
    u64[4] for each Landlock ABI from 1 to 7: struct landlock_ruleset_attr, and its size; 0: no ruleset
    rules: u64 access, u32 port or offset of a path, u32 type (enum landlock_rule_type)
    the filter: struct sock_filter[]
    paths, each with a zero byte behind it

Offsets are from the begin of the table. In order: no_new_privs; the ruleset for the kernel's ABI, masked by what that
ABI knows; the seccomp filter; execve(2), with the search in PATH that the engine does otherwise. A path that does not
exist is not allowed. Any failure after the kernel has said that it has Landlock ends the launcher with status 126.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator

from docker_slim_plugin.confine import landlock, launcher_aarch64, launcher_x86_64
from docker_slim_plugin.confine.rules import STANDARD_FILES, TERMINALS, Rules
from docker_slim_plugin.confine.seccomp_bpf import filter_program
from docker_slim_plugin.confine.texts import TEXTS
from docker_slim_plugin.engine.gate import GATES, static_program
from docker_slim_plugin.errors import SlimError

LAUNCHER_NAME = ".docker-slim-confine"
LAUNCHER_PATH = f"/{LAUNCHER_NAME}"
MAX_SIZE = 8192
REQUIRE = 1
CODES = {"x86_64": launcher_x86_64.CODE, "aarch64": launcher_aarch64.CODE}
ASSEMBLIES = {"x86_64": launcher_x86_64.ASSEMBLY, "aarch64": launcher_aarch64.ASSEMBLY}
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""By the architecture of an image (GOARCH)."""
NOTICES = tuple(line.encode().decode("unicode_escape") for line in re.findall(r'"(docker slim: this .*)"', TEXTS))
"""The lines that it writes when the kernel cannot restrict it, and it goes on."""
_HEADER = struct.Struct("<6I")
_RULE = struct.Struct("<QII")
_PATH_BENEATH, _NET_PORT = 1, 2


def launcher(rules: Rules, machine: str) -> bytes:
    """Return the launcher for `rules` as an ELF file; SlimError if it has too many of them."""
    program = static_program(GATES[machine].elf_machine, CODES[machine] + _table(rules, machine))
    if len(program) > MAX_SIZE:
        raise SlimError(
            f"cannot confine: {len(rules.write)} written places make the launcher larger than {MAX_SIZE} bytes",
            hint="--allow write=DIRECTORY names one above them",
        )
    return program


def _table(rules: Rules, machine: str) -> bytes:
    variants = b"".join(landlock.attributes(rules, abi) for abi in range(1, landlock.NEWEST_ABI + 1))
    code = filter_program(rules, machine)
    paths, ports = tuple(path_rights(rules)), tuple(_port_rights(rules))
    at_rules = _HEADER.size + len(variants)
    at_filter = at_rules + _RULE.size * (len(paths) + len(ports))
    at_name = at_filter + len(code)
    records, names = [], []
    for access, port in ports:
        records.append(_RULE.pack(access, port, _NET_PORT))
    for access, path in paths:
        name = os.fsencode(path) + b"\0"
        records.append(_RULE.pack(access, at_name, _PATH_BENEATH))
        names.append(name)
        at_name += len(name)
    flags = REQUIRE if rules.require else 0
    header = _HEADER.pack(flags, len(records), at_rules, len(code) // 8, at_filter, 0)
    return b"".join((header, variants, *records, code, *names))


def _port_rights(rules: Rules) -> Iterator[tuple[int, int]]:
    for port in sorted({*rules.bind, *rules.connect}):
        access = landlock.BIND_TCP * (port in rules.bind) | landlock.CONNECT_TCP * (port in rules.connect)
        yield access, port


def path_rights(rules: Rules) -> Iterator[tuple[int, str]]:
    """Yield the rights on each path that the rules allow to change."""
    if not rules.files:
        return
    for path in STANDARD_FILES:
        yield landlock.WRITE_FILE | landlock.TRUNCATE, path
    for path in (*TERMINALS, *rules.devices):
        yield landlock.DEVICE, path
    if rules.proc:
        yield landlock.WRITE_FILE | landlock.TRUNCATE, "/proc"
    for path in rules.write:
        yield landlock.WRITABLE, path
