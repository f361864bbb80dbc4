"""The rules of a confined image: what its app may still do, as the launcher installs it."""

from __future__ import annotations

from dataclasses import dataclass

STANDARD_FILES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
"""Devices without memory that every program may write to."""
TERMINALS = ("/dev/console", "/dev/pts", "/dev/ptmx", "/dev/tty")
"""Terminals: with ioctl(2), as every shell asks for their size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a confined app may do. Everything else of each kind is refused."""

    bind: tuple[int, ...] = ()
    """TCP ports to bind."""
    connect: tuple[int, ...] = ()
    """TCP ports to connect to."""
    files: bool = True
    """Whether writes are restricted at all."""
    write: tuple[str, ...] = ()
    """Directories, with all below them, and files that may be changed."""
    proc: bool = False
    """Whether files of /proc may be written. None can be made there."""
    devices: tuple[str, ...] = ()
    """Device files that may be written, with every ioctl(2)."""
    abstract_scoped: bool = True
    """Whether abstract sockets of processes outside cannot be reached."""
    signals_scoped: bool = True
    """Whether processes outside cannot be signalled."""
    udp: bool = False
    raw: bool = False
    packet: bool = False
    """Whether AF_PACKET is used."""
    families: tuple[int, ...] = ()
    """Rare socket families that are used (seccomp_bpf.RARE_FAMILIES)."""
    sysv_ipc: bool = False
    message_queues: bool = False
    io_uring: bool = False
    require: bool = False
    """Whether the app does not start on a kernel that cannot restrict it."""
