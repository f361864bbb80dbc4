"""The system calls of one run of a container, with the arguments that a profile of restrictions is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """One distinct system call of a process."""

    name: str
    """As libseccomp spells it: "openat"."""
    abi: str
    """Empty for the machine's own ABI; x86, x32 or arm for another one."""
    refused: str
    """EPERM, EACCES, EROFS or ENOSYS if the call failed with it, otherwise empty."""
    arguments: tuple[str, ...]
    """What matters of the arguments, as text; observe/tracer/call_arguments.py says which for each call."""
    process: str
    """argv[0], unfiltered: it may contain terminal escapes."""
