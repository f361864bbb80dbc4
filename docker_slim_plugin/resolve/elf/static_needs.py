"""Find what programs need of the system while they run, from their files alone: for a plan without a run.

A dynamic program imports the functions that it calls. A static program contains the well-known paths that these
functions read. What is loaded by name at run time (plugins, modules of an interpreter) is not in any file: for that
there are warnings.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.resolve.elf import elf_file
from docker_slim_plugin.resolve.elf.elf_file import Elf
from docker_slim_plugin.resolve.elf.loader import Loader
from docker_slim_plugin.resolve.script_interpreters import parse_shebang
from docker_slim_plugin.rootfs.index import Rootfs

_BLOCK = 1 << 20
_SHOWN = 3
SEEN_BY_A_RUN = "docker slim run would see them"


class Topic(NamedTuple):
    """One service of the system that programs may need."""

    description: str
    functions: frozenset[str]
    literals: tuple[bytes, ...]
    """Byte strings in a static program that implements it itself."""
    preset: str
    """The preset that covers it, or "" if none does."""
    evidence: tuple[str, ...] = ()
    """Suffixes of paths. If no kept path has one of them, the topic is not covered."""


def _split(text: str) -> frozenset[str]:
    return frozenset(text.split())


PLUGINS = "plugins"
TOPICS: Mapping[str, Topic] = {
    "users": Topic(
        "users and groups",
        _split("getpwnam getpwnam_r getpwuid getpwuid_r getpwent getpwent_r getgrnam getgrnam_r getgrgid getgrgid_r "
               "getgrent getgrent_r initgroups getgrouplist getlogin getlogin_r getspnam getspnam_r"),
        (b"/etc/passwd", b"/etc/group"), "nss", ("/etc/passwd",),
    ),
    "hosts": Topic(
        "host names",
        _split("getaddrinfo getnameinfo gethostbyname gethostbyname_r gethostbyname2 gethostbyname2_r gethostbyaddr "
               "gethostbyaddr_r getaddrinfo_a"),
        (b"/etc/nsswitch.conf", b"/etc/resolv.conf"), "nss",
    ),
    "services": Topic(
        "services and protocols",
        _split("getservbyname getservbyname_r getservbyport getservbyport_r getprotobyname getprotobyname_r "
               "getprotobynumber getprotobynumber_r"),
        (b"/etc/services", b"/etc/protocols"), "nss",
    ),
    "certs": Topic(
        "certificate authorities",
        _split("SSL_CTX_set_default_verify_paths X509_STORE_set_default_paths X509_get_default_cert_file "
               "gnutls_certificate_set_x509_system_trust gnutls_x509_trust_list_add_system_trust"),
        (b"/etc/ssl/certs/ca-certificates.crt", b"/etc/ssl/cert.pem", b"/etc/pki/tls/certs"), "certs",
        ("/ca-certificates.crt", "/cert.pem", "/ca-bundle.crt", "/ca-bundle.pem", "/tls-ca-bundle.pem"),
    ),
    "tz": Topic(
        "the local time", _split("localtime localtime_r tzset mktime"), (b"/usr/share/zoneinfo",), "tz",
    ),
    "locale": Topic("the locale", _split("setlocale newlocale"), (), "locale"),
    "charsets": Topic("character sets", _split("iconv_open libiconv_open"), (b"gconv-modules",), "locale"),
    PLUGINS: Topic("files by name", _split("dlopen dlmopen"), (), ""),
}  # fmt: skip


class StaticNeeds:
    """The topics that the kept files of one image need. Each file is read once."""

    def __init__(self, rootfs: Rootfs, loader: Loader) -> None:
        self._rootfs = rootfs
        self._loader = loader
        self._topics: dict[RootPath, frozenset[str]] = {}

    def topics_of(self, path: RootPath) -> frozenset[str]:
        """Return the names of the topics that the file at `path` needs."""
        if path not in self._topics:
            entry = self._rootfs.entries[path]
            found = self._loader.elf(path) if entry.kind is EntryKind.FILE and entry.size else None
            self._topics[path] = frozenset() if found is None else self._scan(path, found)
        return self._topics[path]

    def _scan(self, path: RootPath, found: Elf) -> frozenset[str]:
        try:
            with self._rootfs.reader.open(path) as file:
                if found.is_static:
                    literals = _find_literals(iter(lambda: file.read(_BLOCK), b""))
                    return frozenset(name for name, topic in TOPICS.items() if literals.intersection(topic.literals))
                imports = elf_file.read_imports(file)
        except OSError:
            return frozenset()
        return frozenset(name for name, topic in TOPICS.items() if imports & topic.functions)

    def topics_of_all(self, paths: Iterable[RootPath]) -> frozenset[str]:
        """Return the topics that any of the files needs."""
        return frozenset(name for path in paths for name in self.topics_of(path))

    def describe(
        self, kept: Mapping[RootPath, Iterable[Reason]], requested: Collection[RootPath], presets_off: frozenset[str]
    ) -> tuple[list[str], list[str]]:
        """Return warnings about topics that may not be covered, and notes about those that are."""
        warnings: list[str] = []
        notes = [f"{path} is static: it needs no libraries and no loader" for path in self._static_programs(requested)]
        covered: dict[str, list[str]] = {}
        for name, topic in TOPICS.items():
            users = [path for path in sorted(kept) if name in self.topics_of(path)]
            # The user asked for a program, so report that program, not each of its libraries.
            programs = [path for path in users if path in requested]
            programs_text = _join_paths(programs or users)
            if users and name == PLUGINS:
                target = warnings if programs else notes
                text = f"{programs_text} can load {topic.description} (plugins), but its file does not say which"
                target.append(f"{text}: {SEEN_BY_A_RUN}")
            elif users and (missing := _missing_data(topic, kept, presets_off)):
                warnings.append(f"{programs_text} can ask for {topic.description}{missing}")
            elif programs:
                covered.setdefault(programs_text, []).append(f"{topic.description} ({topic.preset})")
        notes += [
            f"{programs_text} can ask for {', '.join(words)}: the files for that are kept"
            for programs_text, words in covered.items()
        ]
        scripts = [path for path in sorted(requested) if path in kept and self._is_script(path)]
        warnings += (
            [f"{_join_paths(scripts)}: a script may load and start other files: {SEEN_BY_A_RUN}"] if scripts else []
        )
        return warnings, notes

    def _static_programs(self, requested: Iterable[RootPath]) -> list[RootPath]:
        programs = sorted(path for path in requested if self._rootfs.entries[path].is_executable)
        return [path for path in programs if (found := self._loader.elf(path)) is not None and found.is_static]

    def _is_script(self, path: RootPath) -> bool:
        entry = self._rootfs.entries[path]
        if entry.kind is not EntryKind.FILE or not entry.is_executable:
            return False
        head = self._loader.examine(path)
        return isinstance(head, bytes) and bool(parse_shebang(head)[0])


def _missing_data(topic: Topic, kept: Mapping[RootPath, Iterable[Reason]], presets_off: frozenset[str]) -> str:
    """Return why a topic is not covered, or "" if it is."""
    if topic.preset in presets_off:
        return f", and --no-hint {topic.preset} leaves that out"
    if topic.evidence and not any(path.endswith(topic.evidence) and _is_from_preset(kept[path]) for path in kept):
        return f", and the image has none ({os.path.basename(topic.evidence[0])})"
    return ""


def _is_from_preset(reasons: Iterable[Reason]) -> bool:
    return any(reason.kind in (ReasonKind.HINT, ReasonKind.KEEP) for reason in reasons)


def _find_literals(blocks: Iterable[bytes]) -> frozenset[bytes]:
    """Return the literals of all topics that the blocks contain, also across the boundaries of blocks."""
    literals = {text for topic in TOPICS.values() for text in topic.literals}
    longest = max(map(len, literals))
    found: set[bytes] = set()
    rest = b""
    for block in blocks:
        window = rest + block
        found |= {text for text in literals - found if text in window}
        rest = window[-longest:]
    return frozenset(found)


def _join_paths(paths: Collection[RootPath]) -> str:
    shown = ", ".join(list(paths)[:_SHOWN])
    return shown if len(paths) <= _SHOWN else f"{shown} and {len(paths) - _SHOWN} more"
