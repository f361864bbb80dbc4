"""Find the files that the run accessed: the ends of the paths that it named."""

from __future__ import annotations

from collections.abc import Container, Iterable

from docker_slim_plugin.engine.gate import GATE_NAME
from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.observation import Access, AccessKind, Origin
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.rootfs.index import Rootfs


def access_reason(kind: ReasonKind, argv0: str, access: AccessKind, origin: Origin) -> Reason:
    """Return the reason for what a process named: the name of its program, and what it did."""
    program = argv0.rstrip("/").rpartition("/")[2] or "?"
    # The first exec of the gate starts the command that docker was asked to run.
    return Reason(kind, "docker" if program == GATE_NAME else program, f"{access} ({origin})")


def find_accessed(rootfs: Rootfs, accesses: Iterable[Access], kinds: Container[AccessKind]) -> frozenset[RootPath]:
    """Return the existing files and directories that accesses of these kinds reached, symlinks followed."""
    names = {(access.path, access.root) for access in accesses if access.kind in kinds}
    ends = (rootfs.walk(path, root=root).end for path, root in names)
    return frozenset(end for end in ends if end is not None)
