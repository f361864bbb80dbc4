"""Programs that kept shell scripts run, whoever brought the scripts: gunzip runs gzip, a cron job runs its commands.

Files that a script reads with `.` or `source` are parts of it. Crontabs are read like scripts: each line has a command.
The shell itself comes with runtimes of languages, whose libraries call it by name (popen(3), `subprocess`, `exec`), and
so does env(1), by which their scripts start.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, Kept, NewPaths, is_kept_beside
from docker_slim_plugin.resolve.script_commands import MAX_SCRIPT, find_command, find_command_words, script_text
from docker_slim_plugin.resolve.script_interpreters import parse_shebang

SOURCED = re.compile(r"(?:^|[;&|{(]|\bthen|\bdo|\belse)[ \t]*+(?:\.|source)[ \t]++['\"]?(/[\w./+@-]++)", re.MULTILINE)
CRONTABS = re.compile(r"/etc/crontab|/etc/cron\.d/[^/]+|/var/spool/cron/(?:crontabs/)?[^/]+|/etc/crontabs/[^/]+")
JOBS = re.compile(r"/etc/(?:cron\.(?:hourly|daily|weekly|monthly)|periodic/\w+)")
"""Directories of scripts that crontabs run."""
MAX_SMALL = 128 << 10
"""Bytes of a program, with its libraries, that comes for a script which only its package brings."""
STARTERS, MAX_STARTER = ("/bin/sh", "/usr/bin/env"), 2 << 20
"""The shell that C libraries and languages call, the program that #! lines of scripts name, and bytes of each."""
RUNTIMES = re.compile(
    r".*/(?:java|ruby[\d.]*|python[\d.]*|perl[\d.]*|php[\d.]*|php-fpm[\d.]*|node|nodejs|beam\.smp|dotnet|lua[\d.]*|libphp[\d.]*\.so)"
)
WHOLE = frozenset({"packages"})
"""Rules that keep scripts which nothing else asks for."""


class ScriptPrograms:
    """The rule."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self._new = NewPaths()
        self._waiting: list[RootPath] = []
        """Scripts that have no other reason yet, or whose interpreter is not kept: the run only looked for them."""
        self._read: set[RootPath] = set()
        self._words: set[str] = set()
        self._sourced: set[RootPath] = set()
        self._has_runtime = False
        self._known: set[RootPath] = set()
        """Scripts that were waiting before."""
        self.causes: dict[str, RootPath] = {}
        """The script that mentions each path first."""

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[str] = []
        new = self._new.of(kept)
        if not self._has_runtime and any(self._is_runtime(path) for path in new):
            self._has_runtime = True
            found += self._starters()
        crontabs = [path for path in new if CRONTABS.fullmatch(path) and self._is_small(path)]
        self._sourced.update(crontabs)
        asked = [*self._waiting, *crontabs, *(path for path in new if self._is_small_program(path))]
        able = dict.fromkeys(path for path in asked if self._can_start(path, kept))
        of_packages = [path for path in able if not is_kept_beside(kept[path], WHOLE)]
        self._waiting = [*of_packages, *(path for path in asked if path not in able)]
        found += self._small_commands([path for path in of_packages if path not in self._known], kept)
        self._known.update(of_packages)
        pending = [path for path in able if is_kept_beside(kept[path], WHOLE)]
        # What scripts run is found at once, because a chain of scripts may be long.
        while pending:
            script = pending.pop()
            if script in self._read:
                continue
            self._read.add(script)
            text = self._text(script)
            for place, program in self._commands(text):
                found.append(place)
                self.causes.setdefault(place, script)
                if self._is_small_program(program):
                    pending.append(program)
            if script in crontabs:
                jobs = [path for top in set(JOBS.findall(text)) for path in self.facts.files_below(RootPath(top))]
                found += jobs
                self.causes.update((path, script) for path in jobs if path not in self.causes)
                pending += (path for path in jobs if self._is_small_program(path))
            for place, part in self._parts(text):
                found.append(place)
                self.causes.setdefault(place, script)
                self._sourced.add(part)
                pending.append(part)
        return found

    def _can_start(self, path: RootPath, kept: Kept) -> bool:
        """Tell whether a script ran, or its interpreter is kept."""
        if path in self._sourced or path in self.facts.executed:
            return True
        interpreter, _ = parse_shebang(self.facts.script_head(path))
        return not interpreter or self.facts.rootfs.walk(interpreter).end in kept

    def _is_runtime(self, path: RootPath) -> bool:
        is_file = self.facts.rootfs.entries[path].kind is EntryKind.FILE
        return is_file and path in self.facts.used and bool(RUNTIMES.fullmatch(path))

    def _starters(self) -> Iterator[str]:
        for name in STARTERS:
            entry = self.facts.rootfs.find(name)
            if entry is not None and entry.size <= MAX_STARTER:
                yield name

    def _small_commands(self, scripts: Iterable[RootPath], kept: Kept) -> Iterator[str]:
        """Yield small programs that scripts mention which a user may call, though nothing else asks for them yet."""
        for script in scripts:
            if "/bin/" in script or "/sbin/" in script:
                for word in sorted(find_command_words(script_text(self.facts.rootfs, script))):
                    command = find_command(self.facts.rootfs, word, self.facts.search)
                    if command is None or command[1].size > MAX_SMALL:
                        continue
                    if command[1].size + self.facts.libraries_size(command[0], kept) <= MAX_SMALL:
                        self.causes.setdefault(command[0], script)
                        yield command[0]

    def _text(self, path: RootPath) -> str:
        """Return the text of a shell script. A file that a script reads needs no #! line."""
        is_part = path in self._sourced
        return self.facts.rootfs.text(path, MAX_SCRIPT) if is_part else script_text(self.facts.rootfs, path)

    def _parts(self, text: str) -> Iterator[tuple[str, RootPath]]:
        """Yield the files that a script reads as parts of it, as they are spelled, and where they are."""
        for place in sorted(set(SOURCED.findall(text))):
            entry = self.facts.rootfs.find(place)
            if entry is not None and entry.kind is EntryKind.FILE and entry.size <= MAX_SCRIPT:
                yield place, entry.path

    def _is_small_program(self, path: RootPath) -> bool:
        return self.facts.rootfs.entries[path].is_executable and self._is_small(path)

    def _is_small(self, path: RootPath) -> bool:
        entry = self.facts.rootfs.entries[path]
        return entry.kind is EntryKind.FILE and entry.size <= MAX_SCRIPT

    def _commands(self, text: str) -> Iterator[tuple[str, RootPath]]:
        """Yield further programs that a script mentions, as paths in PATH, with their files."""
        words = find_command_words(text) - self._words
        self._words |= words
        for word in sorted(words):
            command = find_command(self.facts.rootfs, word, self.facts.search)
            if command is not None:
                yield command[0], command[1].path
