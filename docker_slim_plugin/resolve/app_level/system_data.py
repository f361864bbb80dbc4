"""Data of the system that libraries and runtimes read when they are asked to: names of services and users, fonts."""

from __future__ import annotations

from collections.abc import Iterable

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, FileRule, Kept

NAMES = (
    "/etc/group",
    "/etc/hosts",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/protocols",
    "/etc/services",
    "/etc/shells",
)
"""Files that C libraries, Go, Java, Python and Perl read for a name. They are small."""
MAX_FILE = 256 << 10
FONTCONFIG = "/libfontconfig.so.1"
FONT_SETTINGS = ("/etc/fonts", "/usr/share/fontconfig", "/usr/local/etc/fonts")
FONTS = ("/usr/share/fonts", "/usr/local/share/fonts")
MAX_FONTS = 24 << 20
"""Bytes of fonts that come together."""


class SystemNames:
    """The rule for files that give names a meaning: any program may look one up."""

    def __init__(self, facts: AppFacts) -> None:
        entries = (facts.rootfs.find(path) for path in NAMES)
        self._files = [path for path, entry in zip(NAMES, entries, strict=True) if entry and entry.size <= MAX_FILE]

    def find(self, kept: Kept) -> Iterable[str]:  # noqa: ARG002
        files, self._files = self._files, []
        return files


class Fonts(FileRule):
    """The rule for programs that draw text: the settings of fontconfig, and the fonts that the image has."""

    def __init__(self, facts: AppFacts) -> None:
        super().__init__(facts)
        self._is_done = False

    def find(self, kept: Kept) -> Iterable[str]:
        # A library that only a module needs which no run loaded is no sign of text, but for a tool.
        libraries = self.new_files(kept, FONTCONFIG)
        if self._is_done or not any(self.facts.has_ended or path in self.facts.used for path in libraries):
            return ()
        self._is_done = True
        settings = [path for top in FONT_SETTINGS for path in self.facts.files_below(RootPath(top))]
        fonts = [path for top in FONTS for path in self.facts.files_below(RootPath(top))]
        return [*settings, *fonts] if self.facts.size_of(fonts) <= MAX_FONTS else settings
