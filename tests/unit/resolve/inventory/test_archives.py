"""Java archives and Go programs that say who they are; and those that lie."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from docker_slim_plugin.resolve.inventory import golang, java
from tests.archives_of_code import go_program, jar, pom

MANIFEST = "META-INF/MANIFEST.MF"


def read(content: bytes, path: str = "/x.jar") -> list[tuple[str, str, str, str]]:
    return [tuple(one) for one in java.read_archive(io.BytesIO(content), path, java.Budget())]


def test_maven() -> None:
    assert read(jar({**pom("org.a", "a", "1.0"), MANIFEST: "Implementation-Version: 9\n"})) == [("org.a", "a", "1.0", "")]


def test_what_is_merged_into_an_archive() -> None:
    found = read(jar({**pom("org.b", "b", "2"), **pom("org.a", "app", "1")}), "/app-1.jar")
    assert found == [("org.a", "app", "1", ""), ("org.b", "b", "2", "")]


@pytest.mark.parametrize(
    ("path", "manifest", "expected"),
    [
        ("/x.jar", "Implementation-Title: x\r\nImplementation-Version: 1.2\r\nImplementation-Vendor-Id: org.x\r\n", ("org.x", "x", "1.2", "")),
        ("/x-3.4.jar", "Bundle-SymbolicName: org.x.api;singleton:=true\nBundle-Version: 3.4.0\n", ("org.x.api", "x", "3.4", "")),
        ("/x.jar", "Bundle-SymbolicName: very\n long\nBundle-Version: 1\n\nName: other\nBundle-Version: 2\n", ("", "x", "1", "")),
        ("/x.jar", "Manifest-Version: 1.0\n", None),
    ],
)  # fmt: skip
def test_manifests(path: str, manifest: str, expected: tuple[str, ...] | None) -> None:
    assert read(jar({MANIFEST: manifest}), path) == ([] if expected is None else [expected])


def test_archives_inside() -> None:
    inner = jar(pom("org.i", "inner", "1"))
    assert read(jar({**pom("org.a", "app", "1"), "BOOT-INF/lib/inner-1.jar": inner}, zipfile.ZIP_STORED), "/app.jar") == [
        ("org.a", "app", "1", ""), ("org.i", "inner", "1", "BOOT-INF/lib/inner-1.jar"),
    ]  # fmt: skip


def test_too_deep() -> None:
    content = jar(pom("org.a", "a", "1"))
    for _ in range(java.MAX_DEPTH):
        content = jar({"in.jar": content})
    with pytest.raises(ValueError, match="too deep"):
        read(content)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "MAX_INNER", 1 << 20)
    with pytest.raises(ValueError, match="too large"):
        read(jar({"in.jar": bytes(2 << 20)}))
    # A size that lies.
    content = bytearray(jar({"in.jar": bytes(2 << 20)}))
    place = content.rindex(b"PK\1\2")
    content[place + 24 : place + 28] = struct.pack("<I", 100)
    with pytest.raises(java.ERRORS):
        read(bytes(content))


def test_the_members_of_a_bomb_are_cut() -> None:
    content = jar({"META-INF/maven/a/b/pom.properties": "artifactId=b\nversion=1\n" + "#" * (8 << 20)})
    assert len(content) < 1 << 20
    assert read(content) == [("", "b", "1", "")]


def test_a_directory_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "MAX_DIRECTORY", 5000)
    with pytest.raises(ValueError, match="too large"):
        read(jar({f"{number}": "" for number in range(500)}))


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_unusual_compression_is_not_tried(method: int) -> None:
    with pytest.raises(ValueError, match="unusual"):
        read(jar(pom("a", "b", "1"), method))


def modules(content: bytes) -> list[tuple[str, str]]:
    return golang.read_modules(io.BytesIO(content))


def test_go() -> None:
    text = "path\tx/cmd\nmod\tx\tv1.0.0\th1:a=\ndep\ta\tv1\th1:b=\ndep\tb\tv2\n=>\tc\tv3\th1:c=\ndep\td\tv4\n=>\t./local\t(devel)\nbuild\t-compiler=gc\n"
    assert modules(go_program(text)) == [("x", "v1.0.0"), ("a", "v1"), ("c", "v3"), ("d", "v4"), ("stdlib", "1.22.1")]


def test_go_without_a_module() -> None:
    assert modules(go_program("path\tcommand-line-arguments\n")) == [("command-line-arguments", ""), ("stdlib", "1.22.1")]


def test_old_go() -> None:
    with pytest.raises(golang.OldBuildInfo):
        modules(go_program("", flags=0))


def test_no_go() -> None:
    whole = go_program("path\tx\n")
    assert modules(b"#!/bin/sh\n") == []
    for size in range(0, len(whole), 7):
        modules(whole[:size])
    assert modules(whole[:40] + struct.pack("<Q", 1 << 62) + whole[48:]) == []
    assert modules(whole.replace(b".go.buildinfo", b".no.buildinfo")) == []
