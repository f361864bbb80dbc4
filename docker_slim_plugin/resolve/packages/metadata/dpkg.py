"""Cut dpkg's files about a package: `status`, and in info/ the file lists, checksums and configuration files.

Hence `dpkg -L` and `dpkg -V` agree with the image. Maintainer scripts, triggers, symbols and the like are used only for
installation, and are left out. On a base image the files of both images are present, so the lines of both are merged.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator

from docker_slim_plugin.resolve.packages.ownership import CONFFILE_END, CONFFILES

INFO = "/var/lib/dpkg/info"
CUT_SUFFIXES = (".list", ".md5sums", ".conffiles")
REMOVED_WHEN_EMPTY = (".conffiles",)
"""Files that are removed if nothing is left in them. dpkg --audit reports missing checksums, so these stay even if
empty."""
FORMAT_FILES = ("/var/lib/dpkg/info/format", "/var/lib/dpkg/arch")
"""Files from which dpkg knows how the other files are named."""
_REMOVED = b"remove-on-upgrade "
IsKept = Callable[[str], bool]
"""Tells whether a path of the package's file list is in the slim image."""
ChangedContent = Callable[[str], bytes | None]
"""Returns the new content of a file whose content was replaced, or None."""


def cut_lines(content: bytes, keep: IsKept) -> bytes:
    """Return a .list or .conffiles file with only the kept paths."""
    kept = (line for line in _lines(content) if keep(_text(line.removeprefix(_REMOVED))))
    return b"".join(line + b"\n" for line in kept)


def cut_md5sums(content: bytes, keep: IsKept, changed: ChangedContent) -> bytes:
    """Return a .md5sums file with only the kept files, and with new checksums for files whose content was replaced."""
    kept = ((line, md5sums_path(line)) for line in _lines(content))
    return b"".join(_update_sum(line, changed(path)) + b"\n" for line, path in kept if keep(path))


def _update_sum(line: bytes, changed: bytes | None) -> bytes:
    if changed is None:
        return line
    return hashlib.md5(changed, usedforsecurity=False).hexdigest().encode() + line[32:]


def md5sums_path(line: bytes) -> str:
    """Return the path in a line of a .md5sums file."""
    return "/" + _text(line.partition(b"  ")[2]).removeprefix("./")


def cut_stanza(content: bytes, keep: IsKept) -> bytes:
    """Return a stanza of `status` with only the kept configuration files."""
    return CONFFILES.sub(lambda match: _conffiles_block(_kept_conffiles(match[1], keep)), content)


def cut_diversions(content: bytes, keep: IsKept) -> bytes:
    """Return the diversions of which at least one path is kept."""
    rows = content.split(b"\n")
    triples = zip(rows[::3], rows[1::3], rows[2::3], strict=False)
    return b"".join(b"\n".join(three) + b"\n" for three in triples if keep(_text(three[0])) or keep(_text(three[1])))


def merge_lines(upper: bytes, lower: bytes) -> bytes:
    """Return the lines of both files, those of the lower one first."""
    return b"".join(line + b"\n" for line in dict.fromkeys((*_lines(lower), *_lines(upper))))


def merge_md5sums(upper: bytes, lower: bytes) -> bytes:
    """Return the checksums of both files. If both have a file, the upper one counts."""
    found = {md5sums_path(line): line for line in (*_lines(lower), *_lines(upper))}
    return b"".join(line + b"\n" for line in found.values())


def merge_stanzas(upper: bytes, lower: bytes) -> bytes:
    """Return the lower stanza for a package of the same version, with the configuration files of both."""
    upper_match, lower_match = CONFFILES.search(upper), CONFFILES.search(lower)
    if upper_match is None:
        return lower
    if lower_match is None:
        return lower.rstrip(b"\n") + b"\n" + upper_match[0].rstrip(b"\n") + b"\n\n"
    both = {**_parse_conffiles(lower_match[1]), **_parse_conffiles(upper_match[1])}
    return lower[: lower_match.start()] + _conffiles_block(both.values()) + lower[lower_match.end() :]


def _kept_conffiles(block: bytes, keep: IsKept) -> Iterator[bytes]:
    return (line for path, line in _parse_conffiles(block).items() if keep(path))


def _parse_conffiles(block: bytes) -> dict[str, bytes]:
    return {CONFFILE_END.sub("", _text(line)[1:]): line for line in _lines(block)}


def _conffiles_block(rows: Iterable[bytes]) -> bytes:
    text = b"".join(row + b"\n" for row in rows)
    return b"Conffiles:\n" + text if text else b""


def _lines(content: bytes) -> list[bytes]:
    return [line for line in content.split(b"\n") if line]


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")


_KINDS = re.compile(r"/var/lib/dpkg/(?:info/[^/]+(?P<kind>\.list|\.md5sums|\.conffiles)|(?P<other>diversions))")


def merge_file(path: str, upper: bytes, lower: bytes) -> bytes | None:
    """Return the merged file of both images, or None if it is not one of dpkg's files that can be merged."""
    match = _KINDS.fullmatch(path)
    if match is None:
        return None
    if match["other"]:
        known = set(lower.split(b"\n")[::3])
        rows = upper.split(b"\n")
        triples = zip(rows[::3], rows[1::3], rows[2::3], strict=False)
        return lower + b"".join(b"\n".join(three) + b"\n" for three in triples if three[0] not in known)
    return merge_md5sums(upper, lower) if match["kind"] == ".md5sums" else merge_lines(upper, lower)
