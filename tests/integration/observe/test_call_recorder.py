"""System calls and their arguments, recorded from small C programs on the real kernel."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from docker_slim_plugin.engine.gate import find_gate
from docker_slim_plugin.model.calls import Call
from docker_slim_plugin.observe.tracer.client import TracerClient
from tests.tracing import SECONDS, compile_c, gate_in

pytestmark = pytest.mark.integration
HEADERS = "#include <netinet/in.h>\n#include <sys/ipc.h>\n#include <sys/shm.h>\n#include <sys/prctl.h>\n#include <mqueue.h>\n"


def recorded(directory: Path, body: str, *options: str) -> dict[tuple[str, str], set[tuple[str, ...]]]:
    """Return {(call, errno name): arguments} of a C program."""
    program = compile_c(directory, body, *options, headers=HEADERS)
    with TracerClient(use_filter=False, record_calls=True) as tracer:
        with subprocess.Popen([gate_in(directory), program], cwd=directory, start_new_session=True) as process:
            pid = find_gate(process.pid, time.monotonic() + SECONDS)
            assert pid is not None
            tracer.attach(pid)
            assert tracer.wait(lambda: pid in tracer.wait_statuses, SECONDS)
        assert tracer.lost == 0
        calls: tuple[Call, ...] = tracer.calls()
    assert {call.process for call in calls} <= {str(program), "docker", ""}
    found: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    for call in calls:
        found.setdefault((call.name, call.refused), set()).add(call.arguments)
    return found


def test_sockets(tmp_path: Path) -> None:
    found = recorded(
        tmp_path,
        """
        int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), u = socket(AF_INET6, SOCK_DGRAM, 0);
        struct sockaddr_in any = {AF_INET}, name = {AF_INET, htons(53), {htonl(INADDR_LOOPBACK)}};
        bind(s, (void *)&any, sizeof any); listen(s, 5);
        struct sockaddr_in6 six = {AF_INET6, htons(514), 0, IN6ADDR_LOOPBACK_INIT};
        sendto(u, "x", 1, 0, (void *)&six, sizeof six);
        struct msghdr message = {&six, sizeof six}; six.sin6_port = htons(515); sendmsg(u, &message, 0);
        u = socket(AF_INET, SOCK_DGRAM, 0); connect(u, (void *)&name, sizeof name);
        struct sockaddr_un hidden = {AF_UNIX, "\\0wt-hidden"}; u = socket(AF_UNIX, SOCK_DGRAM, 0);
        bind(u, (void *)&hidden, sizeof(sa_family_t) + 10);
        """,
    )
    assert {("inet", "stream", "0"), ("inet6", "dgram", "0"), ("unix", "dgram", "0")} <= found["socket", ""]
    ((kind, family, host, port),) = found["listen", ""] - {()}
    assert (kind, family, host) == ("stream", "inet", "0.0.0.0")
    # The kernel has chosen it.
    assert int(port) > 0
    assert ("dgram", "inet6", "::1", "514") in found["sendto", ""]
    assert ("dgram", "inet6", "::1", "515") in found["sendmsg", ""]
    assert ("dgram", "inet", "127.0.0.1", "53") in found["connect", ""]
    assert ("dgram", "unix", "@wt-hidden", "") in found["bind", ""]


def test_written_paths_are_those_of_calls_that_succeeded(tmp_path: Path) -> None:
    found = recorded(
        tmp_path,
        """
        open("read", O_RDONLY | O_CREAT, 0600); open("read", O_RDONLY); open("/absent/x", O_WRONLY | O_CREAT, 0600);
        rename("read", "renamed"); unlink("absent"); mkdir("made", 0700); mkdir("made", 0700);
        struct open_how how = {O_RDWR | O_CREAT, 0600}; syscall(SYS_openat2, AT_FDCWD, "second", &how, sizeof how);
        """,
    )
    assert found["openat", ""] >= {(), (f"{tmp_path}/read",)}
    assert not any("absent" in word for words in found.values() for one in words for word in one)
    assert (f"{tmp_path}/read", f"{tmp_path}/renamed") in found["rename", ""]
    assert found["mkdir", ""] == {(), (f"{tmp_path}/made",)}
    assert (f"{tmp_path}/second",) in found["openat2", ""]


def test_refused_calls_have_their_path_and_errno(tmp_path: Path) -> None:
    found = recorded(
        tmp_path, 'setresuid(65534, 65534, 65534); open("/proc/1/environ", O_RDONLY); setuid(0); chroot("/"); mkdir("/proc/x", 0700);'
    )
    assert found["openat", "EACCES"] == {("/proc/1/environ",)}
    assert found["setuid", "EPERM"] == {()}
    assert found["chroot", "EPERM"] == {("/",)}


def test_signals_ipc_and_namespaces(tmp_path: Path) -> None:
    found = recorded(
        tmp_path,
        """
        int id = shmget(IPC_PRIVATE, 12345, 0600); shmctl(id, IPC_RMID, 0);
        mqd_t queue = mq_open("/wt-queue", O_CREAT | O_RDWR, 0600, 0); mq_unlink("/wt-queue");
        kill(getpid(), 0); pid_t child = fork(); if (!child) { pause(); } kill(child, SIGKILL); waitpid(child, 0, 0);
        prctl(PR_SET_NAME, "x"); unshare(0x4000000); unshare(0x200); getcpu(0, 0);
        """,
        "-lrt",
    )
    assert ("12345",) in found["shmget", ""]
    assert ("wt-queue",) in found["mq_open", ""]
    assert {("self", "0"), ("other", "9")} <= found["kill", ""]
    assert ("0x4000000",) in found["unshare", ""]
    assert ("15",) in found["prctl", ""]


def test_devices(tmp_path: Path) -> None:
    found = recorded(tmp_path, 'int d = open("/dev/ptmx", O_RDWR); ioctl(d, 0x80045430, &d); ioctl(open("x", O_CREAT, 0600), 0x5401, 0);')
    assert ("0x80045430", "/dev/ptmx") in found["ioctl", ""] | {("0x80045430", "/dev/pts/ptmx")}
    assert not any("x" in one[-1:] for one in found["ioctl", ""])
    assert {one[1] for one in found["ioctl", ""] if one} <= {"/dev/ptmx", "/dev/pts/ptmx"}
