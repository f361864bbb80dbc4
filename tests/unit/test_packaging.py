"""The packages of distributions agree with pyproject.toml: version, libraries, files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from docker_slim_plugin import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTROL = (ROOT / "debian/control").read_text()
SPEC = (ROOT / "packaging/docker-slim-plugin.spec").read_text()
PKGBUILD = (ROOT / "packaging/PKGBUILD").read_text()
DEBIAN = {"pyseccomp": "seccomp", "python-ptrace": "ptrace", "pyyaml": "yaml"}
FEDORA = {"pyseccomp": "libseccomp", "python-ptrace": "ptrace"}
ARCH = {**FEDORA, "pyyaml": "yaml"}
"""Names of libraries in distributions, where they are not those of Python's index; python3- or python- stands before."""
LIBRARIES = {re.split("[><=]", one)[0]: one.rpartition("=")[2] for one in PROJECT["project"]["dependencies"]}
"""{name: oldest version}."""


def test_the_version_is_the_same() -> None:
    assert re.match(rf"docker-slim-plugin \({re.escape(__version__)}-\d+\) ", (ROOT / "debian/changelog").read_text())
    assert re.search(rf"^Version: +{re.escape(__version__)}$", SPEC, re.MULTILINE)
    assert re.search(rf"^pkgver={re.escape(__version__)}$", PKGBUILD, re.MULTILINE)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_library_is_named(library: str) -> None:
    fedora, arch = FEDORA.get(library, library), ARCH.get(library, library)
    assert re.search(rf"^ python3-{DEBIAN.get(library, library)}\b", CONTROL, re.MULTILINE)
    assert re.search(rf"^Requires: +python3-{fedora}\b", SPEC, re.MULTILINE)
    assert re.search(rf"^BuildRequires: +python3-{fedora}\b", SPEC, re.MULTILINE)
    assert f"python-{arch}" in re.split(r"[\s()=]+", PKGBUILD.partition("depends=(")[2].partition(")")[0])


def test_libraries_that_some_commands_need_are_recommended() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert {name: [re.split("[><=]", one)[0] for one in listed] for name, listed in extras.items()} == {
        "report": ["jinja2"],
        "sbom": ["cyclonedx-python-lib", "packageurl-python"],
    }
    recommended = CONTROL.partition("Recommends:")[2].partition("Suggests:")[0]
    assert re.findall(r"python3-[a-z-]+\d?", recommended) == ["python3-cyclonedx-lib", "python3-jinja2", "python3-packageurl"]
    count = sum(map(len, extras.values()))
    assert len(re.findall("^Recommends: +python3-", SPEC, re.MULTILINE)) == count
    assert len(re.findall("python-[a-z-]+: ", PKGBUILD.partition("optdepends=(")[2].partition("makedepends")[0])) == count
    assert '"${here}[report,sbom]"' in (ROOT / "install.sh").read_text()


@pytest.mark.parametrize("library", ["docker", "typer"])
def test_versions_that_older_distributions_lack_are_demanded(library: str) -> None:
    demanded = LIBRARIES[library]
    assert f"python3-{library} (>= {demanded})" in CONTROL
    assert re.search(rf"^Requires: +python3-{library} >= {re.escape(demanded)}$", SPEC, re.MULTILINE)


def test_the_sdist_has_what_the_other_packages_are_made_of() -> None:
    included = set(PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    assert {"docker_slim_plugin", "debian", "docs", "packaging", "scripts", "tests", "install.sh", "LICENSE"} <= included


def test_every_file_of_the_documentation_exists() -> None:
    for name in (ROOT / "debian/docker-slim-plugin.docs").read_text().split():
        assert (ROOT / name).is_file(), name
