"""Compute the directories in which the dynamic loader searches for libraries, in their order."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from docker_slim_plugin.resolve import patterns
from docker_slim_plugin.resolve.elf.elf_file import Elf
from docker_slim_plugin.rootfs.index import Rootfs

MAX_CONF = 1 << 16
MAX_INCLUDES = 256
MAX_DIRECTORIES = 256
MAX_LISTED = 4096
"""Most directories of a configuration file, repeated ones included."""
PATH_MAX = 4096
"""Longest path that the kernel opens (path_resolution(7))."""
LD_SO_CONF = "/etc/ld.so.conf"
MUSL_DEFAULT = ("/lib", "/usr/local/lib", "/usr/lib")
GLIBC_DEFAULT = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")
GLIBC_DEFAULT_32 = ("/lib", "/usr/lib", "/lib32", "/usr/lib32", "/libx32", "/usr/libx32")

PLATFORMS: dict[tuple[int, str, str], tuple[str, tuple[str, ...]]] = {
    (64, "little", "EM_X86_64"): ("x86_64", ("x86_64-linux-gnu",)),
    (32, "little", "EM_X86_64"): ("x86_64", ("x86_64-linux-gnux32",)),
    (32, "little", "EM_386"): ("i686", ("i386-linux-gnu", "i686-linux-gnu")),
    (64, "little", "EM_AARCH64"): ("aarch64", ("aarch64-linux-gnu",)),
    (32, "little", "EM_ARM"): ("v7l", ("arm-linux-gnueabihf", "arm-linux-gnueabi")),
    (64, "little", "EM_PPC64"): ("ppc64le", ("powerpc64le-linux-gnu",)),
    (64, "big", "EM_S390"): ("s390x", ("s390x-linux-gnu",)),
    (64, "little", "EM_RISCV"): ("riscv64", ("riscv64-linux-gnu",)),
    (64, "little", "EM_LOONGARCH"): ("loongarch64", ("loongarch64-linux-gnu",)),
}
"""AT_PLATFORM of the kernel and multiarch directories of Debian, by (bits, byte order, machine)."""


@dataclass(frozen=True, slots=True, eq=False)
class MappedObject:
    """One object of a process, and the object that loaded it."""

    path: str
    """The path that the loader opened. $ORIGIN is the directory of this path, not of the target of its symlinks."""
    elf: Elf
    parent: MappedObject | None = None


class SearchPaths:
    """The search paths of the loaders in one image. Each file of the image is read once."""

    def __init__(self, rootfs: Rootfs, library_path: Iterable[str] = ()) -> None:
        self.rootfs = rootfs
        self.library_path = tuple(library_path)
        self._hwcaps: dict[str, tuple[str, ...]] = {}
        self._conf: tuple[str, ...] | None = None
        self._musl: tuple[str, ...] | None = None

    def directories_for(self, needing: MappedObject, *, musl: bool) -> Iterator[str]:
        """Yield the directories in which a library for `needing` is searched, in order, at most MAX_DIRECTORIES."""
        return islice(self._search(needing, musl=musl), MAX_DIRECTORIES)

    def _search(self, needing: MappedObject, *, musl: bool) -> Iterator[str]:
        if musl:
            yield from self.library_path
            for mapped in _loading_chain(needing):
                yield from _expand_tokens((*mapped.elf.rpath, *mapped.elf.runpath), mapped)
            yield from self.musl_directories()
            return
        if not needing.elf.runpath:
            # DT_RPATH applies to everything that the object loads, unless the needing object has a DT_RUNPATH.
            for mapped in _loading_chain(needing):
                yield from _expand_tokens(mapped.elf.rpath, mapped)
        yield from _expand_tokens(self.library_path, needing)
        yield from _expand_tokens(needing.elf.runpath, needing)
        if not needing.elf.no_default:
            yield from self.ld_so_conf()
            yield from _default_directories(needing.elf)

    def hwcaps(self, directory: str) -> tuple[str, ...]:
        """Return the glibc-hwcaps subdirectories of `directory`. The processor decides which one is used."""
        if directory not in self._hwcaps:
            top = f"{directory}/glibc-hwcaps"
            entry = self.rootfs.find(top)
            names = self.rootfs.children.get(entry.path, ()) if entry else ()
            self._hwcaps[directory] = tuple(f"{top}/{name}" for name in names)
        return self._hwcaps[directory]

    def ld_so_conf(self) -> tuple[str, ...]:
        """Return the directories of /etc/ld.so.conf, which ldconfig(8) writes into the loader's cache."""
        if self._conf is None:
            self._conf = tuple(dict.fromkeys(islice(self._read_conf(LD_SO_CONF), MAX_LISTED)))
        return self._conf

    def _read_conf(self, top: str) -> Iterator[str]:
        pending, files, globs = [top], 0, 0
        while pending and files < MAX_INCLUDES:
            path = pending.pop()
            files += 1
            included: list[str] = []
            for line in self.rootfs.text(path, MAX_CONF).split("\n"):
                words = line.partition("#")[0].split()
                if not words or words[0] == "hwcap":
                    continue
                if words[0] != "include":
                    # The old form "directory=libtype" is still read.
                    yield from (word.partition("=")[0] for word in _split_colons(words) if word.startswith("/"))
                    continue
                for pattern in words[1 : 1 + MAX_INCLUDES - globs]:
                    globs += 1
                    included += sorted(
                        patterns.find_matches(self.rootfs, posixpath.join(posixpath.dirname(path), pattern))
                    )
            pending += included[:MAX_INCLUDES][::-1]

    def musl_directories(self) -> tuple[str, ...]:
        """Return musl's directories: those of /etc/ld-musl-ARCH.path, or the defaults."""
        if self._musl is None:
            files = sorted(patterns.find_matches(self.rootfs, "/etc/ld-musl-*.path"))[:MAX_INCLUDES]
            text = "\n".join(self.rootfs.text(path, MAX_CONF) for path in files)
            self._musl = tuple(islice(_split_colons(text.split("\n")), MAX_LISTED)) if files else MUSL_DEFAULT
        return self._musl


def is_musl(elf: Elf) -> bool:
    """Return whether the file needs the loader of musl, not that of glibc."""
    return "/ld-musl-" in elf.interpreter or any(
        name == "libc.so" or name.startswith("libc.musl-") for name in elf.needed
    )


def _loading_chain(mapped: MappedObject) -> Iterator[MappedObject]:
    here: MappedObject | None = mapped
    while here is not None:
        yield here
        here = here.parent


def _split_colons(words: Iterable[str]) -> Iterator[str]:
    return (part for word in words for part in word.replace(",", ":").split(":") if part)


def _default_directories(elf: Elf) -> Iterator[str]:
    for triplet in PLATFORMS.get(elf.abi, ("", ()))[1]:
        yield f"/lib/{triplet}"
        yield f"/usr/lib/{triplet}"
    yield from GLIBC_DEFAULT if elf.bits == 64 else GLIBC_DEFAULT_32


def _expand_tokens(directories: Iterable[str], mapped: MappedObject) -> Iterator[str]:
    """Yield the absolute directories for entries of RPATH and the like, with the tokens of ld.so(8) expanded."""
    platform, triplets = PLATFORMS.get(mapped.elf.abi, ("", ()))
    origin = posixpath.dirname(mapped.path).rstrip("/")
    for directory in directories:
        if len(directory) + directory.count("$") * max(len(origin), len(platform), 5) > PATH_MAX:
            continue
        # The value of $LIB depends on the distribution's build of glibc, so all usual values are tried.
        for lib in ("lib64", *(f"lib/{triplet}" for triplet in triplets), "lib") if "LIB" in directory else ("",):
            place = directory
            for token, value in (
                ("ORIGIN", origin),
                ("LIB", lib),
                ("PLATFORM", platform),
            ):
                place = place.replace(f"${{{token}}}", value).replace(f"${token}", value)
            place = place or "/"
            # A relative directory depends on the working directory, which is not known.
            if place.startswith("/"):
                yield place
