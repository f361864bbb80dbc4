"""Pack: all outputs have the same tree, the image starts its command, and there are warnings about what is missing."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.__main__ import bounded
from docker_slim_plugin.cancel import SIGNALS
from docker_slim_plugin.engine.container import INIT_LAYER
from docker_slim_plugin.image.archive import write_archive
from docker_slim_plugin.image.tar import write_tar
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.image import LayerBlob
from docker_slim_plugin.model.plan import KeptEntry, Reason, ReasonKind
from tests.integration.workflows.test_run import build, remove
from tests.integration.workflows.test_stopped import SLIM, left_behind

pytestmark = pytest.mark.integration

REPOSITORY = "docker-slim-test/pack"
FAT = f"{REPOSITORY}:fat"
DOCKERFILE = r"""
FROM debian:bookworm
COPY busybox /opt/tools/busybox
RUN printf '#!/usr/bin/env perl\nprint "said\\n"' >/usr/local/bin/say && chmod 755 /usr/local/bin/say \
 && cp /usr/bin/id /opt/tools/setid && chown 7:8 /opt/tools/setid && chmod 6755 /opt/tools/setid \
 && ln /opt/tools/setid /opt/tools/linked && mkdir -p /srv/data/in /srv/empty && echo text >/srv/data/file \
 && ln -s .. /srv/data/in/up && ln -s /srv/loop-b /srv/loop-a && ln -s /srv/loop-a /srv/loop-b \
 && echo 'a name' >"/srv/data/$(printf 'odd \351')" && chmod 1777 /srv/data && chown -R nobody /srv/empty \
 && touch -d '2001-02-03 04:05:06.789' /srv/data/file /srv/data
ENV PATH=/opt/tools:/usr/local/bin:/usr/bin:/bin EMPTY= WORDS="a b"
EXPOSE 80 53/udp
LABEL note="a \"quoted\" \$word"
USER nobody
WORKDIR /srv/data
VOLUME /srv/vol
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=30s CMD ["id"]
CMD ["id","nobody"]
"""
WORDS = ("id", "say", "/opt/tools", "/srv/data", "/srv/empty")
Listing = dict[str, tuple[Any, ...]]


@pytest.fixture(scope="module", autouse=True)
def fat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("fat"), FAT, DOCKERFILE)
    yield
    listed = subprocess.run(["docker", "images", "-q", REPOSITORY], check=True, stdout=subprocess.PIPE, text=True)
    remove(*listed.stdout.split(), f"{REPOSITORY}/busybox:1", f"{REPOSITORY}/busybox:dynamic")


def slim(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, because most of the time of a process of its own is start-up."""
    out, err = io.StringIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = bounded(list(arguments))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def packed(*arguments: str) -> str:
    """Pack from the fat image. Return standard output."""
    answer = slim("pack", *arguments)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def docker(*arguments: str, data: bytes | None = None, client: str = "docker", **environment: str) -> bytes:
    answer = subprocess.run(
        [client, *arguments], input=data, capture_output=True, check=False, timeout=100,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr.decode(errors="replace")
    return answer.stdout


def listing(*tars: bytes) -> Listing:
    """Return type, mode, owner, whole seconds, and link target or sha256 by path. Upper layers come last."""
    found: Listing = {}
    for data in tars:
        with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8", errors="surrogateescape") as tar:
            for member in tar:
                path = os.path.normpath(f"/{member.name}")
                content: Any = member.linkname
                if member.isreg() or member.islnk():
                    file = tar.extractfile(member)
                    assert file is not None
                    content = hashlib.sha256(file.read()).hexdigest()
                kind = tarfile.REGTYPE if member.islnk() else member.type
                mode = 0o777 if member.issym() else member.mode
                found[path] = (kind, oct(mode & 0o7777), member.uid, member.gid, int(member.mtime), content)
    return found


def in_engine(image: str, like: Listing) -> Listing:
    """Return the tree of an image in the engine, without the files that docker adds to a container."""
    container = docker("create", image, "x").decode().strip()
    try:
        found = listing(docker("export", container))
    finally:
        docker("rm", "-v", container)
    own = {path: found[path] for path in found if path in like or path not in INIT_LAYER}
    # Docker's mount points change the times of their directories. An export has no root directory.
    touched = {"/", "/dev", "/etc", "/srv"} & set(own)
    return own | {path: (*own[path][:4], like[path][4], own[path][5]) for path in touched} | {"/": like["/"]}


def config(image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("inspect", "--type=image", image))[0]["Config"]
    keys = ["Env", "Entrypoint", "Cmd", "User", "WorkingDir", "ExposedPorts", "Volumes", "Labels", "StopSignal", "Healthcheck", "OnBuild", "Shell"]
    return {key: value for key in keys if (value := found.get(key))}


@functools.cache
def buildkit() -> str:
    """Return a docker client that can build with BuildKit, or "" if there is none."""
    for client in ("docker", "/usr/bin/docker"):
        answer = subprocess.run(
            [client, "build", "-q", "-"], input=b"FROM scratch\nLABEL a=b\n", capture_output=True, check=False,
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
        )  # fmt: skip
        if answer.returncode == 0:
            return client
    return ""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write every form of the same tree in one run."""
    directory = tmp_path_factory.mktemp("outputs")
    files = f"tar={directory}/tree.tar,oci={directory}/oci.tar,context={directory}/context"
    packed("--tag", f"{REPOSITORY}:all", "--output", f"layered,squashed,{files}", FAT, *WORDS)
    return directory


@pytest.fixture(scope="module")
def flat(outputs: Path) -> Listing:
    return listing((outputs / "tree.tar").read_bytes())


def test_the_tree_is_what_was_named_and_what_it_needs(flat: Listing) -> None:
    assert {"/usr/bin/id", "/usr/local/bin/say", "/usr/bin/perl", "/usr/bin/env", "/opt/tools/busybox"} <= set(flat)
    assert {"/etc/passwd", "/etc/nsswitch.conf", "/srv/data/in/up", "/var/log", "/tmp"} <= set(flat)
    assert {"/usr/bin/apt", "/usr/share/doc", "/srv/loop-a", "/usr/sbin", "/opt/other"} & set(flat) == set()
    assert flat["/opt/tools/setid"][:4] == (tarfile.REGTYPE, "0o6755", 7, 8)
    assert flat["/srv/data"][:5] == (tarfile.DIRTYPE, "0o1777", 0, 0, 981173106)
    assert flat["/srv/data/odd \udce9"][5] == hashlib.sha256(b"a name\n").hexdigest()


def test_the_files_are_those_of_the_source(flat: Listing) -> None:
    source = in_engine(FAT, flat)
    wrong = {path for path in flat if flat[path] != source[path]}
    assert "/var/lib/dpkg/status" in wrong
    assert {path for path in wrong if not path.startswith("/var/lib/dpkg/")} == set(), "cut, everything else as it was"


@pytest.mark.parametrize("form", ["all", "all-squashed"])
def test_images_hold_the_tree(outputs: Path, flat: Listing, form: str) -> None:
    assert in_engine(f"{REPOSITORY}:{form}", flat) == flat
    wanted = config(FAT)
    labels = config(f"{REPOSITORY}:{form}").pop("Labels")
    assert labels.pop("org.opencontainers.image.base.name") == FAT
    assert {**config(f"{REPOSITORY}:{form}"), "Labels": {**wanted["Labels"], **labels}} == wanted | {"Labels": labels}


def test_an_oci_archive_holds_the_tree(outputs: Path, flat: Listing) -> None:
    with tarfile.open(outputs / "oci.tar") as tar:

        def content(name: str) -> bytes:
            file = tar.extractfile(name)
            assert file is not None
            return file.read()

        (image,) = json.loads(content("manifest.json"))
        assert listing(*map(content, image["Layers"])) == flat
    identity = docker("image", "inspect", "-f", "{{.Id}}", f"{REPOSITORY}:all").decode().strip()
    docker("rmi", f"{REPOSITORY}:all")
    docker("load", "-q", "-i", str(outputs / "oci.tar"))
    assert docker("image", "inspect", "-f", "{{.Id}}", f"{REPOSITORY}:all").decode().strip() == identity


@pytest.mark.parametrize("kit", ["0", "1"])
def test_a_context_builds_the_tree(outputs: Path, flat: Listing, kit: str) -> None:
    client = buildkit() if kit == "1" else "docker"
    if not client:
        pytest.skip("no docker client here can build with BuildKit (buildx is missing)")
    tag = f"{REPOSITORY}:context-{kit}"
    docker("build", "-q", "-t", tag, str(outputs / "context"), client=client, DOCKER_BUILDKIT=kit)
    assert in_engine(tag, flat) == flat
    assert config(tag) == config(f"{REPOSITORY}:all")


@pytest.mark.parametrize("kit", ["0", "1"])
def test_a_context_can_be_piped(flat: Listing, kit: str) -> None:
    client = buildkit() if kit == "1" else "docker"
    if not client:
        pytest.skip("no docker client here can build with BuildKit (buildx is missing)")
    tag = f"{REPOSITORY}:piped-{kit}"
    command = [*SLIM, "pack", "-q", "--output", "context=-", "--cmd", "busybox true", FAT, *WORDS]
    context = subprocess.run(command, check=True, capture_output=True, timeout=100).stdout
    docker("build", "-q", "-t", tag, "-", data=context, client=client, DOCKER_BUILDKIT=kit)
    assert in_engine(tag, flat) == flat
    assert config(tag)["Cmd"] == ["busybox", "true"]
    docker("run", "--rm", tag)


def test_a_program_finds_its_user() -> None:
    identity = packed("-q", "--tag", f"{REPOSITORY}:id", FAT, "id")
    assert docker("run", "--rm", identity).startswith(b"uid=65534(nobody)")
    assert docker("run", "--rm", f"{REPOSITORY}:id", "id", "-un") == b"nobody\n"


def test_a_static_program_needs_nothing_else() -> None:
    answer = slim("pack", "--tag", f"{REPOSITORY}:static", "--no-hint", "nss", "--user", "0", "--cmd",
                  "busybox echo hello", FAT, "busybox")  # fmt: skip
    assert "note: /opt/tools/busybox is static" in answer.stderr
    assert docker("run", "--rm", f"{REPOSITORY}:static") == b"hello\n"
    assert "getpwnam" not in answer.stderr
    assert "/opt/tools/busybox can ask for users and groups, and --no-hint nss leaves that out" in answer.stderr


def test_the_configuration_can_be_set() -> None:
    tag = f"{REPOSITORY}:set"
    changes = ("--entrypoint", "busybox sh -c", "--cmd", '["echo $A; id -u"]', "--expose", "8080", "-u", "1234",
               "-e", "A=1 2", "-w", "/tmp")  # fmt: skip
    answer = slim("pack", "--tag", tag, *changes, FAT, "busybox", "/opt/tools/setid")
    assert "warning" not in answer.stderr
    found = config(tag)
    assert (found["Entrypoint"], found["ExposedPorts"]) == (["busybox", "sh", "-c"], {"8080/tcp": {}})
    assert docker("run", "--rm", tag) == b"1 2\n1234\n"


def test_warns_about_a_command_that_is_not_kept() -> None:
    answer = slim("pack", "--dry-run", FAT, "busybox", "--no-hint", "nss")
    assert "warning: the image's command, 'id', is not in it" in answer.stderr
    assert "warning: the image's user, 'nobody', is not in its /etc/passwd" in answer.stderr
    assert docker("images", "-q", f"{REPOSITORY}:fat-packed") == b""


def test_an_image_for_another_machine(tmp_path: Path) -> None:
    file = Entry(path=RootPath("/data"), kind=EntryKind.FILE, mode=0o644, size=4)
    kept = KeptEntry(entry=file, reasons=(Reason(ReasonKind.KEEP, "test"),), content=b"text")
    layer = write_tar(lambda _: io.BytesIO(), [kept], "app", tmp_path / "layer.tar").blob
    with (tmp_path / "image.tar").open("wb") as out:
        write_archive([layer], _foreign(layer), f"{REPOSITORY}:foreign", out)
    docker("load", "-q", "-i", str(tmp_path / "image.tar"))
    answer = slim("pack", "--tag", f"{REPOSITORY}:riscv", f"{REPOSITORY}:foreign", "/data")
    assert answer.returncode == 0
    assert "note: the image is for linux/riscv64" in answer.stderr
    assert docker("image", "inspect", "-f", "{{.Architecture}}", f"{REPOSITORY}:riscv") == b"riscv64\n"


def _foreign(layer: LayerBlob) -> bytes:
    rootfs = {"type": "layers", "diff_ids": [layer.diff_id]}
    return json.dumps({"architecture": "riscv64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()


def test_a_shell_is_a_separate_layer(outputs: Path, tmp_path: Path, flat: Listing) -> None:
    tag = f"{REPOSITORY}:shell"
    packed("--tag", tag, "--shell", "busybox", "--output", f"layered,context={tmp_path}/context", FAT, *WORDS)
    found = in_engine(tag, flat)
    assert {path: found[path] for path in flat} == flat
    more = {path: found[path] for path in found if path not in flat}
    assert more.pop("/usr/bin/busybox")[5] == hashlib.sha256(Path("/bin/busybox").read_bytes()).hexdigest()
    links = {path: entry for path, entry in more.items() if entry[0] != tarfile.DIRTYPE}
    assert {entry[5] for entry in links.values()} == {"/usr/bin/busybox"}
    assert {"/usr/bin/sh", "/usr/bin/echo"} <= set(links)
    assert docker("run", "--rm", tag, "sh", "-c", "echo hello") == b"hello\n"
    assert layers_of(tag)[:-1] == layers_of(f"{REPOSITORY}:all")
    docker("build", "-q", "-t", f"{tag}-built", f"{tmp_path}/context", DOCKER_BUILDKIT="0")
    assert in_engine(f"{tag}-built", flat) == found


def test_a_shell_from_an_image() -> None:
    image = io.BytesIO()
    with tarfile.open(fileobj=image, mode="w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
        for name in ("sh", "echo"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname, link.mode = tarfile.LNKTYPE, "bin/busybox", 0o755
            tar.addfile(link)
    docker("import", "-", f"{REPOSITORY}/busybox:1", data=image.getvalue())
    small = imported(f"{REPOSITORY}:nothing", {"data": b"text"})
    packed("--tag", f"{REPOSITORY}:shelled", "--shell", f"{REPOSITORY}/busybox:1", "--cmd", "sh", small, "/data")
    listed = docker("run", "--rm", f"{REPOSITORY}:shelled", "sh", "-c", "echo /bin/* /data")
    assert listed == b"/bin/busybox /bin/echo /bin/sh /data\n"
    dynamic = imported(f"{REPOSITORY}/busybox:dynamic", {"bin/busybox": Path("/bin/true").read_bytes()})
    answer = slim("pack", "--shell", dynamic, small, "/data")
    assert answer.returncode == 1
    assert f"the image {dynamic} has no static busybox for amd64" in answer.stderr or os.uname().machine != "x86_64"


@pytest.fixture(scope="module")
def base() -> str:
    """Pack a base with some of the same files, with its own name and configuration."""
    tag = f"{REPOSITORY}:base"
    packed("--tag", tag, "--cmd", "nothing", "--user", "7", "-e", "OWN=1", FAT, "id", "/etc/shells", "busybox")
    return tag


def layers_of(image: str) -> list[str]:
    found: list[str] = json.loads(docker("inspect", "-f", "{{json .RootFS.Layers}}", image))
    return found


def test_an_image_on_a_base_has_no_copies_of_its_files(outputs: Path, base: str, tmp_path: Path, flat: Listing) -> None:
    tag = f"{REPOSITORY}:on-base"
    forms = f"layered,context={tmp_path}/c,tar={tmp_path}/t"
    identity = docker("image", "inspect", "-f", "{{.Id}}", base).decode().strip()
    answer = slim("pack", "--tag", tag, "--base", identity, "--output", forms, FAT, *WORDS)
    assert answer.returncode == 0, answer.stderr
    assert f"the Dockerfile cannot reset what its base {base} sets and the image does not: ENV OWN=1; " in answer.stderr
    below = layers_of(base)
    assert layers_of(tag)[: len(below)] == below
    tars = {file.name: listing(file.read_bytes()) for file in (tmp_path / "c").glob("*.tar")}
    mine = {path: entry for tar in tars.values() for path, entry in tar.items()}
    theirs = in_engine(base, flat)
    repeated = {path for path in mine if path in theirs and mine[path] == theirs[path]}
    assert {path for path in repeated if mine[path][0] != tarfile.DIRTYPE} == set()
    assert "/usr/lib/x86_64-linux-gnu/libc.so.6" not in mine
    found = in_engine(tag, flat)
    # The database has the packages of both. Only the times of directories may be those of the base.
    differs = {path for path in flat if found[path] != flat[path] and not path.startswith("/var/lib/dpkg/")}
    assert {path for path in differs if found[path][:4] != flat[path][:4] or flat[path][0] != tarfile.DIRTYPE} == set()
    assert {path for path in found if path not in flat} == {path for path in theirs if path not in flat}
    whole = listing((tmp_path / "t").read_bytes())
    assert {path: entry[5] for path, entry in whole.items()} == {path: entry[5] for path, entry in found.items()}
    wanted = config(f"{REPOSITORY}:all")
    assert config(tag) == wanted
    assert docker("run", "--rm", tag).startswith(b"uid=65534(nobody)")
    lines = (tmp_path / "c" / "Dockerfile").read_text().splitlines()
    assert {f"FROM {base}", "# stays, from the base image: 'ENV OWN=1'"} <= set(lines)
    for kit, client in {"0": "docker", "1": buildkit()}.items():
        if client:
            docker("build", "-q", "-t", f"{tag}-{kit}", f"{tmp_path}/c", client=client, DOCKER_BUILDKIT=kit)
            assert in_engine(f"{tag}-{kit}", flat) == found
            built = config(f"{tag}-{kit}")
            assert sorted(built.pop("Env")) == sorted([*wanted["Env"], "OWN=1"])
            assert built == {key: value for key, value in wanted.items() if key != "Env"}


def test_a_base_of_another_distribution_is_not_used(outputs: Path) -> None:
    imported(f"{REPOSITORY}:other", {"etc/os-release": b"ID=other\nVERSION_ID=1\n"})
    answer = slim("pack", "--tag", f"{REPOSITORY}:apart", "--base", f"{REPOSITORY}:other", FAT, *WORDS)
    assert "is other 1, the image debian 12: nothing can be shared, so the base is not used" in answer.stderr
    assert layers_of(f"{REPOSITORY}:apart") == layers_of(f"{REPOSITORY}:all")


def imported(tag: str, files: dict[str, bytes], *changes: str) -> str:
    image = io.BytesIO()
    with tarfile.open(fileobj=image, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755
            tar.addfile(member, io.BytesIO(data))
    docker("import", *changes, "-", tag, data=image.getvalue())
    return tag


def test_layers_of_several_images_and_a_base_for_them() -> None:
    own = {f"srv/{word}": os.urandom(100_000) for word in ("one", "two", "three")}
    busybox = Path("/bin/busybox").read_bytes()
    source = imported(f"{REPOSITORY}:small", {"etc/os-release": b"ID=small\nVERSION_ID=1\n", "bin/busybox": busybox} | own)
    names = {name: f"{REPOSITORY}:{name.partition('/')[2]}" for name in own}
    for name, tag in names.items():
        packed("--tag", tag, "--cmd", f"busybox sha256sum /{name}", source, "busybox", f"/{name}")
    found = json.loads(slim("layers", "--format", "json", "--tag", f"{REPOSITORY}:common", *names.values()).stdout)
    (proposal,) = found["Proposals"]
    assert (proposal["Distribution"], proposal["Least"], proposal["Files"]) == ("small 1", 2, 2)
    assert found["Written"]["ID"] == docker("inspect", "-f", "{{.Id}}", f"{REPOSITORY}:common").decode().strip()
    for stack in found["Images"]:
        assert stack["Size"]["Disk"] == int(docker("inspect", "-f", "{{.Size}}", stack["Reference"]))
    # For a name without a tag, docker save writes all tags.
    docker("tag", f"{REPOSITORY}:common", REPOSITORY)
    for name, tag in names.items():
        packed("--tag", f"{tag}-on", "--base", REPOSITORY, "--cmd", f"busybox sha256sum /{name}",
               source, "busybox", f"/{name}")  # fmt: skip
        assert docker("run", "--rm", f"{tag}-on").split()[0].decode() == hashlib.sha256(own[name]).hexdigest()
    after = json.loads(slim("layers", "--format", "json", *(f"{tag}-on" for tag in names.values())).stdout)
    assert after["Together"]["Disk"] == proposal["After"] <= 0.7 * found["Apart"]["Disk"]
    assert after["Together"]["Wire"] < 0.7 * found["Apart"]["Wire"]
    assert slim("layers", *list(names.values())[:1]).returncode == 1


def test_file_outputs_of_a_run_are_verified(tmp_path: Path) -> None:
    answer = slim("run", "--shell", "busybox", "--tag", f"{REPOSITORY}:run", "--format", "json",
                  "--output", f"context={tmp_path}/c,tar={tmp_path}/t", FAT)  # fmt: skip
    report = json.loads(answer.stdout)
    assert report["Outputs"] == [f"{tmp_path}/c", f"{tmp_path}/t"]
    assert report["Images"] == []
    assert [one["Passed"] for one in report["Verified"]] == [True]
    assert docker("images", "-q", f"{REPOSITORY}:run") == b""
    tree = listing((tmp_path / "t").read_bytes())
    assert tree["/usr/bin/sh"][5] == "/usr/bin/busybox"
    assert listing(*(file.read_bytes() for file in (tmp_path / "c").glob("*.tar"))) == tree
    assert "ADD shell.tar /" in (tmp_path / "c" / "Dockerfile").read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "said", "hint"),
    [
        ((FAT, "nobusybox"), 1, "cannot pack 'nobusybox': it is not in the PATH", "/opt/tools/busybox"),
        ((FAT, "/usr/bin/busybox"), 1, "it is not in the image", "/opt/tools/busybox"),
        (("--platform", "linux/riscv64", FAT, "id"), 1, f"the image '{FAT}' for linux/riscv64 here, nor pull it", "images"),
        (("--platform", "riscv64", "--pull", "never", FAT, "id"), 1, "it is for linux/", "docker pull --platform riscv64"),
        ((FAT,), 2, "missing argument 'PATH...'", "pack [OPTIONS] IMAGE PATH..."),
        ((f"{REPOSITORY}:none", "id"), 1, "cannot find the image", "docker images"),
        (("--output", "tar=/", FAT, "id"), 1, "cannot write /: it exists", "another file"),
        (("--output", "context=/etc/passwd", FAT, "id"), 1, "/etc/passwd is no directory", "another directory"),
        (("--output", "context=/etc", FAT, "id"), 1, "cannot write a context to /etc: it is not empty", "new directory"),
        (("--output", "context=/proc/x", FAT, "id"), 1, "cannot write a context to /proc/x", "another directory"),
        (("--output", "tar=/dev/full/x", FAT, "id"), 1, "there is no such directory", "make the directory"),
        (("--output", "tar=-,oci=-", FAT, "id"), 1, "two outputs to standard output", "name a file"),
        (("--shell", "ash", FAT, "id"), 2, "cannot add ash as a shell", "--shell busybox"),
        (("--shell", "busybox:none", FAT, "id"), 1, "there is no image busybox:none here", "docker pull busybox:none"),
        (("--shell", f"{REPOSITORY}/none/busybox", FAT, "id"), 1, "there is no image", "docker pull"),
        (("--base", f"{REPOSITORY}:none", FAT, "id"), 1, "cannot find the image", "docker pull"),
        (("--base", FAT, "--output", "squashed", FAT, "id"), 2, "cannot squash an image on a base", "--output layered"),
        (("--output", "zip", FAT, "id"), 2, "cannot write zip", "--output layered"),
        (("--cmd", "it's", FAT, "id"), 2, "cannot read --cmd", "--cmd 'nginx"),
        (("--expose", "http", FAT, "id"), 2, "cannot use --expose http", "--expose 80"),
        (("--tag", FAT, FAT, "id"), 2, "the source's own name", "--tag OTHER-NAME"),
        ((f"{REPOSITORY}:all", "id"), 1, "it is slim already", "--force"),
    ],
)
def test_an_error(outputs: Path, arguments: tuple[str, ...], status: int, said: str, hint: str) -> None:
    answer = slim("pack", *arguments)
    assert said in answer.stderr
    assert hint in answer.stderr
    assert "Traceback" not in answer.stderr
    assert (answer.returncode, answer.stdout) == (status, "")
    assert left_behind() == []


def test_loops_of_links_end(tmp_path: Path) -> None:
    file = tmp_path / "loops.tar"
    answer = slim("pack", "--output", f"tar={file}", FAT, "/srv/loop-a", "/srv/data/in/up/in/up/in")
    assert answer.returncode == 0
    assert "warning: '/srv/loop-a' is a link that leads nowhere in the image" in answer.stderr
    found = listing(file.read_bytes())
    assert {"/srv/loop-a", "/srv/loop-b", "/srv/data/in/up"} <= set(found)


def test_standard_output_without_a_reader() -> None:
    command = [*SLIM, "pack", "-q", "--output", "tar=-", FAT, "busybox"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 1
    assert "cannot write to standard output: the process that reads it has ended" in said
    assert left_behind() == []


def test_a_file_system_without_room(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=True)
    try:
        answer = slim("pack", "--output", f"tar={tmp_path}/x.tar", FAT, "busybox")
        assert "cannot write" in answer.stderr
        assert "No space left on device" in answer.stderr
        assert answer.returncode == 1
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)
