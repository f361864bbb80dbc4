"""The sandbox process: what it cannot do, and how a run handles its failures."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from docker_slim_plugin.base.dpkg_selections import InstalledPackages, read_installed
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import child_process, descriptor_passing
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.resolve.packages.os_release import OS_RELEASE, read_distribution
from docker_slim_plugin.resolve.requested_paths import is_program_name
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.index_decoding import Corrections
from docker_slim_plugin.rootfs.index_format import Record, pack
from docker_slim_plugin.rootfs.reader_client import TreeProcess
from docker_slim_plugin.rootfs.sandbox import MAX_TEXT, Sandbox, SandboxFailed

pytestmark = pytest.mark.integration

DRIVER = """
import os, signal, socket, sys
from docker_slim_plugin import sandbox_main
def is_program_name(name):
    {code}
    return True
is_program_name.__module__ = "docker_slim_plugin.resolve.requested_paths"
sandbox_main.FUNCTIONS = (is_program_name,)
sandbox_main.main()
"""
FORBIDDEN = {
    "open a file": "open('/etc/passwd')",
    "open a file by a system call": "os.open('/etc/passwd', os.O_RDONLY)",
    "list a directory": "os.listdir('/')",
    "look at a file": "os.stat('/etc/passwd')",
    "make a socket": "socket.socket(socket.AF_INET)",
    "reach the engine": "socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')",
    "start a process": "os.fork()",
    "start a thread": "import _thread; _thread.start_new_thread(print, ())",
    "execute a program": "os.execv('/bin/true', ['true'])",
    "signal its parent": "os.kill(os.getppid(), signal.SIGTERM)",
    "import a module": "import colorsys",
    "become root": "os.setuid(0)",
    "trace a process": "import ctypes; assert ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0",
}


class Shop:
    """A fake reader process: the test sends its responses, or none."""

    def __init__(self) -> None:
        self.files, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.files.close()
    shop.theirs.close()


def started(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Make the sandbox process run `code` when it is called."""

    def start(module: str, arguments: Sequence[object] = (), *, descriptors: Sequence[int] = (), stderr: int = -3) -> Any:
        argv = [sys.executable, "-I", "-c", DRIVER.format(code=code), *map(str, arguments)]
        return subprocess.Popen(argv, pass_fds=tuple(descriptors), stderr=stderr, env={})

    monkeypatch.setattr(child_process, "start", start)


def known(sandbox: Sandbox, shop: Shop) -> Rootfs:
    """Return a tree of one file that the sandbox knows, and whose content comes from `shop`."""
    entries = [Entry(path=RootPath(path), kind=EntryKind.DIRECTORY, mode=0o755) for path in ("/", "/etc")]
    entries.append(Entry(path=RootPath(OS_RELEASE), kind=EntryKind.FILE, mode=0o644, size=9))
    rootfs = Rootfs.of(entries, cast("TreeProcess", shop))  # type: ignore[arg-type]
    memory = os.memfd_create("index")
    index = [Record(os.fsencode(one.path), _mode(one), 0, 0, one.size, 0, 0, b"", 1, 1, {}) for one in entries]
    data = b"".join(pack(index))
    os.write(memory, data)
    sandbox.add_tree(rootfs, cast("TreeProcess", shop), (memory, len(data)), Corrections(frozenset(), ()))
    os.close(memory)
    return rootfs


def _mode(entry: Entry) -> int:
    return entry.mode | (0o100000 if entry.kind is EntryKind.FILE else 0o040000)


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_what_it_cannot_do(monkeypatch: pytest.MonkeyPatch, deed: str) -> None:
    started(monkeypatch, FORBIDDEN[deed])
    with Sandbox(20) as sandbox, pytest.raises((SlimError, SandboxFailed)) as caught:
        sandbox.call(is_program_name, "x")
    assert re.search("Operation not permitted|refused: |PermissionError|can't start|AssertionError", str(caught.value))


def test_what_it_is() -> None:
    with Sandbox() as sandbox:
        assert sandbox.call(read_installed, ()) == InstalledPackages()
        status = Path(f"/proc/{sandbox._process.pid}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert {fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert fields["Uid"].split() == ["65534"] * 4
        assert fields["Gid"].split() == ["65534"] * 4
        assert fields["Groups"].strip() == ""
        assert (fields["NoNewPrivs"], fields["Seccomp"], fields["Threads"]) == ("1", "2", "1")
        held = [os.readlink(f"/proc/{sandbox._process.pid}/fd/{name}") for name in os.listdir(f"/proc/{sandbox._process.pid}/fd")]
        # libffi keeps its own file open, to map its code from.
        names = [re.sub(r"\d+", "N", one) for one in held if "/libffi.so" not in one]
        assert sorted(names) == ["/dev/null", "/dev/null", "pipe:[N]", "socket:[N]"]
        assert Path(f"/proc/{sandbox._process.pid}/environ").read_bytes() == b""


def test_a_file_that_never_comes(shop: Shop) -> None:
    with Sandbox(1) as sandbox:
        rootfs = known(sandbox, shop)
        begun = time.monotonic()
        with pytest.raises(SlimError, match="takes more than 1 s") as caught:
            sandbox.call(read_distribution, rootfs)
        assert time.monotonic() - begun < 5
        assert "--timeout" in caught.value.hint
        with pytest.raises(SlimError, match="was killed by signal 9"):
            sandbox.call(read_distribution, rootfs)


def test_the_reader_process_has_exited(shop: Shop) -> None:
    with Sandbox() as sandbox:
        rootfs = known(sandbox, shop)
        shop.theirs.close()
        shop.files.close()
        with pytest.raises(SlimError, match="the process that reads them has ended"):
            sandbox.call(read_distribution, rootfs)


def test_a_file_that_comes(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("ID=x\nVERSION_ID=1\n")
    with Sandbox() as sandbox, open(tmp_path / "file") as file:
        rootfs = known(sandbox, shop)
        descriptor_passing.send(shop.theirs, b"ok", file.fileno())
        assert sandbox.call(read_distribution, rootfs) == ("x", "1")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_it_is_killed(number: signal.Signals) -> None:
    with Sandbox() as sandbox:
        time.sleep(0.2)
        sandbox._process.send_signal(number)
        with pytest.raises(SlimError, match=f"was killed by signal {number.value}"):
            sandbox.call(is_program_name, "x")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("while True: pass", "takes more than 1 s"),
        ("x = [bytes(1 << 28) for _ in range(99)]", "take too much memory"),
        ("os._exit(0)", "has ended with status 0"),
        ("sys.exit(3)", "has ended with status 3"),
        ("os.abort()", r"was killed by signal (6|11)"),  # it cannot even signal itself
        ("f = lambda: f(); f()", "RecursionError"),
        ("os.close(int(sys.argv[1]))", "cannot"),
    ],
)
def test_it_fails(monkeypatch: pytest.MonkeyPatch, code: str, said: str) -> None:
    started(monkeypatch, code)
    begun = time.monotonic()
    with Sandbox(1) as sandbox, pytest.raises((SlimError, SandboxFailed), match=said):
        sandbox.call(is_program_name, "x")
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"{", b"[]", b"null", b'["x","","",""]', b'[1,"","",""]', b'[true,"","",""]', b'[true,""]', b"[" * 100_000,
        b'[true,"","","",1]', b'[true,1,"",""]', b"\xff\xfe", b"NaN",
    ],
)  # fmt: skip
def test_whatever_it_says_is_checked(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    """A compromised process may return anything: only values of the expected types are accepted."""
    code = f"sys.argv; data = {answer!r}; os.write(int(sys.argv[1]), len(data).to_bytes(8, 'little') + data)"
    started(monkeypatch, code)
    with Sandbox(5) as sandbox:
        if answer == b'[true,"","",""]':
            assert sandbox.call(is_program_name, "x") is True
        else:
            with pytest.raises(SlimError, match="cannot use the result of the process that parses the image"):
                sandbox.call(is_program_name, "x")


def test_the_answer_of_a_million_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    started(monkeypatch, "raise sandbox_main.SlimError('x' * 3_000_000)")
    with Sandbox() as sandbox, pytest.raises(SlimError) as caught:
        sandbox.call(is_program_name, "x")
    assert str(caught.value) == "x" * MAX_TEXT


def test_a_process_that_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    started(monkeypatch, "import time; time.sleep(60)")
    begun = time.monotonic()
    with Sandbox(1) as sandbox:
        sandbox.seconds = 0.5
        for _ in range(2):
            with pytest.raises(SlimError, match=r"takes more than|was killed by signal 9"):
                sandbox.call(is_program_name, "x" * 5_000_000)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("text", ["b'[' + b'[],' * 2_000_000 + b'0]'", "b'[' + b'{},' * 2_000_000 + b'0]'", "b'1,' * 2_000_000"])
def test_a_result_with_too_many_values(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Three bytes of JSON need twenty times as much memory when they are parsed."""
    code = f"data = {text}; os.write(int(sys.argv[1]), len(data).to_bytes(8, 'little')); view = memoryview(data)\n"
    started(monkeypatch, code + "    while view: view = view[os.write(int(sys.argv[1]), view):]")
    with Sandbox(20) as sandbox, pytest.raises(SlimError, match="it has too many values"):
        sandbox.call(is_program_name, "x")


@pytest.mark.parametrize("kind", ["cannot", "bug"])
def test_errors_contain_no_control_characters(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    data = json.dumps([None, kind, "a\x1b]0;b\x07\nc\u202e", "\x1b[2J"]).encode()
    started(monkeypatch, f"data = {data!r}; os.write(int(sys.argv[1]), len(data).to_bytes(8, 'little') + data)")
    with Sandbox(20) as sandbox, pytest.raises((SlimError, SandboxFailed)) as caught:
        sandbox.call(is_program_name, "x")
    line = "\n" if kind == "bug" else "\\n"
    assert str(caught.value) == f"a\\x1b]0;b\\x07{line}c\\u202e"
    assert getattr(caught.value, "hint", "").isprintable()


def test_a_length_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    started(monkeypatch, "os.write(int(sys.argv[1]), b'\\xff' * 8)")
    with Sandbox(5) as sandbox, pytest.raises(SlimError, match="it is too long"):
        sandbox.call(is_program_name, "x")


def test_it_ends_with_us() -> None:
    code = (
        "import time\nfrom docker_slim_plugin.rootfs.sandbox import Sandbox\n"
        "with Sandbox() as one: print(one._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.kill()
    deadline = time.monotonic() + 5
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{pid}")
