"""Programs that kept shell scripts run, whoever brought the scripts: gunzip runs gzip, a cron job runs its commands."""

from __future__ import annotations

from collections.abc import Iterable

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, Kept, is_kept_beside
from docker_slim_plugin.resolve.image_config import parse_environment
from docker_slim_plugin.resolve.script_commands import MAX_SCRIPT, find_commands
from docker_slim_plugin.resolve.script_interpreters import DEFAULT_PATH, MAX_PATH

WHOLE = frozenset({"packages"})
"""Rules that keep scripts which nothing else asks for."""


class ScriptPrograms:
    """The rule."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        path = parse_environment(facts.config).get("PATH", DEFAULT_PATH)
        self.search = path.split(":")[:MAX_PATH]
        self._seen: set[RootPath] = set()

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[str] = []
        for path in [path for path in kept if path not in self._seen]:
            entry = self.facts.rootfs.entries[path]
            if entry.kind is not EntryKind.FILE or not entry.is_executable or entry.size > MAX_SCRIPT:
                self._seen.add(path)
            elif is_kept_beside(kept[path], WHOLE):
                self._seen.add(path)
                found += (name for name, _ in find_commands(self.facts.rootfs, path, self.search))
        return found
