"""Java: the settings, data and tools of a runtime that was used. Its classes are in one file, which the run opened.

Cryptography, locales, time zones, management and fonts read their settings when they are first asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.app_level.facts import FileRule, Kept, child

RUNTIME = re.compile(r"(.*)/lib/(?:[^/]+/)?(?:server|client|minimal)/libjvm\.so$")
LEFT_OUT = ("/src.zip", "/ct.sym", "/jmods/", "/jexec", "/jar.binfmt", "/libsaproc.so", "/classlist")
"""Files for compilers and debuggers. Libraries (.so) come with the rule for modules."""
MAX_FILE = 2 << 20


class JavaRuntime(FileRule):
    """The rule."""

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[RootPath] = []
        for path in self.new_files(kept, "/libjvm.so"):
            match = RUNTIME.match(path)
            if match is not None:
                found += self._files(match[1])
        return found

    def _files(self, home: str) -> Iterator[RootPath]:
        entries = self.facts.rootfs.entries
        if child(home, "release") in entries:
            yield child(home, "release")
        for name in ("bin", "conf", "lib"):
            for path in self.facts.files_below(child(home, name)):
                is_wanted = not path.endswith((".a", ".debuginfo", ".diz")) and not any(one in path for one in LEFT_OUT)
                if is_wanted and entries[path].size <= MAX_FILE:
                    yield path
