"""Compare the dependency closure with what the image's own dynamic loader reports."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

import pytest

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.resolve.elf.elf_file import Elf
from docker_slim_plugin.resolve.elf.loader import Loader
from docker_slim_plugin.rootfs.index import Rootfs

pytestmark = pytest.mark.integration

IMAGES = ("debian:bookworm", "case/nginx", "case/node-express", "case/postgres", "case/python-flask")
LOADER = "/lib64/ld-linux-x86-64.so.2"
LISTING = f'while IFS= read -r path; do echo "= $path"; {LOADER} --list "$path" 2>&1; done'
MAPPED = re.compile(r"\t(?:.* => )?(/.*) \(0x[0-9a-f]+\)$")
KINDS = {tarfile.DIRTYPE: EntryKind.DIRECTORY, tarfile.SYMTYPE: EntryKind.SYMLINK, tarfile.REGTYPE: EntryKind.FILE,
         tarfile.LNKTYPE: EntryKind.FILE}  # fmt: skip


class Disk:
    """A Reader for files of the host that this test has made."""

    def open(self, path: RootPath) -> BinaryIO:
        return open(path, "rb")


class Exported:
    """A Reader for the tar of `docker export`."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self.tar = tar
        self.members = {RootPath("/" + member.name.rstrip("/")): member for member in tar}

    def open(self, path: RootPath) -> BinaryIO:
        return cast("BinaryIO", cast("IO[bytes]", self.tar.extractfile(self.members[path])))

    def entries(self) -> Iterator[Entry]:
        yield Entry(path=RootPath("/"), kind=EntryKind.DIRECTORY, mode=0o755)
        for path, member in self.members.items():
            if member.type in KINDS:
                yield Entry(
                    path=path, kind=KINDS[member.type], mode=member.mode & 0o7777, size=member.size,
                    target=member.linkname if member.issym() else "",
                )  # fmt: skip


@contextmanager
def exported(image: str, folder: Path) -> Iterator[Rootfs]:
    if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode:
        pytest.skip(f"there is no image {image}")
    made = subprocess.run(["docker", "create", image, "/x"], capture_output=True, check=True, text=True).stdout.strip()
    try:
        subprocess.run(["docker", "export", "-o", str(folder / "tar"), made], check=True)
    finally:
        subprocess.run(["docker", "rm", made], capture_output=True, check=True)
    with tarfile.open(folder / "tar", encoding="utf-8", errors="surrogateescape") as tar:
        reader = Exported(tar)
        yield Rootfs.of(reader.entries(), reader)


def verdicts(image: str, paths: list[RootPath]) -> dict[str, set[str] | None]:
    """Return the objects that the loader maps for each path, or None if it cannot."""
    run = ["docker", "run", "--rm", "-i", "--user", "0", "--network", "none", "--entrypoint", "/bin/sh", image]
    output = subprocess.run(
        [*run, "-c", LISTING], input="\n".join(paths) + "\n", capture_output=True, check=True, text=True, timeout=120
    ).stdout
    found: dict[str, set[str] | None] = {}
    for part in output.removeprefix("= ").split("\n= "):
        path, *lines = part.rstrip("\n").split("\n")
        broken = any("not found" in line or "error while" in line or "cannot" in line for line in lines)
        found[path] = None if broken else {match[1] for line in lines if (match := MAPPED.fullmatch(line))}
    return found


@pytest.mark.parametrize("image", IMAGES)
def test_the_closure_is_what_the_loader_maps(image: str, tmp_path: Path) -> None:
    with exported(image, tmp_path) as rootfs:
        loader = Loader(rootfs)
        paths: list[RootPath] = []
        for path, entry in sorted(rootfs.entries.items()):
            # gconv and perl modules are many, and all need only libc.
            if entry.kind is EntryKind.FILE and "/gconv/" not in path and "\n" not in path:
                found = loader.examine(path)
                if isinstance(found, Elf) and found.needed and not path.endswith(LOADER.rpartition("/")[2]):
                    paths.append(path)
        said = verdicts(image, paths)
        assert len(paths) > 50
        wrong = {}
        for path in paths:
            oracle, closure = said[path], loader.closure(path)
            if oracle is None:
                continue
            mapped = closure.mapped - {path}
            expected = {rootfs.walk(place).end for place in oracle} - {path}
            # The loader lists itself because it runs the listing, even if no object needs it.
            own = {rootfs.walk(LOADER).end}
            if mapped - own != expected - own or (mapped and closure.missing):
                wrong[path] = (sorted(mapped), sorted(str(end) for end in expected), closure.missing)
        assert wrong == {}
        assert sum(verdict is not None for verdict in said.values()) > len(paths) * 0.98


SEARCHES = (
    pytest.param("-Wl,--disable-new-dtags", "", id="RPATH is inherited"),
    pytest.param("-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN", id="RUNPATH, its own in the library"),
    pytest.param("-Wl,--enable-new-dtags", "", id="RUNPATH is not inherited"),
    pytest.param("-Wl,--disable-new-dtags", "-Wl,--enable-new-dtags,-rpath,/nowhere", id="RUNPATH ends inheritance"),
)


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize(("program_tags", "library_tags"), SEARCHES)
def test_search_paths(program_tags: str, library_tags: str, tmp_path: Path) -> None:
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    (tmp_path / "links").symlink_to("libraries")

    def cc(output: Path, *arguments: str) -> None:
        command = ["cc", "-xc", "-nostartfiles", "-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", "-o", output, "-"]
        subprocess.run([*command, *arguments], input=b"int f(void) { return 0; }", cwd=tmp_path, check=True)

    cc(libraries / "libinner.so", "-shared", "-Wl,-soname,libinner.so")
    cc(libraries / "libouter.so", "-shared", *library_tags.split(), "-Llibraries", "-linner")
    program = tmp_path / "program"
    cc(program, "-Wl,-e,f", program_tags, "-Wl,-rpath,$ORIGIN/links", "-Llibraries", "-louter",
       "-Wl,-rpath-link,libraries", "-Wl,--unresolved-symbols=ignore-all")  # fmt: skip

    # Like ldd(1). Unlike --list, this continues after a missing library.
    output = subprocess.run(
        [program], env={"LD_TRACE_LOADED_OBJECTS": "1"}, capture_output=True, text=True, check=True
    ).stdout
    mapped = {match[1] for line in output.split("\n") if (match := MAPPED.fullmatch(line))}
    closure = Loader(host(tmp_path)).closure(RootPath(str(program)))
    found = {need.path for need in closure.needs}
    assert {path for path in found if path.startswith(str(tmp_path))} == {
        path for path in mapped if path.startswith(str(tmp_path))
    }
    assert ("libinner.so" in {name for _, name in closure.missing}) == ("libinner.so => not found" in output)


def host(top: Path) -> Rootfs:
    """Return a tree with only the files below `top`, with their host paths."""
    paths = [*reversed(top.parents), top, *top.rglob("*")]
    return Rootfs.of((host_entry(path) for path in paths), Disk())


def host_entry(path: Path) -> Entry:
    name = RootPath(str(path))
    if path.is_symlink():
        return Entry(path=name, kind=EntryKind.SYMLINK, mode=0o777, target=str(path.readlink()))
    if path.is_dir():
        return Entry(path=name, kind=EntryKind.DIRECTORY, mode=0o755)
    return Entry(path=name, kind=EntryKind.FILE, mode=0o755, size=path.stat().st_size)
