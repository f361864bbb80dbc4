"""dpkg's own files about a package, cut: `status`, and in info/ the lists, the sums and the configuration files.

So dpkg -L and dpkg -V agree with the image. Scripts of maintainers, triggers, symbols and the like are only for
installing, and stay out. On a base image, where files of both are in, so are the lines of both.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator

from docker_slim_plugin.resolve.packages.ownership import CONFFILE_END, CONFFILES

INFO = "/var/lib/dpkg/info"
CUT_SUFFIXES = (".list", ".md5sums", ".conffiles")
REMOVED_WHEN_EMPTY = (".conffiles",)
"""When nothing is left in it; of sums, dpkg --audit misses even an empty file."""
FORMAT_FILES = ("/var/lib/dpkg/info/format", "/var/lib/dpkg/arch")
"""By which dpkg knows under what names it keeps the others."""
_REMOVED = b"remove-on-upgrade "
IsKept = Callable[[str], bool]
"""Tells whether a path, as a list of the package writes it, is in the image."""
ChangedContent = Callable[[str], bytes | None]
"""Gives the content of a file of the package that is in the image otherwise than it was."""


def cut_lines(content: bytes, keep: IsKept) -> bytes:
    """Return a .list or .conffiles with the paths alone that are in."""
    kept = (line for line in _lines(content) if keep(_text(line.removeprefix(_REMOVED))))
    return b"".join(line + b"\n" for line in kept)


def cut_md5sums(content: bytes, keep: IsKept, changed: ChangedContent) -> bytes:
    """Return a .md5sums with the files alone that are in, as they are there."""
    kept = ((line, md5sums_path(line)) for line in _lines(content))
    return b"".join(_update_sum(line, changed(path)) + b"\n" for line, path in kept if keep(path))


def _update_sum(line: bytes, changed: bytes | None) -> bytes:
    if changed is None:
        return line
    return hashlib.md5(changed, usedforsecurity=False).hexdigest().encode() + line[32:]


def md5sums_path(line: bytes) -> str:
    """Return the path that a line of sums is about."""
    return "/" + _text(line.partition(b"  ")[2]).removeprefix("./")


def cut_stanza(content: bytes, keep: IsKept) -> bytes:
    """Return a package's entry in `status` with the configuration files alone that are in."""
    return CONFFILES.sub(lambda match: _conffiles_block(_kept_conffiles(match[1], keep)), content)


def cut_diversions(content: bytes, keep: IsKept) -> bytes:
    """Return the diversions of which one of both paths is in."""
    rows = content.split(b"\n")
    triples = zip(rows[::3], rows[1::3], rows[2::3], strict=False)
    return b"".join(b"\n".join(three) + b"\n" for three in triples if keep(_text(three[0])) or keep(_text(three[1])))


def merge_lines(ours: bytes, theirs: bytes) -> bytes:
    """Return the lines of both, those of the base first."""
    return b"".join(line + b"\n" for line in dict.fromkeys((*_lines(theirs), *_lines(ours))))


def merge_md5sums(ours: bytes, theirs: bytes) -> bytes:
    """Return the sums of both; of a file that both have, ours, which lies over the other."""
    found = {md5sums_path(line): line for line in (*_lines(theirs), *_lines(ours))}
    return b"".join(line + b"\n" for line in found.values())


def merge_stanzas(ours: bytes, theirs: bytes) -> bytes:
    """Return the entry of the base for a package of the same version, with the configuration files of both."""
    mine, its = CONFFILES.search(ours), CONFFILES.search(theirs)
    if mine is None:
        return theirs
    if its is None:
        return theirs.rstrip(b"\n") + b"\n" + mine[0].rstrip(b"\n") + b"\n\n"
    both = {**_parse_conffiles(its[1]), **_parse_conffiles(mine[1])}
    return theirs[: its.start()] + _conffiles_block(both.values()) + theirs[its.end() :]


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


def merge_file(path: str, ours: bytes, theirs: bytes) -> bytes | None:
    """Return the file of both images; None when it is none of dpkg's that can be united."""
    match = _KINDS.fullmatch(path)
    if match is None:
        return None
    if match["other"]:
        known = set(theirs.split(b"\n")[::3])
        rows = ours.split(b"\n")
        triples = zip(rows[::3], rows[1::3], rows[2::3], strict=False)
        return theirs + b"".join(b"\n".join(three) + b"\n" for three in triples if three[0] not in known)
    return merge_md5sums(ours, theirs) if match["kind"] == ".md5sums" else merge_lines(ours, theirs)
