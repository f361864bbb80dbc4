"""CycloneDX and SPDX: valid for the validators of both, with the same packages, and the same bytes each time."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packageurl import PackageURL

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.sbom import content as content_module
from docker_slim_plugin.sbom.content import require_libraries
from docker_slim_plugin.sbom.cyclonedx import write_cyclonedx
from docker_slim_plugin.sbom.purls import make_product, make_purl
from docker_slim_plugin.sbom.spdx import write_spdx
from tests.unit.sbom.contents import CONTENT, FILES, LAYERS, PACKAGES, PURLS, SUBJECT, package


def cyclonedx() -> dict[str, Any]:
    return dict(json.loads(write_cyclonedx(CONTENT)))


def spdx() -> dict[str, Any]:
    return dict(json.loads(write_spdx(CONTENT)))


def test_package_urls() -> None:
    assert {one.name: make_purl(one, ("debian", "12")).to_string() for one in PACKAGES if one.is_present} == PURLS
    rpm = package("bash", "5.2-1.fc39", type(PACKAGES[0].kind).RPM, epoch="2", upstream="bash-5.2.src.rpm")
    assert make_purl(rpm, ("fedora", "39")).to_string() == "pkg:rpm/fedora/bash@5.2-1.fc39?arch=amd64&distro=fedora-39&epoch=2&upstream=bash-5.2.src.rpm"
    assert make_product("registry:5000/x/App:1-slim", "sha256:1") == "pkg:oci/app@sha256:1"


def test_the_image_is_named_by_its_layers() -> None:
    chain = f"sha256:{hashlib.sha256(' '.join(LAYERS).encode()).hexdigest()}"
    assert SUBJECT.chain_id == chain
    image = cyclonedx()["metadata"]["component"]
    assert (image["name"], image["version"], image["type"]) == ("app:1", chain, "container")
    assert cyclonedx()["metadata"]["timestamp"] == "2026-01-02T03:04:05+00:00"
    assert spdx()["packages"][0]["versionInfo"] == chain
    assert spdx()["creationInfo"]["created"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize("created", ["", "yesterday"])
def test_an_image_without_a_time(created: str) -> None:
    content = replace(CONTENT, subject=replace(SUBJECT, created=created))
    assert json.loads(write_spdx(content))["creationInfo"]["created"] == "1970-01-01T00:00:00Z"


def test_both_have_the_same_packages() -> None:
    ours = {one["name"]: one["purl"] for one in cyclonedx()["components"] if "purl" in one and one["type"] == "library"}
    theirs = {one["name"]: one["externalRefs"][0]["referenceLocator"] for one in spdx()["packages"][1:]}
    grouped = {**PURLS}
    assert ours == theirs == grouped
    assert all(PackageURL.from_string(text).to_string() == text for text in ours.values())


def test_files_without_a_package() -> None:
    names = ["/app", "/odd \\xff\n<b>"]
    files = [one for one in cyclonedx()["components"] if one["type"] == "file"]
    assert [one["name"] for one in files] == names
    assert files[0]["hashes"] == [{"alg": "SHA-256", "content": FILES[0].sha256}]
    assert [one["fileName"] for one in spdx()["files"]] == [f".{name}" for name in names]
    assert {one["algorithm"]: one["checksumValue"] for one in spdx()["files"][0]["checksums"]} == {"SHA1": FILES[0].sha1, "SHA256": FILES[0].sha256}


def test_the_distribution_is_named_for_scanners() -> None:
    assert [(one["name"], one["version"]) for one in cyclonedx()["components"] if one["type"] == "operating-system"] == [("debian", "12")]


def test_how_much_is_kept_is_said() -> None:
    bash = next(one for one in cyclonedx()["components"] if one["name"] == "bash")
    said = {one["name"]: one["value"] for one in bash["properties"]}
    assert (said["docker-slim:package:kept"], said["docker-slim:package:files"]) == ("in part", "1 of 4")
    odd = next(one for one in spdx()["packages"] if one["name"] == "odd")
    assert odd["comment"] == "1 of 4 files are in the image; no version; licences: See the file\u00fc, MIT"
    assert "versionInfo" not in odd


def test_licences() -> None:
    found = {one["name"]: one["licenseDeclared"] for one in spdx()["packages"]}
    assert (found["Flask"], found["@a/b"], found["bash"], found["odd"]) == ("BSD-3-Clause", "MIT OR ISC", "NOASSERTION", "NOASSERTION")
    assert {one["licenseId"]: one["extractedText"] for one in spdx()["hasExtractedLicensingInfos"]} == {found["custom"]: "Own licence"}
    by_name = {one["name"]: one.get("licenses") for one in cyclonedx()["components"]}
    assert by_name["Flask"][0]["license"]["id"] == "BSD-3-Clause"
    assert by_name["@a/b"][0]["expression"] == "MIT OR ISC"
    assert by_name["custom"][0]["license"]["name"] == "Own licence"


def test_the_same_bytes() -> None:
    reordered = replace(CONTENT, files=FILES[::-1])
    assert write_cyclonedx(CONTENT) == write_cyclonedx(reordered)
    code = "import sys; from tests.unit.sbom.contents import CONTENT; from docker_slim_plugin.sbom.cyclonedx import write_cyclonedx as c; from docker_slim_plugin.sbom.spdx import write_spdx as s; sys.stdout.buffer.write(c(CONTENT) + s(CONTENT))"
    runs = {
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, env={"PYTHONHASHSEED": seed, "TZ": zone}, cwd=Path(__file__).parents[3]).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert runs == {write_cyclonedx(CONTENT) + write_spdx(CONTENT)}


def test_other_layers_are_another_document() -> None:
    other = replace(CONTENT, subject=replace(SUBJECT, layers=LAYERS[:1]))
    assert json.loads(write_cyclonedx(other))["serialNumber"] != cyclonedx()["serialNumber"]
    assert json.loads(write_spdx(other))["documentNamespace"] != spdx()["documentNamespace"]


def test_cyclonedx_is_valid() -> None:
    from cyclonedx.exception import MissingOptionalDependencyException
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    try:
        wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(write_cyclonedx(CONTENT).decode())
    except MissingOptionalDependencyException as error:
        pytest.skip(str(error))
    assert wrong is None


@pytest.mark.skipif(importlib.util.find_spec("spdx_tools") is None, reason="spdx-tools is not there")
def test_spdx_is_valid(tmp_path: Path) -> None:
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    (tmp_path / "x.spdx.json").write_bytes(write_spdx(CONTENT))
    assert validate_full_spdx_document(parse_file(str(tmp_path / "x.spdx.json"))) == []


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require_libraries()
    monkeypatch.setattr(content_module, "LIBRARIES", {"no_such_module": "no-such-library"})
    with pytest.raises(SlimError, match="no-such-library is not installed") as error:
        require_libraries()
    assert "python3-cyclonedx-lib" in error.value.hint
