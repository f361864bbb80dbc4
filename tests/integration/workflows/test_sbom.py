"""SBOMs say what the package managers' own tools say of the slim image, and VEX claims nothing of what is kept."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.archives_of_code import jar, pom
from tests.cases.harness import SLIM, docker
from tests.integration.resolve.test_scanners import scanned, tree
from tests.integration.workflows.test_run import build, remove

pytestmark = pytest.mark.integration
IMAGE = "docker-slim-test/sbom"
MADE = f"{IMAGE}:made"
APP = r"""
FROM debian:bookworm
COPY busybox /bin/busybox
COPY root /
CMD ["/bin/busybox", "sh", "-c", "for file in /etc/debian_version /usr/bin/env /opt/site-packages/alpha/__init__.py /app/node_modules/beta/index.js /app/lib.jar /app/odd.jar /app/strange.jar /srv/own; do read -r line <$file; done 2>/dev/null; true"]
"""
RECORD = "{0}/__init__.py,,\n{0}-1.0.dist-info/METADATA,,\n{0}-1.0.dist-info/RECORD,,\n"


def odd_jar() -> bytes:
    """Return an archive with a name in a code page, for which Python would load a codec: the sandbox must not."""
    content = bytearray(jar({**pom("org.x", "odd", "4.0"), "caf\u00e9": "x"}))
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = content.rindex(mark)
        content[start + place : start + place + 2] = b"\0\0"
    return bytes(content)


@pytest.fixture(scope="module", autouse=True)
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    context = tmp_path_factory.mktemp("sbom")
    files: dict[str, bytes] = {"app/lib.jar": jar(pom("org.x", "lib", "3.0")), "app/gone.jar": jar(pom("org.x", "gone", "3.0")), "srv/own": b"own", "app/odd.jar": odd_jar(), "app/strange.jar": jar(pom("a", "b", "1"), zipfile.ZIP_LZMA)}
    for name in ("alpha", "beta"):
        files[f"opt/site-packages/{name}/__init__.py"] = b"x"
        files[f"opt/site-packages/{name}-1.0.dist-info/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
        files[f"opt/site-packages/{name}-1.0.dist-info/RECORD"] = RECORD.format(name).encode()
        files[f"app/node_modules/{name}/package.json"] = json.dumps({"name": name, "version": "1.0.0", "license": "MIT"}).encode()
        files[f"app/node_modules/{name}/index.js"] = b"x"
    for path, content in files.items():
        file = context / "root" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    build(context, IMAGE, APP)
    yield
    remove(IMAGE, MADE, f"{MADE}-squashed", f"{IMAGE}:packed")


def slim(*options: str, verb: str = "run", words: tuple[str, ...] = (), **environment: str) -> dict[str, Any]:
    command = [*SLIM, verb, "--format=json", *(["--level=exact"] if verb == "run" else []), *options, IMAGE, *words]
    answer = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **environment})
    assert answer.returncode == 0, answer.stderr
    return dict(json.loads(answer.stdout))


def labels(image: str) -> dict[str, str]:
    return dict(json.loads(docker("inspect", "-f", "{{json .Config.Labels}}", image)))


def purls(document: dict[str, Any], kind: str) -> set[tuple[str, str]]:
    return {(one["name"], one["version"]) for one in document["components"] if one.get("purl", "").startswith(f"pkg:{kind}/")}


def digest(file: Path) -> str:
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def test_packages(tmp_path: Path) -> None:
    cdx, spdx = tmp_path / "x.cdx.json", tmp_path / "x.spdx.json"
    report = slim(f"--tag={MADE}", f"--output=sbom={cdx},spdx={spdx}")
    # A document does not replace the images.
    assert [one["Form"] for one in report["Images"]] == ["layered", "squashed"]
    assert report["Outputs"] == [str(cdx), str(spdx)]
    document = json.loads(cdx.read_text())
    root = tree(MADE, tmp_path / "slim")
    query = ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f", "${Package} ${Version}\n"]
    installed = subprocess.run(query, check=True, capture_output=True, text=True).stdout
    assert purls(document, "deb") == {(name, version) for name, version in (line.split() for line in installed.splitlines())}
    listing = [sys.executable, "-m", "pip", "--disable-pip-version-check", "list", "--format=json", f"--path={root}/opt/site-packages"]
    listed = json.loads(subprocess.run(listing, check=True, stdout=subprocess.PIPE).stdout)
    assert purls(document, "pypi") == {(one["name"], one["version"]) for one in listed} == {("alpha", "1.0")}
    assert purls(document, "npm") == {("beta", "1.0.0")}
    assert purls(document, "maven") == {("lib", "3.0"), ("odd", "4.0")}
    assert any("cannot read the Java archive '/app/strange.jar'" in note for note in report["Notes"])
    found = {(one["type"], one["name"], one["version"]) for one in scanned(root) if one["type"] not in ("binary", "java-archive")}
    kinds = {"deb": "deb", "python": "pypi", "npm": "npm"}
    assert found == {(kind, *pair) for kind, ours in kinds.items() for pair in purls(document, ours)}
    # Each kept regular file belongs to a package, or is listed with its content.
    files = {one["name"]: one["hashes"][0]["content"] for one in document["components"] if one["type"] == "file"}
    assert "/srv/own" in files
    assert files["/srv/own"] == hashlib.sha256(b"own").hexdigest()
    assert all(hashlib.sha256((root / path.lstrip("/")).read_bytes()).hexdigest() == value for path, value in files.items())
    listed_in_spdx = {one["fileName"].lstrip("."): {sum_["algorithm"]: sum_["checksumValue"] for sum_ in one["checksums"]} for one in json.loads(spdx.read_text())["files"]}
    assert listed_in_spdx == {path: {"SHA1": hashlib.sha1((root / path.lstrip("/")).read_bytes()).hexdigest(), "SHA256": value} for path, value in files.items()}
    for name in (MADE, f"{MADE}-squashed"):
        assert (labels(name)["docker-slim.sbom"], labels(name)["docker-slim.spdx"]) == (digest(cdx), digest(spdx))
    diff_ids = json.loads(docker("inspect", "-f", "{{json .RootFS.Layers}}", MADE))
    said = [one["value"].split()[1] for one in document["metadata"]["component"]["properties"] if one["name"] == "docker-slim:diff-id"]
    assert said == diff_ids


def test_the_same_image_has_the_same_documents(tmp_path: Path) -> None:
    made = []
    for number, name in enumerate(("a", "b")):
        outputs = [tmp_path / f"{number}.cdx.json", tmp_path / f"{number}.spdx.json"]
        report = slim(f"--tag={MADE}{name}", f"--output=layered,sbom={outputs[0]},spdx={outputs[1]}", SOURCE_DATE_EPOCH="1000000000")
        made.append((report["Images"][0]["ID"], *(file.read_bytes() for file in outputs)))
        remove(f"{MADE}{name}")
    assert made[0] == made[1]
    assert json.loads(made[0][1])["metadata"]["timestamp"].startswith("2001-09-09T01:46:40")


def test_an_image_without_an_sbom_has_no_label() -> None:
    slim(f"--tag={MADE}", "--output=layered")
    assert not {"docker-slim.sbom", "docker-slim.spdx"} & set(labels(MADE))


def test_vex(tmp_path: Path) -> None:
    version = docker("run", "--rm", IMAGE, "dpkg-query", "-W", "-f", "${Package}=${Version}\n")
    versions = dict(line.split("=", 1) for line in version.split())
    cases = {"perl-base": "component_not_present", "base-files": None, "coreutils": None}
    lines = [f"CVE-{name} pkg:deb/debian/{name}@{versions[name]}" for name in cases]
    lines += ["CVE-jar pkg:maven/org.x/lib@3.0", "CVE-gone pkg:maven/org.x/gone@3.0", "CVE-npm pkg:npm/alpha@1.0.0", "CVE-kept pkg:npm/beta@1.0.0", "CVE-none pkg:npm/none@1"]
    (tmp_path / "found").write_text("\n".join(lines))
    report = slim(f"--tag={MADE}", f"--output=layered,vex={tmp_path}/x.vex.json", f"--vex-for={tmp_path}/found")
    document = json.loads((tmp_path / "x.vex.json").read_text())
    claims = {one["vulnerability"]["name"]: one["justification"] for one in document["statements"]}
    assert claims == {"CVE-perl-base": "component_not_present", "CVE-gone": "component_not_present", "CVE-npm": "component_not_present"}
    identity = report["Images"][0]["ID"]
    assert {one["@id"] for statement in document["statements"] for one in statement["products"]} == {f"pkg:oci/sbom@{identity}"}
    assert any(note.startswith("VEX: 3 of 8 vulnerabilities") for note in report["Notes"])


def test_pack(tmp_path: Path) -> None:
    slim(f"--tag={IMAGE}:packed", f"--output=sbom={tmp_path}/x", "--cmd=/usr/bin/env", verb="pack", words=("/usr/bin/env",))
    document = json.loads((tmp_path / "x").read_text())
    assert {name for name, _ in purls(document, "deb")} >= {"coreutils", "libc6"}
    assert labels(f"{IMAGE}:packed")["docker-slim.sbom"] == digest(tmp_path / "x")


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--output=vex=/tmp/x"], 2, "--vex-for FILE"),
        (["--vex-for=/etc/passwd"], 2, "--output vex=FILE"),
        (["--output=vex=/tmp/x", "--vex-for=/nonexistent/file"], 2, "cannot read /nonexistent/file"),
        (["--output=sbom"], 2, "sbom=FILE"),
        (["--output=sbom=/nonexistent/x"], 1, "there is no such directory"),
        (["--output=layered,vex=/tmp/docker-slim-test.vex", "--vex-for=/etc/passwd"], 1, "cannot read the vulnerabilities"),
    ],
)
def test_errors(options: list[str], status: int, said: str) -> None:
    answer = subprocess.run([*SLIM, "run", "--level=exact", f"--tag={MADE}-none", *options, IMAGE], check=False, capture_output=True, text=True)
    assert answer.returncode == status
    assert said in answer.stderr
    assert not docker("images", "-q", f"{MADE}-none").strip()
