"""Landlock: which access rights each version of its ABI has, and the attributes of a ruleset for each.

See landlock(7) and linux/landlock.h. A ruleset handles rights: what it handles is denied unless a rule allows it. Only
changes are handled here: everything may be read and executed.
"""

from __future__ import annotations

import struct

from docker_slim_plugin.confine.rules import Rules

NEWEST_ABI = 7
"""ABI 7 adds flags for logging alone. The rights of a newer ABI are not handled, and so are not restricted."""
WRITE_FILE = 1 << 1
REMOVE_DIR, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER = 1 << 13
"""Link or rename to another directory: ABI 2. With ABI 1, a ruleset with rights on files denies all of that."""
TRUNCATE = 1 << 14
"""ABI 3."""
IOCTL_DEV = 1 << 15
"""ioctl(2) on device files: ABI 5."""
BIND_TCP, CONNECT_TCP = 1 << 0, 1 << 1
"""ABI 4."""
SCOPE_ABSTRACT_SOCKETS, SCOPE_SIGNALS = 1 << 0, 1 << 1
"""ABI 6."""

_MAKE = MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM
HANDLED = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | _MAKE | MAKE_CHAR | MAKE_BLOCK | REFER | TRUNCATE | IOCTL_DEV
WRITABLE = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | _MAKE | REFER | TRUNCATE
"""The rights on a place that is written. No rule allows to make device nodes."""
DEVICE = WRITE_FILE | TRUNCATE | IOCTL_DEV
_ATTRIBUTES = struct.Struct("<QQQQ")
ATTRIBUTES_SIZE = _ATTRIBUTES.size


def attributes(rules: Rules, abi: int) -> bytes:
    """Return struct landlock_ruleset_attr for an ABI, and its size as a fourth number; the size 0: no ruleset."""
    files = 0
    if rules.files and abi >= 2:
        files = HANDLED & ~(TRUNCATE if abi < 3 else 0) & ~(IOCTL_DEV if abi < 5 else 0)
    ports = (BIND_TCP | CONNECT_TCP) if abi >= 4 else 0
    scopes = 0
    if abi >= 6:
        scopes = (SCOPE_SIGNALS if rules.signals_scoped else 0) | (
            SCOPE_ABSTRACT_SOCKETS if rules.abstract_scoped else 0
        )
    size = 0 if not (files or ports) else 8 if abi < 4 else 16 if abi < 6 else 24
    return _ATTRIBUTES.pack(files, ports, scopes, size)
