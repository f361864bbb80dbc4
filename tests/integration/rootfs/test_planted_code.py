"""No code of an image runs outside its container, neither while its tree is read nor when that fails."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from docker_slim_plugin.engine.container import Container
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.gate import find_gate
from docker_slim_plugin.host import descriptor_passing
from docker_slim_plugin.rootfs.reader_client import TreeProcess
from tests.archives import add, imported, reload
from tests.cases.harness import SLIM, docker
from tests.faithful import left_behind, untouched
from tests.integration.workflows.test_run import remove
from tests.planted import Alarm, plant, rings

pytestmark = pytest.mark.integration

SMALL, LARGE = "docker-slim-test/planted", "docker-slim-test/planted-large"
SHELL = "busybox:docker-slim-test-planted"
FAULTS = {
    "nothing": "pass",
    "an import": "import colorsys",
    "a lazy import": "import socket; socket.send_fds(channel, [b'x'], [clone])",
    "no memory": "raise MemoryError",
    "an interrupt": "raise KeyboardInterrupt",
    "a bug": "1 / 0",
    "endless recursion": "f = lambda: f(); f()",
    "an error of the kernel": "os.close(999)",
    "a codec": "'x'.encode('planted')",
    "an open file": "open('/etc/passwd')",
    "a listing": "os.listdir('/')",
    "a warning": "import warnings; warnings.warn('x')",
    "a program": "os.execv('/bin/busybox', ['true'])",
    "a user's name": "import pwd; pwd.getpwnam('nobody-of-that-name')",
    "a host's name": "import socket; socket.getaddrinfo('localhost', 80)",
    "an exit": "sys.exit(1)",
    "SIGINT": "os.kill(os.getpid(), signal.SIGINT)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM)",
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "SIGSEGV": "os.kill(os.getpid(), signal.SIGSEGV)",
    "a closed channel": "os.close(int(sys.argv[1]))",
}
DRIVER = """
import os, signal, sys
from docker_slim_plugin.rootfs import mount_clone
clone_of = mount_clone._clone
def faulty(namespace):
    {before}
    clone = clone_of(namespace)
    {after}
    return clone
mount_clone._clone = faulty
mount_clone.main()
"""
UNGUARDED = """
import os, sys
from docker_slim_plugin.kernel.syscalls import CLONE_NEWNS, setns
setns(os.open(f"/proc/{sys.argv[1]}/ns/mnt", os.O_RDONLY), CLONE_NEWNS)
import colorsys
"""
QUIET = ("open_tree", "mount_setattr", "sendmsg", "exit_group", "munmap", "mmap", "brk", "madvise", "futex", "mprotect")
"""The system calls that the process may make while its root is the image."""
CHILDREN = ("rootfs.mount_clone", "rootfs.reader_program", "sandbox_main")
VERBS = {
    "run": ("run", "--no-http", "--until=exit", LARGE, "/bin/true"),
    "run --base": ("run", "--no-http", "--until=exit", f"--base={SMALL}", LARGE, "/bin/true"),
    "run --shell": ("run", "--no-http", "--until=exit", f"--shell={SHELL}", LARGE, "/bin/true"),
    "pack": ("pack", LARGE, "/bin/true"),
    "base": ("base", LARGE),
    "layers": ("layers", SMALL, LARGE),
}


@pytest.fixture(scope="module")
def alarm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alarm]:
    alarm = Alarm()
    assert rings(alarm, tmp_path_factory.mktemp("control"))
    yield alarm
    alarm.close()


@pytest.fixture(scope="module")
def small(alarm: Alarm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("small")
    with tarfile.open(directory / "small.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        add(tar, "bin/busybox", content=Path("/bin/busybox").read_bytes(), mode=0o755)
        plant(tar, alarm, directory, loader=True)
    imported(SMALL, directory / "small.tar", 'ENTRYPOINT ["/bin/busybox"]', 'CMD ["true"]')
    docker("tag", SMALL, SHELL)
    yield SMALL
    remove(SMALL, SHELL)


@pytest.fixture(scope="module")
def large(alarm: Alarm, small: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield a distribution's image with planted code, which takes some time to read."""
    directory = tmp_path_factory.mktemp("large")
    with tarfile.open(directory / "layer.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        plant(tar, alarm, directory, loader=False)
    reload("debian:bookworm", LARGE, directory, layer=directory / "layer.tar")
    yield LARGE
    remove(LARGE, *(f"{LARGE}:latest-{suffix}" for suffix in ("slim", "slim-squashed", "packed", "base")))


@pytest.fixture(scope="module")
def gated(small: str) -> Iterator[tuple[Container, int]]:
    engine = Engine.connect()
    with engine.cleanup(), engine.gated_container(engine.image(small).id) as container:
        pid = find_gate(container.pid(), time.monotonic() + 20)
        assert pid
        yield container, pid


def cloned(code: str, pid: int) -> tuple[bytes, int | None, int]:
    """Run `code` in place of the process that clones a mount; return its response, descriptor and exit status."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    argv = [sys.executable, "-I", "-c", code, str(theirs.fileno())]
    with ours, subprocess.Popen(argv, pass_fds=[theirs.fileno()], env={}, stderr=subprocess.PIPE) as process:
        theirs.close()
        descriptor_passing.send(ours, b"namespace", namespace)
        os.close(namespace)
        ours.settimeout(20)
        data, clone = descriptor_passing.receive_one(ours)
        return data, clone, process.wait(20)


def test_the_control_does_ring(gated: tuple[Container, int], alarm: Alarm) -> None:
    """A process that enters the image and continues, so that Python loads code of the image."""
    subprocess.run([sys.executable, "-I", "-c", UNGUARDED, str(gated[1])], check=False, stderr=subprocess.DEVNULL)
    assert alarm.rang()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_goes_wrong_in_the_image(gated: tuple[Container, int], alarm: Alarm, fault: str, when: str) -> None:
    code = DRIVER.format(**{"before": "pass", "after": "pass"} | {when: FAULTS[fault].replace("clone]", "1]")})
    data, clone, status = cloned(code.replace("channel,", "None,"), gated[1])
    assert not alarm.rang()
    assert status in (0, 70, -signal.SIGSYS, -signal.SIGINT, -signal.SIGTERM, -signal.SIGKILL, -signal.SIGSEGV)
    if clone is not None:
        os.close(clone)
    assert (clone is not None) == (fault == "nothing")
    assert (data == b"0") == (fault == "nothing")


def test_what_it_does_in_the_image(gated: tuple[Container, int], tmp_path: Path) -> None:
    """As strace shows: from setns(2) to exit there are four system calls, and those of the allocator."""
    trace = tmp_path / "trace"
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    argv = ["strace", "-f", "-qq", "-o", trace, sys.executable, "-I", "-m", "docker_slim_plugin.rootfs.mount_clone"]
    with ours, subprocess.Popen([*argv, str(theirs.fileno())], pass_fds=[theirs.fileno()], env=os.environ) as process:
        theirs.close()
        namespace = os.open(f"/proc/{gated[1]}/ns/mnt", os.O_RDONLY)
        descriptor_passing.send(ours, b"namespace", namespace)
        data, clone = descriptor_passing.receive_one(ours)
        assert process.wait(20) == 0
    assert data == b"0"
    assert clone is not None
    os.close(clone)
    calls = [match[1] for line in trace.read_text().splitlines() if (match := re.match(r"\d+ +(\w+)\(", line))]
    inside = calls[calls.index("setns") + 1 :]
    assert set(inside) <= set(QUIET), inside
    assert [call for call in inside if call in QUIET[:4]] == list(QUIET[:4])
    assert "chroot" not in calls


def test_what_the_clone_can_be_used_for(gated: tuple[Container, int]) -> None:
    """The clone permits no writes, no execution, no executable mappings, and no devices."""
    with TreeProcess() as process:
        process.mount(gated[1])
        with process.open("/bin/busybox") as file:  # type: ignore[arg-type]
            path = f"/proc/self/fd/{file.fileno()}"
            with pytest.raises(OSError, match="Read-only"):
                os.open(path, os.O_RDWR)
            with pytest.raises(PermissionError):
                os.execv(path, ["true"])
        reader = psutil.Process(process._reader.pid)
        status = Path(f"/proc/{reader.pid}/status").read_text()
        assert re.search(r"^CapEff:\s+0*4$", status, re.MULTILINE)  # CAP_DAC_READ_SEARCH
        assert re.search(r"^Uid:\s+65534\s+65534", status, re.MULTILINE)
        assert os.readlink(f"/proc/{reader.pid}/root") == "/"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_on_it(large: str, alarm: Alarm, verb: str) -> None:
    with untouched(large):
        answer = subprocess.run([*SLIM, *VERBS[verb]], check=False, capture_output=True, timeout=200)
    assert not alarm.rang()
    assert b"Traceback" not in answer.stderr
    assert answer.returncode in (0, 1), answer.stderr
    if not verb.startswith("run --"):
        assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
@pytest.mark.parametrize("child", CHILDREN)
def test_a_process_of_ours_is_killed_while_it_reads(
    large: str, alarm: Alarm, child: str, number: signal.Signals
) -> None:
    verb = list(VERBS)[(CHILDREN.index(child) * 3 + number) % len(VERBS)]
    with subprocess.Popen([*SLIM, *VERBS[verb]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            for pid in _children(process.pid, child):
                time.sleep(0.02 * (number % 5))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                deadline = 0
        _, said = process.communicate(timeout=100)
    assert not alarm.rang()
    assert process.returncode in (0, 1), said
    assert "Traceback" not in said
    if process.returncode:
        assert "cannot read" in said or "cannot finish" in said, said
    assert left_behind() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda one: one.name)
@pytest.mark.parametrize("delay", [0.3, 0.6, 0.9])
def test_we_are_killed_while_we_read(large: str, alarm: Alarm, number: signal.Signals, delay: float) -> None:
    with subprocess.Popen([*SLIM, "pack", large, "/bin/true"], stderr=subprocess.PIPE) as process:
        time.sleep(delay)
        os.kill(process.pid, number)
        process.communicate(timeout=100)
    # They end when they next look at their channel: an index of many files takes a moment.
    deadline = time.monotonic() + 10
    while (left := _ours()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []
    assert not alarm.rang()
    subprocess.run([*SLIM, "prune"], check=True, stdout=subprocess.DEVNULL)
    assert left_behind() == []


def _children(pid: int, module: str) -> list[int]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [
            one.pid
            for one in psutil.Process(pid).children(recursive=True)
            if any(word.endswith(f".{module}") for word in _command(one))
        ]
    return []


def _command(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def _ours() -> list[str]:
    """Return the processes of this checkout that read images."""
    commands = (_command(process) for process in psutil.process_iter())
    return [" ".join(one) for one in commands if one[:1] == [sys.executable] and _is_child(one)]


def _is_child(command: list[str]) -> bool:
    return any(word.endswith(f".{name}") for word in command for name in CHILDREN)


def test_strace_is_there() -> None:
    assert shutil.which("strace")
