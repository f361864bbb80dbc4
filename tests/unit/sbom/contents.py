"""What documents are made of, for tests."""

from __future__ import annotations

from typing import Any

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.inventory import Inventory, PackageKind, PackageRecord
from docker_slim_plugin.sbom.content import Content, ListedFile, Subject

LAYERS = (f"sha256:{'1' * 64}", f"sha256:{'2' * 64}")
SUBJECT = Subject(source="app:1", source_id=f"sha256:{'a' * 64}", level="app", layers=LAYERS, created="2026-01-02T03:04:05.678901234Z")


def package(name: str = "bash", version: str = "5.2-1", kind: PackageKind = PackageKind.DEB, **others: Any) -> PackageRecord:
    values = {"architecture": "amd64", "place": "/var/lib/dpkg/status", "files": 4, "kept": 1, "is_present": True, "may_have_code": True}
    return PackageRecord(kind=kind, name=name, version=version, **{**values, **others})


PACKAGES = (
    package(),
    package("libssl3", "1:3.0+b1", upstream="openssl@3.0"),
    package("gone", is_present=False, kept=0, may_have_code=False),
    package("Flask", "2.0", PackageKind.PYPI, architecture="", licences=("BSD-3-Clause",)),
    package("@a/b", "1", PackageKind.NPM, architecture="", licences=("MIT OR ISC",)),
    package("odd", "", PackageKind.NPM, architecture="", licences=("See the file\u00fc", "MIT"), note="no version"),
    package("custom", "2", PackageKind.GEM, architecture="", licences=("Own licence",)),
    package("core", "1.0", PackageKind.MAVEN, architecture="", group="org.x"),
    package("golang.org/x/net", "v0.1.0", PackageKind.GOLANG, architecture=""),
)
FILES = tuple(ListedFile(path=path, sha256="b" * 64, sha1="c" * 40) for path in ("/app", "/odd \udcff\n<b>"))
CONTENT = Content(
    subject=SUBJECT,
    inventory=Inventory(distribution=("debian", "12"), packages=PACKAGES, unowned=tuple(RootPath(one.path) for one in FILES)),
    files=FILES,
)
PURLS = {
    "bash": "pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-12",
    "libssl3": "pkg:deb/debian/libssl3@1:3.0%2Bb1?arch=amd64&distro=debian-12&upstream=openssl%403.0",
    "Flask": "pkg:pypi/flask@2.0",
    "@a/b": "pkg:npm/%40a/b@1",
    "odd": "pkg:npm/odd",
    "custom": "pkg:gem/custom@2",
    "core": "pkg:maven/org.x/core@1.0",
    "golang.org/x/net": "pkg:golang/golang.org/x/net@v0.1.0",
}
"""Of the packages that are present."""
