"""The launcher under the real kernel: what it refuses, what it lets pass, and what it does on older kernels."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from docker_slim_plugin.confine.launcher import ASSEMBLIES, CODES, launcher
from docker_slim_plugin.confine.rules import Rules

MACHINES = pytest.mark.parametrize("machine", sorted(CODES))
NATIVE = os.uname().machine
TRIES = """
import ctypes, errno, os, socket, sys
def tried(name, action):
    try:
        action()
        print(name, "ok")
    except OSError as error:
        print(name, errno.errorcode[error.errno])
def listen(port, kind=0):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, kind) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", port))
def connect(port, address=socket.AF_INET, flags=None):
    with socket.socket(address) as one:
        one.sendto(b"x", flags, ("127.0.0.1", port)) if flags else one.connect(("127.0.0.1", port))
def write(path):
    with open(path, "w"):
        pass
libc = ctypes.CDLL(None, use_errno=True)
def shmget():
    number = libc.shmget(0x5D0C, 4096, 0o1600)
    if number < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    libc.shmctl(number, 0, 0)
"""


def run(directory: Path, rules: Rules, code: str, *, confined: bool = True, before: tuple[str, ...] = ()) -> dict[str, str]:
    """Run `code` under the launcher, or alone; return the result of each thing that it tries."""
    program = directory / "launcher"
    program.write_bytes(launcher(rules, NATIVE))
    program.chmod(0o755)
    argv = [*before, *([str(program)] if confined else []), sys.executable, "-c", TRIES + textwrap.dedent(code)]
    answer = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30)
    assert answer.returncode == 0, answer.stderr
    return dict(line.split(" ", 1) for line in (answer.stdout + answer.stderr.replace("docker slim:", "said")).splitlines())


@MACHINES
def test_the_bytes_are_those_of_the_assembly(tmp_path: Path, machine: str) -> None:
    for name, *arguments in (("as", "-o", "code.o"), ("objcopy", "-O", "binary", "-j", ".text", "code.o", "code.bin")):
        subprocess.run([f"{machine}-linux-gnu-{name}", *arguments], input=ASSEMBLIES[machine], check=True, text=True, cwd=tmp_path)
    assert (tmp_path / "code.bin").read_bytes() == CODES[machine]


def test_each_restriction_with_its_control(tmp_path: Path) -> None:
    allowed, other = tmp_path / "allowed", tmp_path / "other"
    allowed.mkdir()
    other.mkdir()
    rules = Rules(bind=(61001,), connect=(61003,), write=(str(allowed),))
    expected = {
        # what is tried: (alone, confined)
        "bind listen(61002)": ("ok", "EACCES"),
        "bind-allowed listen(61001)": ("ok", "ok"),
        "connect connect(61002)": ("ECONNREFUSED", "EACCES"),
        "connect-allowed connect(61003)": ("ECONNREFUSED", "ECONNREFUSED"),
        "mptcp listen(61002, 262)": ("ok", "EACCES"),
        "fastopen connect(61002, flags=0x20000000)": ("ECONNREFUSED", "EACCES"),
        "udp socket.socket(socket.AF_INET, socket.SOCK_DGRAM)": ("ok", "EACCES"),
        "packet socket.socket(17, 3)": ("ok", "EACCES"),
        "netlink socket.socket(16, 3)": ("ok", "ok"),
        "unix socket.socket(1, 2)": ("ok", "ok"),
        f"write write({str(other / 'file')!r})": ("ok", "EACCES"),
        f"write-allowed write({str(allowed / 'file')!r})": ("ok", "ok"),
        f"mkdir os.mkdir({str(other / 'directory')!r})": ("ok", "EACCES"),
        f"truncate os.truncate({str(other / 'file')!r}, 0)": ("ok", "EACCES"),
        f"rename os.rename({str(allowed / 'file')!r}, {str(other / 'moved')!r})": ("ok", "EACCES"),
        "null write('/dev/null')": ("ok", "ok"),
        "shmget shmget()": ("ok", "EACCES"),
        "signal os.kill(os.getppid(), 0)": ("ok", "EPERM"),
    }
    code = "\n".join("tried({!r}, lambda: {})".format(*one.split(" ", 1)) for one in expected)
    alone = run(tmp_path, rules, code, confined=False)
    (other / "directory").rmdir()
    confined = run(tmp_path, rules, code)
    assert {name: (alone[name], confined[name]) for name in alone} == {name.split(" ")[0]: two for name, two in expected.items()}


def test_what_is_used_passes(tmp_path: Path) -> None:
    rules = Rules(udp=True, packet=True, sysv_ipc=True, files=False, signals_scoped=False)
    code = f"""
    tried("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    tried("packet", lambda: socket.socket(17, 3))
    tried("shmget", shmget)
    tried("write", lambda: write({str(tmp_path / "file")!r}))
    tried("signal", lambda: os.kill(os.getppid(), 0))
    tried("bind", lambda: listen(61002))
    """
    assert run(tmp_path, rules, code) == {
        **dict.fromkeys(("udp", "packet", "shmget", "write", "signal"), "ok"),
        "bind": "EACCES",
    }


def test_an_ioctl_on_a_device_needs_a_rule(tmp_path: Path) -> None:
    code = """
    import fcntl
    def asked(path, number):
        with open(path, "rb") as device:
            fcntl.ioctl(device, number, bytes(8))
    tried("ioctl", lambda: asked("/dev/urandom", 0x80045200))
    """
    found = [run(tmp_path, rules, code)["ioctl"] for rules in (Rules(), Rules(devices=("/dev/urandom",)))]
    assert (run(tmp_path, Rules(), code, confined=False)["ioctl"], *found) == ("ok", "EACCES", "ok")


def test_a_single_file_can_be_written_and_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    code = f"""
    tried("write", lambda: write({str(file)!r}))
    tried("unlink", lambda: os.unlink({str(file)!r}))
    """
    assert run(tmp_path, Rules(write=(str(file), "/no/such/place")), code) == {"write": "ok", "unlink": "EACCES"}


def execute(directory: Path, *argv: str, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    program = directory / "launcher"
    program.write_bytes(launcher(Rules(), NATIVE))
    program.chmod(0o755)
    answer = subprocess.run([str(program), *argv], check=False, capture_output=True, text=True, env=environment, timeout=30)
    return answer.returncode, answer.stdout, answer.stderr


def test_it_searches_as_the_engine_does(tmp_path: Path) -> None:
    script, secret = tmp_path / "bin" / "tool", tmp_path / "secret" / "tool"
    for one in (script, secret):
        one.parent.mkdir()
        one.write_text('#!/bin/sh\nprintf "%s|" "$@" "$X"\n')
    script.chmod(0o755)
    path = {"X": "y", "PATHS": "/none", "PATH": f":{'/long' * 1000}:/no/such:{secret}:{secret.parent}:{script.parent}"}
    assert execute(tmp_path, "tool", "a b", "", environment=path) == (0, "a b||y|", "")
    assert execute(tmp_path, str(script), environment=path) == (0, "y|", "")
    said = "docker slim: cannot execute tool\n"
    assert execute(tmp_path, "tool", environment={}) == (127, "", said)
    assert execute(tmp_path, "tool", environment={"PATH": "/no"}) == (127, "", said)
    assert execute(tmp_path, "tool", environment={"PATH": str(secret.parent)}) == (126, "", said)
    assert execute(tmp_path, str(secret)) == (126, "", f"docker slim: cannot execute {secret}\n")
    assert execute(tmp_path) == (127, "", "docker slim: there is no command to run\n")


def test_the_app_is_the_same_process_without_open_descriptors(tmp_path: Path) -> None:
    program = tmp_path / "launcher"
    program.write_bytes(launcher(Rules(write=("/tmp",)), NATIVE))
    program.chmod(0o755)
    code = "import os; print(os.getpid(), sorted(os.listdir('/proc/self/fd')), open('/proc/self/comm').read().strip()[:6])"
    with subprocess.Popen([program, sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.communicate()[0].strip() == f"{process.pid} ['0', '1', '2', '3'] python"


OLDER_KERNEL = """
import os, subprocess, sys
try:
    import pyseccomp as seccomp
except ImportError:
    import seccomp
# A kernel that answers the question for the version of the ABI with argv[1]; a negative number is an errno.
program = seccomp.SyscallFilter(seccomp.ALLOW)
call, answer = 444, int(sys.argv[1])
if answer < 0:
    program.add_rule(seccomp.ERRNO(-answer), call)
    program.load()
    os.execv(sys.argv[2], sys.argv[2:])
program.add_rule(seccomp.NOTIFY, call, seccomp.Arg(2, seccomp.EQ, 1))
program.load()
child = subprocess.Popen(sys.argv[2:])
asked = program.receive_notify()
try:
    reply = seccomp.NotificationResponse(error=0, flags=0, id=asked.id, val=answer)
except TypeError:  # libseccomp's own binding
    reply = seccomp.NotificationResponse(asked, answer, 0, 0)
program.respond_notify(reply)
sys.exit(child.wait())
"""


def on_kernel(answer: int) -> tuple[str, ...]:
    return (sys.executable, "-c", OLDER_KERNEL, str(answer))


FILES, TRUNCATE, PORTS, IOCTL, SCOPES = {"write", "rename"}, {"truncate"}, {"bind", "connect"}, {"ioctl"}, {"signal"}
ALWAYS = {"mptcp", "udp", "fastopen"}
"""What the seccomp filter refuses."""


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (1, ALWAYS),
        (2, ALWAYS | FILES),
        (3, ALWAYS | FILES | TRUNCATE),
        (4, ALWAYS | FILES | TRUNCATE | PORTS),
        (5, ALWAYS | FILES | TRUNCATE | PORTS | IOCTL),
        (6, ALWAYS | FILES | TRUNCATE | PORTS | IOCTL | SCOPES),
        (7, ALWAYS | FILES | TRUNCATE | PORTS | IOCTL | SCOPES),
        (99, ALWAYS | FILES | TRUNCATE | PORTS | IOCTL | SCOPES),
        (-errno.ENOSYS, ALWAYS),
        (-errno.EOPNOTSUPP, ALWAYS),
        (-errno.EPERM, ALWAYS),
    ],
)
def test_older_kernels(tmp_path: Path, answer: int, refused: set[str]) -> None:
    old, directory = tmp_path / "old", tmp_path / "directory"
    old.write_text("content")
    directory.mkdir()
    code = f"""
    import fcntl
    tried("truncate", lambda: os.truncate({str(old)!r}, 0))
    tried("write", lambda: write({str(tmp_path / "new")!r}))
    tried("rename", lambda: os.rename({str(old)!r}, {str(directory / "old")!r}))
    tried("bind", lambda: listen(61002))
    tried("connect", lambda: connect(61002))
    tried("mptcp", lambda: listen(61002, 262))
    tried("fastopen", lambda: connect(61002, flags=0x20000000))
    tried("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    tried("ioctl", lambda: fcntl.ioctl(open("/dev/urandom", "rb"), 0x80045200, bytes(8)))
    tried("signal", lambda: os.kill(os.getppid(), 0))
    """
    found = run(tmp_path, Rules(), code, before=on_kernel(answer))
    said = found.pop("said", "")
    assert {name for name, result in found.items() if result in ("EACCES", "EPERM", "EXDEV")} == refused
    assert said == ("this kernel has no usable Landlock: ports, files and devices are not restricted" if answer < 2 else "")


@pytest.mark.parametrize("answer", [1, -errno.ENOSYS])
def test_it_can_be_required(tmp_path: Path, answer: int) -> None:
    program = tmp_path / "launcher"
    program.write_bytes(launcher(Rules(require=True), NATIVE))
    program.chmod(0o755)
    argv = [*on_kernel(answer), str(program), "/bin/true"]
    result = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30)
    assert (result.returncode, result.stderr.count("\n")) == (126, 1)
    assert subprocess.run([program, "/bin/true"], check=False, timeout=30).returncode == 0


def test_it_does_not_start_half_restricted(tmp_path: Path) -> None:
    """The kernel says that it has Landlock, and then refuses the ruleset."""
    program = tmp_path / "launcher"
    program.write_bytes(launcher(Rules(), NATIVE))
    program.chmod(0o755)
    for call in (446, 157):
        code = OLDER_KERNEL.replace("call, answer = 444", f"call, answer = {call}")
        argv = [sys.executable, "-c", code, str(-errno.EINVAL), str(program), "/bin/echo", "runs"]
        result = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30)
        assert (result.returncode, result.stdout) == (126, "")
        assert result.stderr == "docker slim: the restrictions of this image cannot be set, so it does not start\n"


@MACHINES
def test_under_an_emulator_without_both(tmp_path: Path, machine: str) -> None:
    """qemu-user has neither Landlock nor filters: the launcher says so, searches, and executes (or refuses)."""
    if machine == NATIVE:
        pytest.skip("the kernel itself is tested above")
    program = tmp_path / "launcher"

    def started(rules: Rules, *argv: str) -> tuple[int, str, int]:
        program.write_bytes(launcher(rules, machine))
        program.chmod(0o755)
        command = [f"qemu-{machine}", str(program), *argv]
        result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30, env={"PATH": "/none:/bin:/usr/bin"})
        return result.returncode, result.stdout, result.stderr.count("\n")

    # The emulator leaves execve(2) to the kernel, which executes programs of its own architecture.
    assert started(Rules(), "echo", "a b") == (0, "a b\n", 2)
    assert started(Rules(), "/bin/echo", "a b") == (0, "a b\n", 2)
    assert started(Rules(), "no-such-program") == (127, "", 3)
    assert started(Rules(), "/etc/passwd") == (126, "", 3)
    assert started(Rules(require=True), "echo") == (126, "", 1)
    assert started(Rules()) == (127, "", 1)


def movz_x8(number: int) -> bytes:
    """Return the aarch64 instruction `mov x8, #number`."""
    return (0xD2800008 | number << 5).to_bytes(4, "little")


@pytest.mark.skipif(NATIVE == "aarch64", reason="the kernel itself is tested above")
def test_the_walk_through_the_table_on_aarch64(tmp_path: Path) -> None:
    """Landlock's calls are replaced by calls that qemu has: getpid for the version and the ruleset, getuid, sched_yield."""
    program = launcher(Rules(bind=(80,), connect=(443,), write=("/tmp", "/no/such")), "aarch64")
    for number, other, count in ((444, 172, 2), (445, 174, 1), (446, 124, 1)):
        assert program.count(movz_x8(number)) == count
        program = program.replace(movz_x8(number), movz_x8(other))
    file = tmp_path / "launcher"
    file.write_bytes(program)
    file.chmod(0o755)
    argv = ["qemu-aarch64", "-strace", str(file), "/bin/true"]
    said = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stderr
    calls = [line.split(" ", 1)[1] for line in said.splitlines() if line[:1].isdigit()]
    opened = [call.split('"')[1] for call in calls if call.startswith("openat(")]
    expected = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/console", "/dev/pts", "/dev/ptmx"]
    assert opened == [*expected, "/dev/tty", "/tmp", "/no/such"]
    # One rule for each port, and for each path that can be opened; each of those is closed, and the ruleset.
    exist = sum(Path(path).exists() for path in opened)
    assert sum(call.startswith("getuid(") for call in calls) == 2 + exist
    assert sum(call.startswith("close(") for call in calls) == exist + 1
    assert sum(call.startswith("sched_yield(") for call in calls) == 1
