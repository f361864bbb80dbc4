"""Cut a package's stanza in apk's `installed` to the files that are kept.

F: starts a directory, R: a file in it. The lines after these describe it (M: and a: owner and mode, Z: the checksum).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator

_OF_A_FILE = (b"a:", b"Z:")


def cut_stanza(content: bytes, keep: Callable[[str], bool], changed: Callable[[str], bytes | None]) -> bytes:
    """Return the stanza with only the directories and files for which `keep` returns true, in the same order.

    `changed` returns the new content of a file whose content was replaced, so that its checksum is updated.
    """
    return b"".join(line + b"\n" for line in _kept_lines(content, keep, changed)) + b"\n"


def _kept_lines(content: bytes, keep: Callable[[str], bool], changed: Callable[[str], bytes | None]) -> Iterator[bytes]:
    directory, inside, after = b"", True, True
    now: bytes | None = None
    for line in filter(None, content.split(b"\n")):
        tag = line[:2]
        if tag == b"F:":
            directory = line[2:]
            inside = after = keep("/" + _text(directory))
        elif tag == b"R:":
            name = b"/".join(filter(None, (directory, line[2:])))
            after = keep("/" + _text(name))
            now = changed("/" + _text(name)) if after else None
        elif line.startswith(b"Z:Q1") and now is not None:
            line = b"Z:Q1" + base64.b64encode(hashlib.sha1(now, usedforsecurity=False).digest())  # noqa: PLW2901
        if after if tag == b"R:" or tag in _OF_A_FILE else inside or tag not in (b"F:", b"M:"):
            yield line


def merge_stanzas(upper: bytes, lower: bytes) -> bytes:
    """Return the lower stanza for a package of the same version, with the files of both."""
    _, upper_directories = _split_stanza(upper)
    head, lower_directories = _split_stanza(lower)
    for directory, files in upper_directories.items():
        there = lower_directories.setdefault(directory, {b"": files[b""]})
        for name, rows in files.items():
            there.setdefault(name, rows)
    return (
        head
        + b"".join(row + b"\n" for files in lower_directories.values() for rows in files.values() for row in rows)
        + b"\n"
    )


def _split_stanza(content: bytes) -> tuple[bytes, dict[bytes, dict[bytes, list[bytes]]]]:
    """Return the lines before the first directory, and by directory and file the lines of each.

    The lines of the directory itself have the key b"".
    """
    head: list[bytes] = []
    found: dict[bytes, dict[bytes, list[bytes]]] = {}
    rows = head
    files: dict[bytes, list[bytes]] = {}
    for line in filter(None, content.split(b"\n")):
        if line.startswith(b"F:"):
            files = found.setdefault(line[2:], {})
            rows = files.setdefault(b"", [])
            rows[:] = []
        elif line.startswith(b"R:") and found:
            rows = files[line[2:]] = []
        rows.append(line)
    return b"".join(line + b"\n" for line in head), found


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")
