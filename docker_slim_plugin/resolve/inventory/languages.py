"""Names and versions of Python distributions, npm packages and Ruby gems.

Which of them are present is decided as for their metadata in the slim image (resolve/packages/metadata/).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.inventory import PackageKind, PackageRecord
from docker_slim_plugin.resolve.inventory.kept_files import KeptFiles, clean
from docker_slim_plugin.resolve.packages.metadata import gems, node, python
from docker_slim_plugin.resolve.packages.metadata.description import PackageMetadata
from docker_slim_plugin.resolve.packages.metadata.sources import Sources
from docker_slim_plugin.resolve.packages.path_spelling import PathSpelling

MAX_HEADER = 1 << 16
"""Bytes of a METADATA file in which its fields are looked for."""
MAX_LICENCE = 100
"""Longest licence, in characters, that is a name and not a text."""
NO_VERSION = "its metadata has no version that can be read"
UNKNOWN_FILES = "its metadata does not list its files"
_METADATA = ("METADATA", "PKG-INFO")
_STUB = re.compile(r"^# stub: (\S+) (\S+) ", re.MULTILINE)
_GEM_FIELD = r"^[ \t]*+\w++\.{} = \[?[\"']([^\"'\n]{{1,300}})[\"']"
_GEM_NAME, _GEM_VERSION = (re.compile(_GEM_FIELD.format(name), re.MULTILINE) for name in ("name", "version"))
_GEM_LICENCES = re.compile(r"^[ \t]*+\w++\.licenses? = ([^\n]{1,1000})", re.MULTILINE)
_QUOTED = re.compile(r"[\"']([^\"'\n]{1,300})[\"']")


class LanguagePackages:
    """The language packages of one image."""

    def __init__(self, sources: Sources, kept: KeptFiles) -> None:
        self._sources = sources
        self._kept = kept
        self._spelling = PathSpelling(sources.rootfs)

    def find(self) -> Iterator[PackageRecord]:
        """Yield every package that has a name."""
        for one in python.find(self._sources):
            yield from self._python(one)
        known: set[RootPath] = set()
        for one in node.find(self._sources):
            known.update(one.files)
            yield from self._node(one.files[0], is_present=one.is_present)
        yield from self._other_node(known)
        for one in gems.find(self._sources, lambda _: False):
            yield from self._gem(one)

    def _python(self, one: PackageMetadata) -> Iterator[PackageRecord]:
        names = {path.rpartition("/")[2]: path for path in reversed(one.files)}
        place = next((names[name] for name in _METADATA if name in names), None)
        if place is None and one.directory is None:
            place = one.files[0]
        if place is None:
            return
        fields = parse_headers(self._sources.metadata_reader.read(place) or b"")
        name, version = (clean(fields.get(field, [""])[0]) for field in ("name", "version"))
        note = "" if version else NO_VERSION
        if not name:
            name, note = clean(_name_of_directory(place)), "its metadata cannot be read"
        record = PackageRecord(
            kind=PackageKind.PYPI, name=name, version=version, licences=python_licences(fields), place=place, note=note
        )
        listed = self._listed(one)
        if listed is None:
            listed = frozenset()
            record = replace(record, has_file_list=False, note="; ".join(filter(None, (note, UNKNOWN_FILES))))
        yield self._kept.measure(record, (*one.files, *listed), is_present=one.is_present)

    def _listed(self, one: PackageMetadata) -> frozenset[RootPath] | None:
        """Return the files that the distribution lists, or None if it has no list."""
        for path in one.files:
            if path.rpartition("/")[2] not in (python.RECORD, python.INSTALLED):
                continue
            content = self._sources.metadata_reader.read(path)
            if content is not None:
                base = python.list_base(path)
                name = python.parse_record_row if path.endswith(python.RECORD) else str
                lines = content.decode(errors="surrogateescape").splitlines()
                found = (self._spelling.below(base, name(line)) for line in lines)
                return frozenset(path for path in found if path is not None)
        return None

    def _other_node(self, known: Collection[RootPath]) -> Iterator[PackageRecord]:
        """Yield npm packages outside of node_modules that a package of the distribution contains."""
        for place in sorted(self._kept.paths):
            if place.endswith(f"/{node.NAME}") and place not in known:
                top = RootPath(place.rpartition("/")[0])
                others = any(path in self._sources.code and path != place for path in self._below(top))
                yield from self._node(place, is_present=others)

    def _node(self, place: RootPath, *, is_present: bool) -> Iterator[PackageRecord]:
        if place.endswith("/.package-lock.json"):
            return
        try:
            document = json.loads(self._sources.metadata_reader.read(place) or b"{}")
        except (ValueError, RecursionError):
            document = {}
        document = document if isinstance(document, dict) else {}
        name, version = (clean(text) if isinstance(text := document.get(key), str) else "" for key in _NODE)
        directory = place.rpartition("/")[0]
        inside = re.search(r"/(?:node_modules|nodejs)/((?:@[^/]+/)?[^/]+)$", directory)
        note = "" if version else NO_VERSION
        # Outside of node_modules, a package.json without a name sets options for a directory.
        name = name or (clean(inside[1]) if inside else "")
        if name:
            record = PackageRecord(
                kind=PackageKind.NPM,
                name=name,
                version=version,
                licences=node_licences(document),
                place=place,
                note=note,
            )
            yield self._kept.measure(record, self._below(RootPath(directory)), is_present=is_present)

    def _below(self, top: RootPath) -> Iterator[RootPath]:
        """Yield the files below a directory, without those of packages in node_modules below it.

        An app's own package.json may be in the root directory: then only those in the same directory count.
        """
        rootfs = self._sources.rootfs
        pending = [top]
        while pending:
            here = pending.pop()
            for name in rootfs.children.get(here, ()):
                path = RootPath(f"{here}/{name}")
                if rootfs.entries[path].kind is not EntryKind.DIRECTORY:
                    yield path
                elif name != "node_modules" and here:
                    pending.append(path)

    def _gem(self, one: PackageMetadata) -> Iterator[PackageRecord]:
        place = one.files[0]
        text = (self._sources.metadata_reader.read(place) or b"").decode(errors="surrogateescape")
        full = place.rpartition("/")[2].removesuffix(".gemspec")
        stub = _STUB.search(text)
        matches = (pattern.search(text) for pattern in (_GEM_NAME, _GEM_VERSION))
        said = [match[1] if match else "" for match in matches]
        name = stub[1] if stub else said[0] or full.rpartition("-")[0]
        version = stub[2] if stub else said[1] or full.rpartition("-")[2]
        licences = _GEM_LICENCES.search(text)
        record = PackageRecord(
            kind=PackageKind.GEM,
            name=clean(name),
            version=clean(version),
            licences=_licences(_QUOTED.findall(licences[1]) if licences else ()),
            place=place,
            note="" if version else NO_VERSION,
        )
        home, _, name = place.partition("/specifications/")
        if name.startswith("default/"):
            # Its files are in Ruby's own library.
            record = replace(record, has_file_list=False)
        below = self._sources.rootfs.below(RootPath(f"{home}/gems/{full}"))
        files = (entry.path for entry in below if entry.kind is not EntryKind.DIRECTORY)
        yield self._kept.measure(record, (place, *files), is_present=one.is_present)


_NODE = ("name", "version")


def parse_headers(content: bytes) -> dict[str, list[str]]:
    """Return the header fields of a METADATA or PKG-INFO file, in lower case (core metadata specifications).

    Continuation lines are left out.
    """
    fields: dict[str, list[str]] = {}
    for line in content[:MAX_HEADER].decode(errors="replace").split("\n"):
        if not line.strip():
            break
        name, colon, value = line.partition(":")
        if colon and not line.startswith((" ", "\t")):
            fields.setdefault(name.strip().lower(), []).append(value.strip())
    return fields


def python_licences(fields: dict[str, list[str]]) -> tuple[str, ...]:
    """Return the licences of a distribution: License-Expression, License, or the classifiers."""
    classified = [text.rpartition(" :: ")[2] for text in fields.get("classifier", ()) if text.startswith("License :: ")]
    for found in (fields.get("license-expression", ()), fields.get("license", ()), classified):
        stated = [text for text in found if text not in ("", "UNKNOWN")]
        if stated and all(len(text) <= MAX_LICENCE for text in stated):
            return _licences(stated)
    return ()


def node_licences(document: dict[str, object]) -> tuple[str, ...]:
    """Return the licences of a package.json: a text, or in old ones an object or a list of objects."""
    stated = document.get("license") or document.get("licenses") or ()
    one = stated if isinstance(stated, list) else [stated]
    texts = [text.get("type") if isinstance(text, dict) else text for text in one[:20]]
    return _licences(text for text in texts if isinstance(text, str))


def _licences(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(clean(text) for text in texts if text.strip() and len(text) <= MAX_LICENCE))


def _name_of_directory(place: str) -> str:
    """Return the name in "requests-2.31.dist-info/METADATA"."""
    parts = place.split("/")
    found = next((part for part in reversed(parts) if part.lower().endswith(("-info", ".egg"))), parts[-1])
    return re.sub(r"-\d[^/]*$|\.(?:dist|egg)-info$|\.egg$", "", found, flags=re.IGNORECASE)
