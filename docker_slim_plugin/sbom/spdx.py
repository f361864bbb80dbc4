"""Write the packages of a slim image as SPDX 2.3 JSON. The records have the names of the specification."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from docker_slim_plugin import __version__
from docker_slim_plugin.model.inventory import PackageRecord
from docker_slim_plugin.sbom.content import TOOL, Content, ListedFile, Subject, readable_path
from docker_slim_plugin.sbom.purls import make_purl

NONE_STATED = "NOASSERTION"
DOCUMENT = "SPDXRef-DOCUMENT"
IMAGE = "SPDXRef-Image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    algorithm: str
    checksumValue: str  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalRef:
    referenceLocator: str  # noqa: N815
    referenceCategory: str = "PACKAGE-MANAGER"  # noqa: N815
    referenceType: str = "purl"  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package, or the image."""

    SPDXID: str
    name: str
    versionInfo: str = ""  # noqa: N815
    downloadLocation: str = NONE_STATED  # noqa: N815
    filesAnalyzed: bool = False  # noqa: N815
    licenseConcluded: str = NONE_STATED  # noqa: N815
    licenseDeclared: str = NONE_STATED  # noqa: N815
    copyrightText: str = NONE_STATED  # noqa: N815
    primaryPackagePurpose: str = "LIBRARY"  # noqa: N815
    sourceInfo: str = ""  # noqa: N815
    comment: str = ""
    externalRefs: tuple[ExternalRef, ...] = ()  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    SPDXID: str
    fileName: str  # noqa: N815
    checksums: tuple[Checksum, ...]
    licenseConcluded: str = NONE_STATED  # noqa: N815
    copyrightText: str = NONE_STATED  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    spdxElementId: str  # noqa: N815
    relationshipType: str  # noqa: N815
    relatedSpdxElement: str  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractedLicence:
    """A licence that is not on the list of SPDX, as the package states it."""

    licenseId: str  # noqa: N815
    extractedText: str  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationInfo:
    created: str
    creators: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    name: str
    documentNamespace: str  # noqa: N815
    creationInfo: CreationInfo  # noqa: N815
    packages: tuple[Package, ...]
    files: tuple[File, ...]
    relationships: tuple[Relationship, ...]
    hasExtractedLicensingInfos: tuple[ExtractedLicence, ...]  # noqa: N815
    spdxVersion: str = "SPDX-2.3"  # noqa: N815
    dataLicense: str = "CC0-1.0"  # noqa: N815
    SPDXID: str = field(default=DOCUMENT)


def write_spdx(content: Content) -> bytes:
    """Return the document. The same content gives the same bytes."""
    subject, inventory = content.subject, content.inventory
    licences = _Licences()
    packages = tuple(_package(one, inventory.distribution, licences) for one in inventory.present)
    files = tuple(map(_file, content.files))
    document = Document(
        name=subject.source,
        documentNamespace=f"urn:uuid:{subject.make_uuid('SPDX')}",
        creationInfo=CreationInfo(
            created=subject.time.strftime("%Y-%m-%dT%H:%M:%SZ"), creators=(f"Tool: {TOOL}-{__version__}",)
        ),
        packages=(_image(subject), *packages),
        files=files,
        relationships=(
            Relationship(spdxElementId=DOCUMENT, relationshipType="DESCRIBES", relatedSpdxElement=IMAGE),
            *(
                Relationship(spdxElementId=IMAGE, relationshipType="CONTAINS", relatedSpdxElement=one.SPDXID)
                for one in packages
            ),
            # A package whose files are not all listed may contain none of them.
            *(
                Relationship(spdxElementId=DOCUMENT, relationshipType="DESCRIBES", relatedSpdxElement=one.SPDXID)
                for one in files
            ),
        ),
        hasExtractedLicensingInfos=licences.extracted(),
    )
    return (json.dumps(_without_empty(asdict(document)), indent=2, ensure_ascii=False) + "\n").encode()


def _without_empty(value: Any) -> Any:
    """Return a value without empty texts and lists: the specification has no empty values."""
    if isinstance(value, dict):
        return {key: _without_empty(one) for key, one in value.items() if one not in ("", ())}
    return [_without_empty(one) for one in value] if isinstance(value, tuple | list) else value


def _image(subject: Subject) -> Package:
    return Package(
        SPDXID=IMAGE,
        name=subject.source,
        versionInfo=subject.chain_id,
        primaryPackagePurpose="CONTAINER",
        sourceInfo=f"made from {subject.source_id}, level {subject.level}",
        comment=f"layers: {' '.join(subject.layers)}",
    )


def _package(record: PackageRecord, distribution: tuple[str, str], licences: _Licences) -> Package:
    purl = make_purl(record, distribution).to_string()
    word = re.sub(r"[^A-Za-z0-9.]+", "-", record.name)[:60]
    number = hashlib.sha256("\0".join(record.identity).encode(errors="surrogateescape")).hexdigest()[:16]
    return Package(
        SPDXID=f"SPDXRef-Package-{record.kind.value}-{word}-{number}",
        name=record.name,
        versionInfo=record.version,
        licenseDeclared=licences.declare(record.licences),
        sourceInfo=f"read from {readable_path(record.place)}",
        comment="; ".join(_comments(record)),
        externalRefs=(ExternalRef(referenceLocator=purl),),
    )


def _comments(record: PackageRecord) -> Iterator[str]:
    yield f"{record.kept} of {record.files} files are in the image"
    if record.note:
        yield record.note
    if len(record.licences) > 1:
        yield f"licences: {', '.join(record.licences)}"


def _file(one: ListedFile) -> File:
    path = readable_path(one.path)
    return File(
        SPDXID=f"SPDXRef-File-{hashlib.sha256(path.encode()).hexdigest()[:24]}",
        fileName=f".{path}",
        checksums=(
            Checksum(algorithm="SHA1", checksumValue=one.sha1),
            Checksum(algorithm="SHA256", checksumValue=one.sha256),
        ),
    )


class _Licences:
    """The licences that packages declare. Texts that are no SPDX expression get a reference."""

    def __init__(self) -> None:
        from license_expression import get_spdx_licensing  # noqa: PLC0415 (a library that need not be there)

        self._licensing = get_spdx_licensing()
        self._texts: dict[str, str] = {}

    def declare(self, texts: tuple[str, ...]) -> str:
        """Return the expression for the licence of one package.

        Metadata does not say whether several are alternatives, so these are not made into an expression.
        """
        return self._expression(texts[0]) if len(texts) == 1 else NONE_STATED

    def _expression(self, text: str) -> str:
        checked = self._licensing.validate(text)
        # "LicenseRef-..." would need a text that nobody has stated.
        if not checked.errors and checked.normalized_expression and "LicenseRef-" not in text:
            return str(checked.normalized_expression)
        reference = f"LicenseRef-{hashlib.sha256(text.encode(errors='surrogateescape')).hexdigest()[:16]}"
        self._texts[reference] = text
        return reference

    def extracted(self) -> tuple[ExtractedLicence, ...]:
        """Return the texts that have a reference."""
        return tuple(ExtractedLicence(licenseId=key, extractedText=text) for key, text in sorted(self._texts.items()))
