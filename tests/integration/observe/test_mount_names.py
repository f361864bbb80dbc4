"""Apps that mount parts of the image elsewhere, in the container's or in a private mount namespace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from docker_slim_plugin.model.observation import Origin
from docker_slim_plugin.model.request import Request
from docker_slim_plugin.progress import Silent
from docker_slim_plugin.workflows.attach import attach
from docker_slim_plugin.workflows.slim import slim
from tests.cases.harness import Case, Subject, docker, hold, until
from tests.integration.workflows.test_run import build, kept, remove

pytestmark = pytest.mark.integration

IMAGE = "docker-slim-test/mounts"
DOCKERFILE = """
FROM debian:bookworm
COPY busybox /bin/
RUN mkdir -p /data/sub /mnt/place /jail/bin /jail/etc /jail/old && cp /bin/busybox /jail/bin/ && cd /data \
 && echo one >one && echo two >sub/two && echo late >late && ln -s sub/two link && ln -s /mnt/place/late absolute \
 && ln -s place /mnt/way && echo wrong >/mnt/place/one && echo inside >/jail/etc/target && ln -s /etc/target /jail/link \
 && echo outside >/etc/target && chmod 711 /data
CMD ["true"]
"""
ADMIN = ("--cap-add=SYS_ADMIN", "--security-opt=apparmor=unconfined")
READS = (
    "mount --bind /data /mnt/place; sleep 0.3; cat /mnt/place/one /mnt/way/link /mnt/place/absolute; cd /mnt/place/sub; cat two;"
    " test -e ../late && echo late"
)
DATA = {"/data/one", "/data/link", "/data/sub/two", "/data/absolute", "/mnt/way"}
PRIVATE = ("unshare", "-m", "sh", "-c")
BUSYBOX = "exec /bin/busybox cat /link"


@pytest.fixture(scope="module", autouse=True)
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("image"), IMAGE, DOCKERFILE)
    yield
    remove(IMAGE)


def test_a_private_mount_namespace() -> None:
    def check(subject: Subject) -> None:
        assert (subject.status, subject.output) == (0, "one\ntwo\nlate\ntwo\nlate\n")

    report = hold(Case(image=IMAGE, command=(*PRIVATE, READS), options=ADMIN, check=check, batch=True))
    files = {file["Path"] for file in report["Files"]}
    assert files >= {*DATA, "/data/late"}
    # That name was another file's.
    assert "/mnt/place/one" not in files


JAILED = {"/jail/link", "/jail/etc/target", "/jail/bin/busybox"}
PLAIN = ("--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined")
IN_A_USER_NAMESPACE = (("--user=1000", *PLAIN), ("unshare", "-rm", "sh", "-c", READS), DATA)
WITH_ANOTHER_ROOT = (
    (*ADMIN, *PLAIN),
    (*PRIVATE, f"mount --bind /jail /mnt/place; cd /mnt/place; pivot_root . old; /bin/busybox sleep 0.3; {BUSYBOX}"),
    JAILED,
)
IN_A_CHROOT = (ADMIN, (*PRIVATE, "mount --bind /jail /mnt/place; exec chroot /mnt/place /bin/busybox cat /link"), JAILED)


@pytest.mark.parametrize(
    ("options", "command", "files", "tracer"),
    [
        pytest.param(ADMIN, ("sh", "-c", READS), DATA, "auto", id="in the container's own namespace"),
        pytest.param(*IN_A_USER_NAMESPACE, "auto", id="in a user namespace"),
        pytest.param(*IN_A_USER_NAMESPACE, "off", id="in a user namespace, by fanotify alone"),
        pytest.param(*WITH_ANOTHER_ROOT, "auto", id="with another root"),
        pytest.param(*WITH_ANOTHER_ROOT, "off", id="with another root, by fanotify alone"),
        pytest.param(*IN_A_CHROOT, "auto", id="in a chroot there"),
    ],
)
def test_mounts_of_the_app(options: tuple[str, ...], command: tuple[str, ...], files: set[str], tracer: str) -> None:
    request = Request(image=IMAGE, docker_options=options, command=command, tracer=tracer, dry_run=True)
    report = slim(request, Silent())
    # Links are the tracer's to see.
    links = {"/data/link", "/data/absolute", "/mnt/way", "/jail/link"} if tracer == "off" else set[str]()
    assert files - links <= set(kept(report))
    assert not {"/etc/target", "/mnt/place/one"} & set(kept(report))
    # mount(8) has rights of its own.
    assert [warning for warning in report.warnings if "gains privileges" not in warning] == []


def test_mounts_of_a_running_container() -> None:
    script = "mount --bind /data /mnt/place; cd /mnt/place/sub; exec tail -f /mnt/place/one"
    container = docker("run", "-d", *ADMIN, IMAGE, *PRIVATE, script)
    try:
        until(lambda: docker("logs", container) == "one", "the first file")
        _, _, (trace,) = attach(container, Request(image=IMAGE, until="0"), Silent())
    finally:
        docker("rm", "-f", container)
    held = {(access.kind.value, access.path) for access in trace.observations.accesses if access.origin is Origin.PROC}
    assert {("open", "/data/one"), ("chdir", "/data/sub"), ("exec", "/usr/bin/tail")} <= held
