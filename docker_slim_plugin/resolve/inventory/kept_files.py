"""Count which files of a package are kept, and tell whether any of them may be code."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.inventory import PackageRecord
from docker_slim_plugin.resolve.packages.metadata.presence import LICENSES, is_directory, is_metadata
from docker_slim_plugin.rootfs.index import Rootfs

DATA = re.compile(
    r".+\.(?:avif|bmp|crl|crt|csv|eot|gif|gpg|icns|ico|jpe?g|md|mo|otf|pcf|pem|png|po|pot|tif|tiff|tsv|ttc|ttf|txt|wav"
    r"|webp|woff2?)|/usr/(?:local/)?share/doc/(?:.*/)?(?:AUTHORS|NEWS|README|THANKS|TODO|changelog|copyright)[^/]*",
    re.IGNORECASE | re.DOTALL,
)
"""Names of files that no program executes, loads or imports."""
DATA_DIRECTORIES = (
    "/etc/terminfo/",
    "/lib/terminfo/",
    "/usr/lib/terminfo/",
    "/usr/share/ca-certificates/",
    "/usr/share/fonts/",
    "/usr/share/locale/",
    "/usr/share/man/",
    "/usr/share/terminfo/",
    "/usr/share/zoneinfo/",
)
CODE_STARTS = (b"\x7fELF", b"#!", b"PK\3\4", b"\xca\xfe\xba\xbe", b"MZ", b"\0asm", b"!<arch>", b"<?php")
"""First bytes of programs, libraries, scripts and archives of code."""
_START = max(map(len, CODE_STARTS))


class KeptFiles:
    """The kept paths of one image."""

    def __init__(self, rootfs: Rootfs, kept: Collection[RootPath]) -> None:
        self._rootfs = rootfs
        self.paths = frozenset(kept)
        self.owned: set[RootPath] = set()
        """Kept paths that belong to a package."""

    def measure(self, record: PackageRecord, files: Iterable[RootPath], *, is_present: bool) -> PackageRecord:
        """Return the record with the numbers of its files. `files` are all that the source has of the package.

        A package that is present, and of which no kept file is known, counts as code.
        """
        distinct = frozenset(path for path in files if not is_directory(self._rootfs, path))
        kept = sorted(distinct & self.paths)
        self.owned.update(kept)
        counted = [path for path in kept if not is_metadata(path)]
        return replace(
            record,
            files=len(distinct),
            kept=len(kept),
            is_present=is_present,
            may_have_code=any(map(self.may_be_code, counted)) or (is_present and not counted),
        )

    def may_be_code(self, path: RootPath) -> bool:
        """Return whether a file may be code: false only for what is certainly data, by name and first bytes.

        A symlink has no content. Its target is another file.
        """
        entry = self._rootfs.entries[path]
        if entry.kind is not EntryKind.FILE or not entry.size:
            return False
        is_data = path.startswith((*DATA_DIRECTORIES, *LICENSES)) or DATA.fullmatch(path)
        if entry.is_executable or not is_data:
            return True
        try:
            with self._rootfs.reader.open(path) as file:
                return file.read(_START).startswith(CODE_STARTS)
        except OSError:
            return True

    def unowned(self) -> tuple[RootPath, ...]:
        """Return the kept regular files that belong to no package that was measured."""
        entries = self._rootfs.entries
        return tuple(sorted(path for path in self.paths - self.owned if entries[path].kind is EntryKind.FILE))


def clean(text: str, most: int = 300) -> str:
    """Return a foreign name or version as one line of limited length without control characters."""
    text = text.strip()[:most]
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
