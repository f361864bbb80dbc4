"""What is claimed of vulnerabilities of the source, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.inventory import PackageKind
from docker_slim_plugin.sbom.findings import Finding, parse_purl, read_findings
from docker_slim_plugin.sbom.openvex import Judgement, describe_judged, judge, write_openvex
from tests.unit.sbom.contents import CONTENT, package

BASH = "pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-12"
GRYPE = {
    "matches": [
        {
            "vulnerability": {"id": "CVE-1"},
            "relatedVulnerabilities": [{"id": "GHSA-1"}],
            "artifact": {"name": "bash", "purl": BASH},
        },
        {"vulnerability": {"id": "CVE-2"}, "relatedVulnerabilities": [], "artifact": {"name": "x", "purl": ""}},
    ]
}
TRIVY = {"Results": [{"Target": "x"}, {"Vulnerabilities": [{"VulnerabilityID": "CVE-1", "PkgIdentifier": {"PURL": BASH}}, {"VulnerabilityID": "CVE-3"}]}]}


def names(report: Any) -> set[tuple[str, str]]:
    text = report if isinstance(report, str) else json.dumps(report)
    return {(one.vulnerability, one.purl) for one in read_findings(text.encode())}


def test_formats() -> None:
    assert names(GRYPE) == {("CVE-1", BASH), ("GHSA-1", BASH)}
    assert names(TRIVY) == {("CVE-1", BASH)}
    assert names(f"# ours\nCVE-1 {BASH}\n\nCVE-2={BASH}\n") == {("CVE-1", BASH), ("CVE-2", BASH)}


@pytest.mark.parametrize("report", ["", "{", "[]", "{}", '{"matches": 1}', '{"matches": [1]}', "CVE-1\n", "CVE-1 bash\n", "x" * 9, '{"Results": [{"Vulnerabilities": [3]}]}', "{" * 100_000])
def test_what_cannot_be_read_is_said(report: str) -> None:
    with pytest.raises(SlimError, match="cannot read the vulnerabilities") as error:
        read_findings(report.encode())
    assert "--vex-for FILE" in error.value.hint


@pytest.mark.parametrize(
    ("purl", "expected"),
    [
        (BASH, ("deb", "debian", "bash", "5.2-1", "amd64")),
        ("pkg:deb/debian/zlib1g@1.2%2Bdfsg?epoch=1", ("deb", "debian", "zlib1g", "1:1.2+dfsg", "")),
        ("pkg:npm/%40a/b@1#x", ("npm", "@a", "b", "1", "")),
        ("pkg:golang/golang.org/x/net@v1", ("golang", "golang.org/x", "net", "v1", "")),
        ("pkg:pypi/flask", ("pypi", "", "flask", "", "")),
        ("bash", None),
        ("pkg:deb/" + "x" * 3000, None),
    ],
)
def test_package_urls(purl: str, expected: tuple[str, ...] | None) -> None:
    found = parse_purl("CVE-1", purl)
    assert (found and (found.kind, found.group, found.name, found.version, found.architecture)) == expected


def finding(purl: str = BASH) -> Finding:
    found = parse_purl("CVE-1", purl)
    assert found
    return found


GONE = package(kept=0, is_present=False, may_have_code=False)
DATA = package(may_have_code=False)
KEPT = package()


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ((GONE,), Judgement.GONE),
        ((DATA,), Judgement.NO_CODE),
        ((KEPT,), Judgement.KEPT),
        ((), Judgement.UNKNOWN),
        ((package(version="5.2-2"),), Judgement.UNKNOWN),
        ((package(architecture="i386"), GONE), Judgement.GONE),
        ((package(kept=0, is_present=False, may_have_code=False, has_file_list=False),), Judgement.UNLISTED),
    ],
)
def test_judgements(packages: tuple[Any, ...], expected: Judgement) -> None:
    (one,) = judge((finding(),), packages)
    assert one.judgement is expected


def test_one_of_several_that_may_be_meant_is_enough() -> None:
    without = finding("pkg:deb/debian/bash@5.2-1")
    (one,) = judge((without,), (GONE, package(architecture="i386")))
    assert one.judgement is Judgement.KEPT


@pytest.mark.parametrize(
    ("purl", "name", "kind", "others"),
    [
        ("pkg:pypi/ruamel-yaml@1", "ruamel.yaml", PackageKind.PYPI, {}),
        ("pkg:npm/%40a/b@1", "@a/b", PackageKind.NPM, {}),
        ("pkg:golang/golang.org/x/net@1", "golang.org/x/net", PackageKind.GOLANG, {}),
        ("pkg:maven/org.x/core@1", "core", PackageKind.MAVEN, {"group": "org.x"}),
        ("pkg:gem/rack@1", "rack", PackageKind.GEM, {}),
    ],
)
def test_names_of_languages(purl: str, name: str, kind: PackageKind, others: dict[str, str]) -> None:
    found = package(name, "1", kind, architecture="", **others)
    assert judge((finding(purl),), (found,))[0].judgement is Judgement.KEPT
    assert judge((finding(purl.replace("@1", "@2")),), (found,))[0].judgement is Judgement.UNKNOWN


def test_the_document() -> None:
    findings = (finding(), finding("pkg:deb/debian/tzdata@1"), finding("pkg:deb/debian/nginx@1"))
    judged = judge(findings, (GONE, package("tzdata", "1", may_have_code=False, kept=7), package("nginx", "1")))
    written = write_openvex(CONTENT, judged, "pkg:oci/app@sha256:1")
    assert written == write_openvex(CONTENT, judged, "pkg:oci/app@sha256:1")
    document = json.loads(written)
    assert document["@context"] == "https://openvex.dev/ns/v0.2.0"
    assert (document["timestamp"], document["version"]) == ("2026-01-02T03:04:05Z", 1)
    gone, data = document["statements"]
    assert gone == {
        "vulnerability": {"name": "CVE-1"},
        "products": [{"@id": "pkg:oci/app@sha256:1", "subcomponents": [{"@id": BASH}]}],
        "status": "not_affected",
        "justification": "component_not_present",
        "impact_statement": "docker slim left the package out of the image: no file of it is kept",
    }
    assert (data["justification"], data["products"][0]["subcomponents"]) == ("vulnerable_code_not_present", [{"@id": "pkg:deb/debian/tzdata@1"}])
    assert "nginx" not in written.decode()
    notes = describe_judged(judged)
    assert notes[0] == "VEX: 2 of 3 vulnerabilities are not in the image"
    assert notes[1].startswith("VEX: no statement about 1: a file that may be code is kept")
