"""Data that options of `docker run` ask for: time zones (TZ), locales (LANG), certificate authorities."""

from __future__ import annotations

import re
from collections.abc import Iterable

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, Kept, NewPaths, child
from docker_slim_plugin.resolve.presets import BUNDLE, CERTIFICATE_DIRECTORIES

ZONES = RootPath("/usr/share/zoneinfo")
DOUBLE = ("posix/", "right/", "posixrules")
"""Second copies of all zones: with and without leap seconds."""
COMPACT = "tzdata.zi"
"""All zones as one text: what the C++ library reads (GCC 13 and later), and no C library."""
LOCALES = RootPath("/usr/lib/locale")
MAX_LOCALES = 8 << 20
AUTHORITIES = (b"/etc/ssl/certs", b"/etc/pki/tls/certs", b"ca-certificates.crt", b"cacert.pem")
"""Strings in programs that look for certificate authorities: Go, Rust, OpenSSL."""
JAVA = re.compile(r"(.*/lib)/(?:[^/]+/)?(?:server|client|minimal)/libjvm\.so$")
JAVA_FILES = ("cacerts", "blocked.certs", "public_suffix_list.dat")


class TimeZones:
    """All time zones of the image: any C library, and the runtimes of languages, read them by TZ."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self._new = NewPaths()
        left_out = (*DOUBLE, COMPACT)
        self._files = [
            path for path in facts.files_below(ZONES) if not path.removeprefix(f"{ZONES}/").startswith(left_out)
        ]
        self._compact = [path for path in (child(ZONES, COMPACT),) if path in facts.rootfs.entries]

    def find(self, kept: Kept) -> Iterable[str]:
        files, self._files = self._files, []
        for path in self._new.of(kept) if self._compact else ():
            may_read_it = path in self.facts.executed or "/libstdc++.so." in path
            if may_read_it and self.facts.has_text(path, (COMPACT.encode(),)):
                files += self._compact
                self._compact.clear()
        return files


class Locales:
    """The locales that the image has, where a kept C library can load them."""

    def __init__(self, facts: AppFacts) -> None:
        self._files = list(facts.files_below(LOCALES))
        if facts.size_of(self._files) > MAX_LOCALES:
            self._files = [path for path in self._files if path.startswith(f"{LOCALES}/C.")]
        self._new = NewPaths()

    def find(self, kept: Kept) -> Iterable[str]:
        return self._files if any(path.endswith("/libc.so.6") for path in self._new.of(kept)) else ()


class CertificateAuthorities:
    """The bundle of certificate authorities, where an executed program names such a place; and that of a kept Java."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self._new = NewPaths()
        self._is_done = False

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[str] = []
        for path in self._new.of(kept):
            if path.endswith("/libjvm.so") and (match := JAVA.match(path)):
                found += (f"{match[1]}/security/{name}" for name in JAVA_FILES)
            if not self._is_done and path in self.facts.executed and self.facts.has_text(path, AUTHORITIES):
                self._is_done = True
                found += (f"{top}/{BUNDLE}" for top in CERTIFICATE_DIRECTORIES)
                found += ("/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt")
        return found
