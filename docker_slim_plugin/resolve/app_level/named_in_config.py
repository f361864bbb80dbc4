"""Files that kept configuration names: a helper, a module, an error page that the server opens when it is asked to.

So are files and small directories that the image's own configuration names: its command, health check and environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, Kept, NewPaths
from docker_slim_plugin.resolve.app_level.own_files import DISTRIBUTION, VOLATILE

PATH = re.compile(rb"(?<![\w./-])/(?:[\w.+@-]+/)+[\w.+@-]+")
MAX_FILE = 256 << 10
MAX_NAMED = 4 << 20
"""Bytes of a file that configuration names; larger ones are kept when the run uses them."""
MAX_TREE, TREES_TOGETHER = 4 << 20, 8 << 20
"""Bytes of a directory that the image's configuration names, and of all of these; the smallest come first."""
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
        self._is_image_read = False
        self.causes: dict[str, RootPath] = {}
        """The configuration that names each file first."""

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[str] = []
        if not self._is_image_read:
            self._is_image_read = True
            found += self._named_by_image()
        rootfs = self.facts.rootfs
        for path in self._new.of(kept):
            if not (path.startswith(TREES) and path.endswith(CONFIGURATION) and path in self.facts.used):
                continue
            entry = rootfs.entries[path]
            if entry.kind is not EntryKind.FILE or not 0 < entry.size <= MAX_FILE:
                continue
            for name in _names(rootfs.read(path, MAX_FILE)):
                if self._is_small_file(name):
                    # As it is spelled: symlinks on the way are needed too.
                    found.append(name)
                    self.causes.setdefault(name, path)
        return found

    def _named_by_image(self) -> Iterator[str]:
        """Yield what the image's command, health check and environment name, but for places of the distribution."""
        directories: dict[str, list[RootPath]] = {}
        for name in sorted({name for text in _texts(self.facts.config) for name in _names(text)}):
            entry = self.facts.rootfs.find(name)
            if self._is_small_file(name):
                yield name
            elif entry is not None and entry.kind is EntryKind.DIRECTORY and not _is_common(entry.path):
                directories[name] = list(self.facts.files_below(entry.path))
        for name in self.facts.smallest_first(directories, MAX_TREE, TREES_TOGETHER):
            yield name
            yield from directories[name]

    def _is_small_file(self, name: str) -> bool:
        entry = self.facts.rootfs.find(name)
        return entry is not None and entry.kind is EntryKind.FILE and entry.size <= MAX_NAMED


def _is_common(directory: RootPath) -> bool:
    return directory in DISTRIBUTION or f"{directory}/".startswith(VOLATILE)


def _names(text: bytes) -> list[str]:
    return sorted({match.decode("ascii") for match in PATH.findall(text)})


def _texts(config: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield the words of an image's configuration that may name files. PATH names programs, which others know."""
    health = config.get("Healthcheck")
    lists = [config.get("Entrypoint"), config.get("Cmd"), health.get("Test") if isinstance(health, dict) else None]
    words = [word for one in lists if isinstance(one, list) for word in one]
    environment = config.get("Env")
    words += [one for one in environment if not str(one).startswith("PATH=")] if isinstance(environment, list) else []
    for word in words:
        if isinstance(word, str):
            yield word[:MAX_FILE].replace(":", " ").encode("utf-8", "replace")
