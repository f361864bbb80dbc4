"""What programs use beside files, and what they change, as the tracer records it."""

from __future__ import annotations

from pathlib import Path

import pytest

from docker_slim_plugin.model.observation import Use
from tests.tracing import compile_c, traced

pytestmark = pytest.mark.integration

HEADERS = """
#include <mqueue.h>
#include <netinet/in.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
"""
BODY = r"""
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(61005), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 at6 = {.sin6_family = AF_INET6, .sin6_port = htons(61006), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "socket"}, name = {.sun_family = AF_UNIX, .sun_path = "\0x"};
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), udp = socket(AF_INET6, SOCK_DGRAM, 0);
    bind(tcp, (void *)&at, sizeof at);
    connect(udp, (void *)&at6, sizeof at6);
    bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&path, sizeof path);
    connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&name, 4);
    connect(99, (void *)&at, sizeof at);
    bind(tcp, (void *)1, sizeof at);
    shmget(IPC_PRIVATE, 0, 0); semget(IPC_PRIVATE, 0, 0); msgget(1, 0); mq_open("/none", O_RDWR);
    close(open("made", O_CREAT | O_WRONLY, 0600));
    close(open("made", O_RDONLY));
    struct open_how how = {.flags = O_RDWR};
    close(syscall(SYS_openat2, AT_FDCWD, "made", &how, sizeof how));
    close(open("/etc/passwd", O_RDONLY));
    mkdir("directory", 0700);
    rename("made", "moved");
    unlink("moved");
    truncate("missing", 0);
    chmod("directory", 0755);
"""


@pytest.mark.parametrize("use_filter", [True, False])
def test_each_use(tmp_path: Path, use_filter: bool) -> None:
    program = compile_c(tmp_path, BODY, "-lrt", headers=HEADERS)
    found = traced(tmp_path, [program], use_filter=use_filter, uses=True).tracer.uses
    expected = {
        Use("socket", (2, 1, 0)),
        Use("socket", (10, 2, 0)),
        Use("socket", (1, 1, 0)),
        Use("bind", (2, 61005, 1, 6)),
        Use("connect", (10, 61006, 2, 17)),
        Use("bind", (1, 0)),
        Use("connect", (1, 1)),
        Use("connect", (2, 61005, 0, 0)),
        *map(Use, ("shmget", "semget", "msgget", "mq_open")),
        *(
            Use(name, path=f"{tmp_path}/{path}")
            for name, path in (
                ("make", "socket"), ("file", "made"), ("make", "directory"), ("rename", "made"), ("rename", "moved"),
                ("remove", "moved"), ("file", "missing"),
            )
        ),
    }  # fmt: skip
    assert found == expected


def test_a_thread_and_a_child(tmp_path: Path) -> None:
    functions = """
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = 0x4dee};
    void *work(void *x) { bind(socket(AF_INET, SOCK_DGRAM, 0), (void *)&at, sizeof at); return x; }
    int main(void) {
        pthread_t thread;
        pthread_create(&thread, 0, work, 0);
        pthread_join(thread, 0);
        if (!fork()) { mkdir("child", 0700); _exit(0); }
        wait(0);
        return 0;
    }
    """
    program = compile_c(tmp_path, functions, "-lpthread", headers=HEADERS)
    found = traced(tmp_path, [program], uses=True).tracer.uses
    assert found == {Use("socket", (2, 2, 0)), Use("bind", (2, 61005, 2, 17)), Use("make", path=f"{tmp_path}/child")}


def test_nothing_is_recorded_unless_asked(tmp_path: Path) -> None:
    program = compile_c(tmp_path, BODY, "-lrt", headers=HEADERS)
    assert traced(tmp_path, [program]).tracer.uses == set()
