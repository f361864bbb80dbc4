"""Data that options of `docker run` ask for: time zones (TZ), locales (LANG), certificate authorities."""

from __future__ import annotations

import re
from collections.abc import Iterable

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, Kept
from docker_slim_plugin.resolve.presets import BUNDLE, CERTIFICATE_DIRECTORIES

ZONES = RootPath("/usr/share/zoneinfo")
DOUBLE = ("posix/", "right/", "posixrules")
"""Second copies of all zones: with and without leap seconds."""
LOCALES = RootPath("/usr/lib/locale")
MAX_LOCALES = 8 << 20
AUTHORITIES = (b"/etc/ssl/certs", b"/etc/pki/tls/certs", b"ca-certificates.crt", b"cacert.pem")
"""Strings in programs that look for certificate authorities: Go, Rust, OpenSSL."""
MAX_PROGRAM = 256 << 20
JAVA = re.compile(r"/lib/security/(?:cacerts|blocked\.certs|public_suffix_list\.dat)$")


class TimeZones:
    """All time zones of the image: any C library, and the runtimes of languages, read them by TZ."""

    def __init__(self, facts: AppFacts) -> None:
        self._files = [
            path for path in facts.files_below(ZONES) if not path.removeprefix(f"{ZONES}/").startswith(DOUBLE)
        ]

    def find(self, kept: Kept) -> Iterable[str]:  # noqa: ARG002
        return self._files


class Locales:
    """The locales that the image has, where a kept C library can load them."""

    def __init__(self, facts: AppFacts) -> None:
        self._files = list(facts.files_below(LOCALES))
        if facts.size_of(self._files) > MAX_LOCALES:
            self._files = [path for path in self._files if path.startswith(f"{LOCALES}/C.")]

    def find(self, kept: Kept) -> Iterable[str]:
        return self._files if any(path.endswith("/libc.so.6") for path in kept) else ()


class CertificateAuthorities:
    """The bundle of certificate authorities, where an executed program names such a place."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self._seen: set[RootPath] = set()

    def find(self, kept: Kept) -> Iterable[str]:
        new = [path for path in kept if path in self.facts.executed and path not in self._seen]
        self._seen.update(new)
        found: list[str] = [path for path in kept if JAVA.search(path)]
        for path in new:
            data = self.facts.rootfs.read(path, MAX_PROGRAM)
            if data.startswith(b"\x7fELF") and any(one in data for one in AUTHORITIES):
                found += (f"{top}/{BUNDLE}" for top in CERTIFICATE_DIRECTORIES)
                found += ("/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt")
        return found
