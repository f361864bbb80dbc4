"""PHP: the command beside a server that runs PHP, by which apps are managed (`php artisan`, `bin/console`).

Servers load the language as a module, or are a program of their own (php-fpm). The command has settings of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, FileRule, Kept

SERVER = re.compile(r".*/(?:libphp[\d.]*\.so|php-fpm[\d.]*|php-cgi[\d.]*|unitd)")
COMMAND = "php"
MAX_COMMAND = 32 << 20
SETTINGS = re.compile(r"/etc/php/[\d.]+/cli")
"""The settings of the command in Debian. Elsewhere they are the server's."""


class PhpCommand(FileRule):
    """The rule."""

    def __init__(self, facts: AppFacts) -> None:
        super().__init__(facts)
        self._is_done = False

    def find(self, kept: Kept) -> Iterable[str]:
        if self._is_done or not any(
            path in self.facts.used and SERVER.fullmatch(path) for path in self.new_files(kept, "php", "unitd")
        ):
            return ()
        self._is_done = True
        rootfs = self.facts.rootfs
        for directory in self.facts.search:
            command = rootfs.find(f"{directory}/{COMMAND}")
            if command is not None and command.is_executable and command.size <= MAX_COMMAND:
                tops = (path for path in rootfs.children if SETTINGS.fullmatch(path))
                settings = (path for top in tops for path in self.facts.files_below(RootPath(top)))
                return [f"{directory}/{COMMAND}", *settings]
        return ()
