"""A scanner finds exactly the packages with code in the slim image, and package managers agree with the image."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.workflows.test_run import remove
from tests.integration.workflows.test_stopped import SLIM

pytestmark = pytest.mark.integration
REPOSITORY = "docker-slim-test/scanned"
Artifact = dict[str, Any]
Found = set[tuple[str, str, str]]
RECORD = "{name}/__init__.py,,\n{name}/more.py,,\n{name}-1.0.dist-info/METADATA,,\n{name}-1.0.dist-info/RECORD,,\n"
GEMSPEC = 'Gem::Specification.new do |s|\n  s.name = "{name}".freeze\n  s.version = "1.0"\n  s.files = ["lib/{name}.rb".freeze]\n  s.homepage = "x"\nend\n'
SPEC = """
Name: {name}
Version: 1.0
Release: 1
Summary: x
License: MIT
BuildArch: noarch
%description
x
%install
mkdir -p %{{buildroot}}/usr/bin %{{buildroot}}/usr/share/doc/{name} %{{buildroot}}/etc
for file in usr/bin/{name} usr/bin/{name}-more usr/share/doc/{name}/README etc/{name}; do echo {name} >%{{buildroot}}/$file; done
%files
/usr/bin/{name}
/usr/bin/{name}-more
%doc /usr/share/doc/{name}
%config /etc/{name}
"""
APK = "C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:{name}\nV:1.0-r0\nA:x86_64\nS:1\nI:1\nT:x\nL:MIT\no:{name}\nm:x\nt:1\nF:usr\nF:usr/bin\nR:{name}\na:0:0:755\nZ:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nR:{name}-more\n\n"
NAMES = ("alpha", "beta", "gamma")


def write(root: Path, path: str, text: str) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def languages(root: Path) -> list[str]:
    """Write packages of Python, npm and Ruby. Return what an app reads of some of them."""
    for name in NAMES:
        for file in ("__init__.py", "more.py"):
            write(root, f"opt/site-packages/{name}/{file}", name)
        write(root, f"opt/site-packages/{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        write(root, f"opt/site-packages/{name}-1.0.dist-info/RECORD", RECORD.format(name=name))
        write(root, f"app/node_modules/{name}/package.json", json.dumps({"name": name, "version": "1.0.0", "license": "MIT"}))
        write(root, f"app/node_modules/{name}/index.js", name)
        write(root, f"var/lib/gems/3.1.0/specifications/{name}-1.0.gemspec", GEMSPEC.format(name=name))
        write(root, f"var/lib/gems/3.1.0/gems/{name}-1.0/lib/{name}.rb", name)
    # RubyGems does that at every start.
    gemspecs = [f"/var/lib/gems/3.1.0/specifications/{name}-1.0.gemspec" for name in NAMES]
    code = ["/opt/site-packages/alpha/__init__.py", "/app/node_modules/beta/index.js", "/var/lib/gems/3.1.0/gems/gamma-1.0/lib/gamma.rb"]
    return [*code, *gemspecs]


def rpms(root: Path, work: Path) -> None:
    """Install packages into `root` with rpm."""
    for name in NAMES:
        write(work, f"{name}.spec", SPEC.format(name=name))
        subprocess.run(["rpmbuild", "--quiet", "-bb", f"--define=_topdir {work}", f"{work}/{name}.spec"], check=True, capture_output=True)
    command = ["rpm", "--root", str(root), "--dbpath", "/var/lib/rpm", "--define=_db_backend sqlite", "--nodeps"]
    subprocess.run([*command, "--install", *map(str, work.glob("RPMS/*/*.rpm"))], check=True, capture_output=True)


def apks(root: Path) -> None:
    for name in NAMES:
        write(root, f"usr/bin/{name}", name)
        write(root, f"usr/bin/{name}-more", name)
    write(root, "lib/apk/db/installed", "".join(APK.format(name=name) for name in NAMES))


def tree(image: str, directory: Path) -> Path:
    """Return the files of the image, on disk."""
    made = subprocess.run(["docker", "create", image, "-"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    try:
        directory.mkdir()
        with subprocess.Popen(["docker", "export", made], stdout=subprocess.PIPE) as export:
            subprocess.run(["tar", "-x", "-C", str(directory), "--exclude=dev/*"], check=True, stdin=export.stdout)
    finally:
        subprocess.run(["docker", "rm", made], check=True, stdout=subprocess.DEVNULL)
    return directory


def scanned(directory: Path) -> list[Artifact]:
    """Return the packages that syft finds, with its settings for images."""
    command = ["syft", "--quiet", f"dir:{directory}", "--override-default-catalogers", "image", "--output", "syft-json"]
    path = f"{Path(os.sys.executable).parent}:{os.environ['PATH']}"  # type: ignore[attr-defined]
    environment = {**os.environ, "PATH": path, "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    artifacts: list[Artifact] = json.loads(answer.stdout)["artifacts"]
    return artifacts


def named(artifacts: list[Artifact]) -> Found:
    return {(one["type"], one["name"], one["version"]) for one in artifacts}


def inside(artifact: Artifact, slim: Path) -> bool:
    """Return whether any file of a package of the fat image is in the slim image, from the scanner's data about it."""
    metadata, place = artifact["metadata"], artifact["locations"][0]["path"]
    if artifact["type"] in ("deb", "rpm", "apk"):
        files = [file["path"] for file in metadata.get("files") or []]
        files = [path for path in files if not path.startswith("/usr/share/doc/")]
    elif artifact["type"] == "python":
        files = [f"{metadata['sitePackagesRootPath']}/{file['path']}" for file in metadata["files"] if "dist-info" not in file["path"]]
    elif artifact["type"] == "npm":
        files = [f"{place.rpartition('/')[0]}/index.js"]
    else:
        home, _, name = place.partition("/specifications/")
        files = [f"{home}/gems/{name.removesuffix('.gemspec')}/lib/{artifact['name']}.rb"]
    return any((slim / path.lstrip("/")).is_file() for path in files)


@pytest.fixture(params=["debian", "rpm", "apk"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield the kind, and the trees of a fat image and of the slim image."""
    kind = request.param
    context, image = tmp_path / "context", f"{REPOSITORY}:{kind}"
    read = languages(context / "root")
    busybox = context / "root/opt/busybox"
    busybox.write_bytes(Path("/bin/busybox").read_bytes())
    busybox.chmod(0o755)
    if kind == "rpm":
        rpms(context / "root", tmp_path / "rpms")
    elif kind == "apk":
        apks(context / "root")
    read += ["/usr/bin/env", "/etc/debian_version"] if kind == "debian" else ["/usr/bin/alpha"]
    base = "debian:bookworm" if kind == "debian" else "scratch"
    # Files that do not exist are ignored.
    script = f"for file in {' '.join(read)}; do read -r line <$file; done 2>/dev/null; true"
    write(context, "Dockerfile", f"FROM {base}\nCOPY root /\nCMD {json.dumps(['/opt/busybox', 'sh', '-c', script])}\n")
    subprocess.run(["docker", "build", "-q", "-t", image, str(context)], check=True, stdout=subprocess.DEVNULL)
    try:
        answer = subprocess.run([*SLIM, "run", "--level=exact", f"--output=layered,sbom={tmp_path}/sbom.json", f"--tag={image}-slim", image], check=False, capture_output=True)
        assert answer.returncode == 0, answer.stderr.decode()
        yield kind, tree(image, tmp_path / "fat"), tree(f"{image}-slim", tmp_path / "slim")
    finally:
        remove(image, f"{image}-slim")


def test_what_a_scanner_finds(case: tuple[str, Path, Path]) -> None:
    kind, fat, slim = case
    before = scanned(fat)
    expected = named([one for one in before if one["type"] != "binary" and inside(one, slim)])
    assert named(scanned(slim)) - {("binary", "busybox", "1.35.0")} == expected
    assert listed(slim.parent / "sbom.json") == {one for one in expected if one[0] != "java-archive"}
    assert {("python", "alpha", "1.0"), ("npm", "beta", "1.0.0"), ("gem", "gamma", "1.0")} <= expected
    distribution = {"debian": "coreutils", "rpm": "alpha", "apk": "alpha"}[kind]
    assert distribution in {name for _, name, _ in expected}
    assert len(expected) < len(named(before)) / 2
    assert (slim / "opt/site-packages/alpha-1.0.dist-info/RECORD").read_text() == RECORD.format(name="alpha").replace("alpha/more.py,,\n", "")
    {"debian": dpkg_agrees, "rpm": rpm_agrees, "apk": apk_agrees}[kind](slim)


def listed(file: Path) -> Found:
    """Return the packages of an SBOM, with the scanner's names of kinds."""
    kinds = {"pypi": "python"}
    purls = [one for one in json.loads(file.read_text())["components"] if "purl" in one]
    return {(kinds.get(kind := one["purl"].removeprefix("pkg:").partition("/")[0], kind), one["name"], one["version"]) for one in purls}


def said(*command: str) -> str:
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    assert answer.stderr == ""
    return answer.stdout


def dpkg_agrees(slim: Path) -> None:
    assert said("dpkg", f"--root={slim}", "--verify") == ""
    assert said("dpkg", f"--root={slim}", "--audit") == ""
    names = said("dpkg-query", f"--admindir={slim}/var/lib/dpkg", "-W", "-f", "${binary:Package}\n").split()
    listed = said("dpkg-query", f"--admindir={slim}/var/lib/dpkg", "-L", *names).split("\n")
    assert "/usr/bin/env" in listed
    assert [path for path in listed if path and not os.path.lexists(f"{slim}{path}")] == []


def rpm_agrees(slim: Path) -> None:
    command = ("rpm", "--root", str(slim), "--dbpath", "/var/lib/rpm", "--define=_db_backend sqlite")
    assert said(*command, "-qa") == "alpha-1.0-1.noarch\n"
    assert said(*command, "-qf", "/usr/bin/alpha") == "alpha-1.0-1.noarch\n"
    assert said(*command, "--verifydb") == ""


def apk_agrees(slim: Path) -> None:
    installed = (slim / "lib/apk/db/installed").read_text()
    assert installed == APK.format(name="alpha").replace("R:alpha-more\n", "")
