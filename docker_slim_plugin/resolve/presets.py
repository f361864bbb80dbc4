"""Named presets for files that programs need and a trace does not show. The user can turn off each one.

They are few, because the trace is the main source. A preset yields paths. Paths that the image does not have are
ignored.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.environment import search_path
from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.resolve import directory_listings, script_commands
from docker_slim_plugin.resolve.kept_set import Need
from docker_slim_plugin.rootfs.index import Rootfs

TLS = ("libssl.so", "libgnutls.so", "libnss3.so", "libmbedtls.so", "libwolfssl.so", "libtls.so")
TLS_TREES = ("/etc/ssl", "/etc/pki", "/usr/lib/ssl", "/usr/share/ca-certificates")
CERTIFICATE_DIRECTORIES = ("/etc/ssl/certs", "/usr/lib/ssl/certs", "/etc/pki/tls/certs")
BUNDLE = "ca-certificates.crt"
NSSWITCH = "/etc/nsswitch.conf"
MODULES = frozenset({"files", "dns", "compat"})
"""NSS modules that any program may load. Other modules are kept only if the trace shows them."""
BUILT_IN = frozenset({"files", "dns"})
"""NSS modules that are part of glibc since 2.34. The files of these names are empty since then (NEWS of glibc 2.34)."""
CHARSETS = ("UTF-16", "UTF-32", "UTF-7", "UNICODE", "ISO8859-1", "ISO8859-15", "CP1252")


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts on which presets decide."""

    rootfs: Rootfs
    kept: Mapping[RootPath, object]
    environment: Mapping[str, str]
    certificates_searched: bool
    """The run looked for single certificates, not only for the bundle."""
    tls_accessed: bool
    """The run accessed a path of the TLS configuration."""
    iconv_used: bool = False
    """The run loaded an iconv module. Another request may need another module."""
    static_topics: frozenset[str] | None = None
    """Topics that the kept files need according to their static analysis (static_needs.TOPICS). None after a run, which
    shows them better."""
    listed_files: frozenset[RootPath] = frozenset()
    """Files whose names the run has listed."""
    script_programs: frozenset[str] = frozenset()
    """Programs that the app's own shell scripts mention."""

    def has_topic(self, topic: str) -> bool:
        return self.static_topics is not None and topic in self.static_topics

    def glibc_directories(self) -> list[str]:
        """Return the directories of the kept glibcs."""
        return sorted(posixpath.dirname(path) for path in self.kept if path.endswith("/libc.so.6"))


class Preset(NamedTuple):
    """One preset."""

    summary: str
    paths: Callable[[Facts], Iterator[str]]


def gather_facts(
    rootfs: Rootfs,
    accesses: tuple[Access, ...],
    environment: Mapping[str, str],
    owned: Collection[RootPath] = frozenset(),
) -> Facts:
    """Return the facts of a run, with an empty kept set. `owned` are the files of packages."""
    below = tuple(f"{top}/" for top in CERTIFICATE_DIRECTORIES)
    trees = tuple(f"{top}/" for top in TLS_TREES)
    certificates_searched = any(
        (access.kind is AccessKind.LIST and access.path in CERTIFICATE_DIRECTORIES)
        or (access.path.startswith(below) and not access.path.endswith((".crt", ".pem")))
        for access in accesses
    )
    tls_accessed = any(access.path.startswith(trees) or access.path in TLS_TREES for access in accesses)
    iconv_used = any("/gconv/" in access.path and access.path.endswith(".so") for access in accesses)
    names = frozenset(directory_listings.find_listed_files(rootfs, accesses, owned))
    search = search_path(environment)
    programs = script_commands.find_programs(rootfs, accesses, owned, search)
    return Facts(
        rootfs,
        {},
        environment,
        certificates_searched,
        tls_accessed,
        iconv_used,
        listed_files=names,
        script_programs=programs,
    )


def find_needs(facts: Facts, off: frozenset[str]) -> Iterator[Need]:
    """Yield the needs of the presets that are not in `off`."""
    for name, preset in PRESETS.items():
        if name not in off:
            yield from (Need(path, Reason(ReasonKind.HINT, name, preset.summary)) for path in preset.paths(facts))


def _nss(facts: Facts) -> Iterator[str]:
    yield from ("/etc/passwd", "/etc/group")
    libc = facts.glibc_directories()
    if not libc and not facts.has_topic("hosts") and not facts.has_topic("services"):
        return
    yield from (NSSWITCH, "/etc/host.conf", "/etc/services", "/etc/protocols")
    lines = (line.partition("#")[0] for line in facts.rootfs.text(NSSWITCH, 1 << 16).split("\n"))
    words = {word for line in lines for word in line.partition(":")[2].split()}
    # Without a run, any module that nsswitch.conf names may be used.
    named = MODULES & words if facts.static_topics is None else {word for word in words if "/" not in word}
    for directory in libc:
        is_built_in = b"\0GLIBC_2.34\0" in facts.rootfs.read(f"{directory}/libc.so.6")
        modules = (named or BUILT_IN) - (BUILT_IN if is_built_in else frozenset())
        yield from (f"{directory}/libnss_{module}.so.2" for module in sorted(modules))


def _certs(facts: Facts) -> Iterator[str]:
    names = (path.rpartition("/")[2] for path in facts.kept)
    if not facts.tls_accessed and not facts.has_topic("certs") and not any(name.startswith(TLS) for name in names):
        return
    yield from (f"/etc/ssl/certs/{BUNDLE}", "/etc/ssl/openssl.cnf", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem")
    yield from ("/usr/lib/ssl/cert.pem", "/usr/lib/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf")
    yield from ("/etc/pki/tls/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt")
    yield "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
    for directory in CERTIFICATE_DIRECTORIES if facts.certificates_searched else ():
        yield from _files_below(facts.rootfs, directory)


def _tz(facts: Facts) -> Iterator[str]:
    yield from ("/etc/localtime", "/etc/timezone")
    zone = facts.environment.get("TZ", "").lstrip(":")
    if zone and not zone.startswith("/"):
        yield f"/usr/share/zoneinfo/{zone}"


def _locale(facts: Facts) -> Iterator[str]:
    libc = facts.glibc_directories()
    if not libc:
        return
    values = {value for name, value in facts.environment.items() if name == "LANG" or name.startswith("LC_")}
    for value in sorted(values - {"", "C", "POSIX"}):
        language, _, charset = value.partition(".")
        # `locale -a` and the directories have the charset in lower case and without dashes.
        folded = f"{language}.{charset.lower().replace('-', '')}" if charset else language
        for spelling in sorted({value, folded} - {".."}):
            if "/" not in spelling:
                yield from _files_below(facts.rootfs, f"/usr/lib/locale/{spelling}")
        yield "/usr/lib/locale/locale-archive"
    for directory in libc if facts.iconv_used or facts.has_topic("charsets") else ():
        gconv = f"{directory}/gconv"
        yield from (f"{gconv}/gconv-modules", f"{gconv}/gconv-modules.cache")
        yield from _files_below(facts.rootfs, f"{gconv}/gconv-modules.d")
        yield from (f"{gconv}/{charset}.so" for charset in CHARSETS)


def _listed(facts: Facts) -> Iterator[str]:
    yield from sorted(facts.listed_files)


def _scripts(facts: Facts) -> Iterator[str]:
    yield from sorted(facts.script_programs)


def _os_release(_: Facts) -> Iterator[str]:
    yield from ("/etc/os-release", "/usr/lib/os-release", "/etc/debian_version", "/etc/alpine-release")
    yield from ("/etc/redhat-release", "/etc/system-release")


def _pkgdb(_: Facts) -> Iterator[str]:
    yield from ()


def _files_below(rootfs: Rootfs, directory: str) -> Iterator[str]:
    top = rootfs.find(directory)
    if top is not None and top.kind is EntryKind.DIRECTORY:
        yield from (entry.path for entry in rootfs.below(top.path) if entry.kind is not EntryKind.DIRECTORY)


PRESETS: Mapping[str, Preset] = {
    "nss": Preset("users, groups and name services", _nss),
    "certs": Preset("certificate authorities", _certs),
    "tz": Preset("local time zone", _tz),
    "locale": Preset("locale and character sets", _locale),
    "listed": Preset("names that the app listed", _listed),
    "scripts": Preset("programs that the app's own shell scripts mention", _scripts),
    "os-release": Preset("which distribution this is", _os_release),
    "pkgdb": Preset("metadata of the packages that are in", _pkgdb),
}
"""The presets by name. pkgdb is applied last, when the kept set is complete (packages/metadata/cut.py)."""
