"""What programs ask of their system while they run, as far as their files say it: for a plan without a run.

A dynamic program names the functions it calls; a static one holds the well-known paths that those functions would have
read. What is loaded by name at run time (plugins, modules of an interpreter) no file says: that is put into words.
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
from docker_slim_plugin.resolve.script_interpreters import command
from docker_slim_plugin.rootfs.index import Rootfs

_BLOCK = 1 << 20
_SHOWN = 3
UNKNOWN = "its file does not say: docker slim run would see them"


class Topic(NamedTuple):
    """One thing that programs ask for."""

    words: str
    functions: frozenset[str]
    texts: tuple[bytes, ...]
    """What a static program holds that does it itself."""
    hint: str
    """The preset that covers it; "" when none can."""
    proof: tuple[str, ...] = ()
    """How the paths end one of which must be there, or it is not covered."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PLUGINS = "plugins"
TOPICS: Mapping[str, Topic] = {
    "users": Topic(
        "users and groups",
        _words("getpwnam getpwnam_r getpwuid getpwuid_r getpwent getpwent_r getgrnam getgrnam_r getgrgid getgrgid_r "
               "getgrent getgrent_r initgroups getgrouplist getlogin getlogin_r getspnam getspnam_r"),
        (b"/etc/passwd", b"/etc/group"), "nss", ("/etc/passwd",),
    ),
    "hosts": Topic(
        "host names",
        _words("getaddrinfo getnameinfo gethostbyname gethostbyname_r gethostbyname2 gethostbyname2_r gethostbyaddr "
               "gethostbyaddr_r getaddrinfo_a"),
        (b"/etc/nsswitch.conf", b"/etc/resolv.conf"), "nss",
    ),
    "services": Topic(
        "services and protocols",
        _words("getservbyname getservbyname_r getservbyport getservbyport_r getprotobyname getprotobyname_r "
               "getprotobynumber getprotobynumber_r"),
        (b"/etc/services", b"/etc/protocols"), "nss",
    ),
    "certs": Topic(
        "certificate authorities",
        _words("SSL_CTX_set_default_verify_paths X509_STORE_set_default_paths X509_get_default_cert_file "
               "gnutls_certificate_set_x509_system_trust gnutls_x509_trust_list_add_system_trust"),
        (b"/etc/ssl/certs/ca-certificates.crt", b"/etc/ssl/cert.pem", b"/etc/pki/tls/certs"), "certs",
        ("/ca-certificates.crt", "/cert.pem", "/ca-bundle.crt", "/ca-bundle.pem", "/tls-ca-bundle.pem"),
    ),
    "tz": Topic(
        "the local time", _words("localtime localtime_r tzset mktime"), (b"/usr/share/zoneinfo",), "tz",
    ),
    "locale": Topic("the locale", _words("setlocale newlocale"), (), "locale"),
    "charsets": Topic("character sets", _words("iconv_open libiconv_open"), (b"gconv-modules",), "locale"),
    PLUGINS: Topic("files by name", _words("dlopen dlmopen"), (), ""),
}  # fmt: skip


class Asks:
    """What the kept files of one image ask for; reads each file once."""

    def __init__(self, rootfs: Rootfs, loader: Loader) -> None:
        self._rootfs = rootfs
        self._loader = loader
        self._asked: dict[RootPath, frozenset[str]] = {}

    def of(self, path: RootPath) -> frozenset[str]:
        """Return the names of the topics that the file at `path` asks for."""
        if path not in self._asked:
            entry = self._rootfs.entries[path]
            found = self._loader.elf(path) if entry.kind is EntryKind.FILE and entry.size else None
            self._asked[path] = frozenset() if found is None else self._look(path, found)
        return self._asked[path]

    def _look(self, path: RootPath, found: Elf) -> frozenset[str]:
        try:
            with self._rootfs.reader.open(path) as file:
                if found.is_static:
                    texts = _texts(iter(lambda: file.read(_BLOCK), b""))
                    return frozenset(name for name, topic in TOPICS.items() if texts.intersection(topic.texts))
                wanted = elf_file.imports(file)
        except OSError:
            return frozenset()
        return frozenset(name for name, topic in TOPICS.items() if wanted & topic.functions)

    def all(self, paths: Iterable[RootPath]) -> frozenset[str]:
        """Return the topics that any of the files asks for."""
        return frozenset(name for path in paths for name in self.of(path))

    def words(
        self, kept: Mapping[RootPath, Iterable[Reason]], named: Collection[RootPath], off: frozenset[str]
    ) -> tuple[list[str], list[str]]:
        """Return warnings, of what kept files ask for and may not find, and notes, of what is covered."""
        warnings: list[str] = []
        notes = [f"{path} is static: it needs no libraries and no loader" for path in self._static(named)]
        covered: dict[str, list[str]] = {}
        for name, topic in TOPICS.items():
            asking = [path for path in sorted(kept) if name in self.of(path)]
            # Who names a program wants to hear of that one, not of each library that it brings along.
            programs = [path for path in asking if path in named]
            who = _listed(programs or asking)
            if asking and name == PLUGINS:
                said = warnings if programs else notes
                said.append(f"{who} can load {topic.words} (plugins); which ones, {UNKNOWN}")
            elif asking and (lack := _lack(topic, kept, off)):
                warnings.append(f"{who} can ask for {topic.words}{lack}")
            elif programs:
                covered.setdefault(who, []).append(f"{topic.words} ({topic.hint})")
        notes += [f"{who} can ask for {', '.join(words)}: what that takes is in" for who, words in covered.items()]
        scripts = [path for path in sorted(named) if path in kept and self._is_script(path)]
        warnings += [f"{_listed(scripts)}: what a script loads and starts, {UNKNOWN}"] if scripts else []
        return warnings, notes

    def _static(self, named: Iterable[RootPath]) -> list[RootPath]:
        programs = sorted(path for path in named if self._rootfs.entries[path].is_executable)
        return [path for path in programs if (found := self._loader.elf(path)) is not None and found.is_static]

    def _is_script(self, path: RootPath) -> bool:
        entry = self._rootfs.entries[path]
        if entry.kind is not EntryKind.FILE or not entry.is_executable:
            return False
        head = self._loader.examine(path)
        return isinstance(head, bytes) and bool(command(head)[0])


def _lack(topic: Topic, kept: Mapping[RootPath, Iterable[Reason]], off: frozenset[str]) -> str:
    """Return why a topic is not covered; "" when it is."""
    if topic.hint in off:
        return f", and --no-hint {topic.hint} leaves that out"
    if topic.proof and not any(path.endswith(topic.proof) and _is_hinted(kept[path]) for path in kept):
        return f", and the image has none ({os.path.basename(topic.proof[0])})"
    return ""


def _is_hinted(reasons: Iterable[Reason]) -> bool:
    return any(reason.kind in (ReasonKind.HINT, ReasonKind.KEEP) for reason in reasons)


def _texts(blocks: Iterable[bytes]) -> frozenset[bytes]:
    """Return which texts of all topics the blocks hold, also across their borders."""
    wanted = {text for topic in TOPICS.values() for text in topic.texts}
    longest = max(map(len, wanted))
    found: set[bytes] = set()
    rest = b""
    for block in blocks:
        window = rest + block
        found |= {text for text in wanted - found if text in window}
        rest = window[-longest:]
    return frozenset(found)


def _listed(paths: Collection[RootPath]) -> str:
    shown = ", ".join(list(paths)[:_SHOWN])
    return shown if len(paths) <= _SHOWN else f"{shown} and {len(paths) - _SHOWN} more"
