"""Read the vulnerabilities that a scanner has found in an image: reports of grype and trivy, or lines of text.

A report is foreign text. It is read in the sandbox, which does not import libraries for package URLs.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from docker_slim_plugin.errors import SlimError

MAX_REPORT = 64 << 20
MAX_FINDINGS = 100_000
MAX_PURL = 2000
MAX_QUALIFIERS = 50
FORMATS = "the JSON report of grype or trivy, or lines: CVE-2026-1234 pkg:deb/debian/bash@5.2?arch=amd64"
_VULNERABILITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_KIND = re.compile(r"pkg:/*([A-Za-z0-9.+-]{1,50})/")


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Finding:
    """One vulnerability of one package."""

    vulnerability: str
    purl: str
    """As the report has it: scanners compare it with theirs."""
    kind: str
    group: str
    """Namespace of the package URL."""
    name: str
    version: str
    architecture: str


def read_findings(report: bytes) -> tuple[Finding, ...]:
    """Return the vulnerabilities of a report, each once, sorted. Raises SlimError if it is none of the formats."""
    try:
        pairs = list(_pairs(report))
    except (ValueError, RecursionError, TypeError, AttributeError) as error:
        raise SlimError(f"cannot read the vulnerabilities: {error}", hint=f"--vex-for FILE: {FORMATS}") from error
    found = {
        parsed
        for vulnerability, purl in pairs[:MAX_FINDINGS]
        if isinstance(vulnerability, str) and _VULNERABILITY.fullmatch(vulnerability)
        if isinstance(purl, str) and (parsed := parse_purl(vulnerability, purl)) is not None
    }
    if not found:
        text = "cannot read the vulnerabilities: there is no vulnerability of a package with a package URL"
        raise SlimError(text, hint=f"--vex-for FILE: {FORMATS}")
    return tuple(sorted(found))


def _pairs(report: bytes) -> Iterator[tuple[Any, Any]]:
    """Yield vulnerabilities and package URLs. They may be of any type."""
    text = report.decode("utf-8", "replace")
    if not text.lstrip().startswith("{"):
        for line in text.splitlines():
            words = line.replace("=", " ", 1).split() if "=pkg:" in line else line.split()
            if words and not words[0].startswith("#"):
                if len(words) != 2:
                    raise ValueError(f"a line does not have two words: {line[:80]!r}")
                yield words[0], words[1]
        return
    document = json.loads(text)
    for match in document.get("matches") or ():
        artifact = match["artifact"].get("purl")
        yield match["vulnerability"]["id"], artifact
        # A distribution's advisory may have another name than the vulnerability.
        for related in match.get("relatedVulnerabilities") or ():
            yield related["id"], artifact
    for result in document.get("Results") or ():
        for one in result.get("Vulnerabilities") or ():
            yield one.get("VulnerabilityID"), (one.get("PkgIdentifier") or {}).get("PURL")


def parse_purl(vulnerability: str, purl: str) -> Finding | None:
    """Return the finding about a package URL (purl-spec), or None if it is none."""
    kind = _KIND.match(purl)
    if kind is None or len(purl) > MAX_PURL:
        return None
    path, _, query = purl[kind.end() :].partition("#")[0].partition("?")
    qualifiers = dict(urllib.parse.parse_qsl(query)) if query.count("&") < MAX_QUALIFIERS else {}
    before, _, version = path.rpartition("@") if "@" in path.rpartition("/")[2] else (path, "", "")
    group, _, name = before.strip("/").rpartition("/")
    said = urllib.parse.unquote(version)
    if kind[1] == "deb" and "epoch" in qualifiers and ":" not in said:
        said = f"{qualifiers['epoch']}:{said}"
    return Finding(
        vulnerability=vulnerability,
        purl=purl,
        kind=kind[1].lower(),
        group=urllib.parse.unquote(group),
        name=urllib.parse.unquote(name),
        version=said,
        architecture=qualifiers.get("arch", ""),
    )
