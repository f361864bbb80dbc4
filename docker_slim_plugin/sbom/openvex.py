"""Write which vulnerabilities of the source the slim image does not have, as OpenVEX 0.2.0 JSON.

A statement is made only about a package of which no file that may be code is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from docker_slim_plugin import __version__
from docker_slim_plugin.model.inventory import PackageKind, PackageRecord
from docker_slim_plugin.sbom.content import TOOL, Content
from docker_slim_plugin.sbom.findings import Finding

CONTEXT = "https://openvex.dev/ns/v0.2.0"
_GROUPED = frozenset({PackageKind.NPM, PackageKind.GOLANG})
"""Kinds whose names contain the namespace of the package URL."""


class Judgement(StrEnum):
    """What is known of a vulnerability. The first two are justifications of OpenVEX."""

    GONE = "component_not_present"
    NO_CODE = "vulnerable_code_not_present"
    KEPT = "a file that may be code is kept"
    UNKNOWN = "the source has no such package"
    UNLISTED = "the files of the package are not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A vulnerability of a package, and what is known of it in the slim image."""

    finding: Finding
    judgement: Judgement
    kept: int = 0
    """Files of the package that are kept."""


def judge(findings: Iterable[Finding], packages: Iterable[PackageRecord]) -> tuple[Judged, ...]:
    """Return what is known of each vulnerability."""
    by_name: dict[tuple[str, str, str], list[PackageRecord]] = {}
    for one in packages:
        by_name.setdefault((one.kind.value, _normal(one.kind, one.name), one.version), []).append(one)
    return tuple(_judge(finding, _named(finding, by_name)) for finding in findings)


def _named(
    finding: Finding, by_name: Mapping[tuple[str, str, str], Sequence[PackageRecord]]
) -> tuple[PackageRecord, ...]:
    """Return the packages that a finding is about. Several may differ in what the finding does not say."""
    name = f"{finding.group}/{finding.name}" if finding.kind in _GROUPED and finding.group else finding.name
    return tuple(
        one
        for one in by_name.get((finding.kind, _normal(finding.kind, name), finding.version), ())
        if not (one.architecture and finding.architecture and one.architecture != finding.architecture)
        if not (one.kind is PackageKind.MAVEN and one.group and finding.group and one.group != finding.group)
    )


def _normal(kind: str, name: str) -> str:
    """Return a name in the form in which equal ones are equal: of Python distributions, "_", "." and "-" are."""
    return name.lower().replace("_", "-").replace(".", "-") if kind == PackageKind.PYPI else name.lower()


def _judge(finding: Finding, packages: Sequence[PackageRecord]) -> Judged:
    """Return what is known. If several packages are meant, the one with the most is what counts."""
    kept = sum(one.kept for one in packages)
    if not packages:
        judgement = Judgement.UNKNOWN
    elif any(one.may_have_code for one in packages):
        judgement = Judgement.KEPT
    elif not all(one.has_file_list for one in packages):
        judgement = Judgement.UNLISTED
    else:
        judgement = Judgement.NO_CODE if kept else Judgement.GONE
    return Judged(finding=finding, judgement=judgement, kept=kept)


def write_openvex(content: Content, judged: Sequence[Judged], product: str) -> bytes:
    """Return the document. `product` is the package URL of the slim image. The same arguments give the same bytes."""
    subject = content.subject
    document = {
        "@context": CONTEXT,
        "@id": f"urn:uuid:{subject.make_uuid(f'OpenVEX {product}')}",
        "author": TOOL,
        "timestamp": subject.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "version": 1,
        "tooling": f"{TOOL} {__version__}",
        "statements": [
            _statement(one, product) for one in judged if one.judgement in (Judgement.GONE, Judgement.NO_CODE)
        ],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def _statement(one: Judged, product: str) -> dict[str, Any]:
    what = "no file of it is kept" if one.judgement is Judgement.GONE else f"{one.kept} files are kept, none is code"
    return {
        "vulnerability": {"name": one.finding.vulnerability},
        "products": [{"@id": product, "subcomponents": [{"@id": one.finding.purl}]}],
        "status": "not_affected",
        "justification": one.judgement.value,
        "impact_statement": f"docker slim left the package out of the image: {what}",
    }


def describe_judged(judged: Sequence[Judged]) -> tuple[str, ...]:
    """Return notes for the user: the number of statements, and why there is none about the others."""
    stated = sum(one.judgement in (Judgement.GONE, Judgement.NO_CODE) for one in judged)
    notes = [f"VEX: {stated} of {len(judged)} vulnerabilities are not in the image"]
    for reason in (Judgement.KEPT, Judgement.UNKNOWN, Judgement.UNLISTED):
        found = [one.finding for one in judged if one.judgement is reason]
        if found:
            example = f"{found[0].vulnerability}, {found[0].purl}"
            notes.append(f"VEX: no statement about {len(found)}: {reason.value} ({example})")
    return tuple(notes)
