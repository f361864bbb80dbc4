"""Files that kept configuration names: a helper, a module, an error page that the server opens when it is asked to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, Kept, NewPaths

PATH = re.compile(rb"(?<![\w./-])/(?:[\w.+@-]+/)+[\w.+@-]+")
MAX_FILE = 256 << 10
MAX_NAMED = 4 << 20
"""Bytes of a file that configuration names; larger ones are kept when the run uses them."""
TREES = ("/etc/", "/usr/local/etc/", "/usr/share/")
CONFIGURATION = (
    ".conf",
    ".cnf",
    ".cfg",
    ".ini",
    ".toml",
    ".yaml",
    ".yml",
    ".json",
    ".xml",
    ".properties",
    "_config",
    "rc",
)


class NamedInConfig:
    """The rule."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self._new = NewPaths()
        self.causes: dict[str, RootPath] = {}
        """The configuration that names each file first."""

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[str] = []
        rootfs = self.facts.rootfs
        for path in self._new.of(kept):
            if not (path.startswith(TREES) and path.endswith(CONFIGURATION) and path in self.facts.used):
                continue
            entry = rootfs.entries[path]
            if entry.kind is not EntryKind.FILE or not 0 < entry.size <= MAX_FILE:
                continue
            for name in sorted({match.decode("ascii") for match in PATH.findall(rootfs.read(path, MAX_FILE))}):
                named = rootfs.find(name)
                if named is not None and named.kind is EntryKind.FILE and named.size <= MAX_NAMED:
                    # As it is spelled: symlinks on the way are needed too.
                    found.append(name)
                    self.causes.setdefault(name, path)
        return found
