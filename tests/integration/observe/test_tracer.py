"""The tracer on the real kernel: a small C program for each class of system call, process and signal."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from docker_slim_plugin.model.observation import AccessKind
from tests.tracing import compile_c, traced

pytestmark = pytest.mark.integration

BOTH = pytest.mark.parametrize("use_filter", [True, False], ids=["filter", "every call"])

NAMED = [
    pytest.param('open("/x/open", 0);', {"/x/open"}, id="open"),
    pytest.param(
        'int d = open("/etc", O_PATH); openat(d, "hostname", 0);', {"/etc/hostname"}, id="openat with a dirfd"
    ),
    pytest.param('chdir("/usr"); open("share/none", 0);', {"/usr", "/usr/share/none"}, id="relative after chdir"),
    pytest.param(
        'struct open_how h = {0}; syscall(SYS_openat2, AT_FDCWD, "/x/openat2", &h, sizeof h);',
        {"/x/openat2"},
        id="openat2",
    ),
    pytest.param('struct stat s; stat("/x/stat", &s); lstat("/x/lstat", &s);', {"/x/stat", "/x/lstat"}, id="stat"),
    pytest.param('char b[256]; statx(AT_FDCWD, "/x/statx", 0, 0, (void*)b);', {"/x/statx"}, id="statx"),
    pytest.param('access("/x/a", 4); faccessat(AT_FDCWD, "/x/b", 4, AT_EACCESS);', {"/x/a", "/x/b"}, id="access"),
    pytest.param(
        'char b[9]; readlink("/x/rl", b, 9); readlinkat(3, "/x/rlat", b, 9);', {"/x/rl", "/x/rlat"}, id="readlink"
    ),
    pytest.param('char b[9]; chdir("/usr"); readlink("rl", b, 9);', {"/usr/rl"}, id="relative readlink"),
    pytest.param('rename("/x/1", "/x/2");', {"/x/1", "/x/2"}, id="rename names two"),
    pytest.param('linkat(AT_FDCWD, "/x/1", AT_FDCWD, "/x/2", 0);', {"/x/1", "/x/2"}, id="linkat names two"),
    pytest.param(
        'unlink("/x/u"); rmdir("/x/r"); mkdir("/proc/no", 0);', {"/x/u", "/x/r", "/proc/no"}, id="unlink, mkdir"
    ),
    pytest.param(
        'chmod("/x/m", 0); chown("/x/o", 0, 0); truncate("/x/t", 0);', {"/x/m", "/x/o", "/x/t"}, id="chmod, chown"
    ),
    pytest.param('utimensat(AT_FDCWD, "/x/u", 0, 0);', {"/x/u"}, id="utimensat"),
    pytest.param(
        'char b[9]; getxattr("/x/g", "user.a", b, 9); lgetxattr("/x/l", "user.a", b, 9);', {"/x/g", "/x/l"}, id="xattr"
    ),
    pytest.param('syscall(452, AT_FDCWD, "/x/fchmodat2", 0, 0);', {"/x/fchmodat2"}, id="fchmodat2"),
    pytest.param('syscall(463, AT_FDCWD, "/x/setxattrat", 0, "user.a", 0, 0);', {"/x/setxattrat"}, id="setxattrat"),
    pytest.param(
        'struct sockaddr_un a = {AF_UNIX, "/x/socket"}; connect(socket(1, 1, 0), (void*)&a, sizeof a);',
        {"/x/socket"},
        id="connect to a socket",
    ),
    pytest.param('execl("/x/exec", "exec", (char*)0);', {"/x/exec"}, id="exec that fails"),
    pytest.param('int f = open("/bin/true", O_PATH); fexecve(f, argv, environ);', {"/bin/true"}, id="fexecve"),
    pytest.param(
        'char *a[] = {"true", 0}; pid_t p; posix_spawn(&p, "/bin/true", 0, 0, a, environ); wait(0);',
        {"/bin/true"},
        id="posix_spawn",
    ),
    pytest.param('if (!vfork()) { open("/x/vfork", 0); _exit(0); }', {"/x/vfork"}, id="vfork"),
    pytest.param('if (!fork()) if (!fork()) open("/x/twice", 0); wait(0);', {"/x/twice"}, id="double fork"),
    pytest.param(
        'void *t(void *x) { open("/x/thread", 0); return 0; }\n'
        "int main() { pthread_t p; pthread_create(&p, 0, t, 0); pthread_join(p, 0); }",
        {"/x/thread"},
        id="thread",
    ),
    pytest.param(
        'int t(void *x) { open("/x/clone", 0); return 0; }\n'
        "int main() { char *s = malloc(65536); clone(t, s + 65536, CLONE_VM | SIGCHLD, 0); wait(0); }",
        {"/x/clone"},
        id="clone",
    ),
    pytest.param(
        'chroot("/usr"); chdir("/"); open("/share/in", 0); open("rel", 0);', {"/usr/share/in", "/usr/rel"}, id="chroot"
    ),
    pytest.param('open("/x/\\xff\\n\\x1b[31m", 0);', {"/x/\udcff\n\x1b[31m"}, id="a name of any bytes"),
]


@BOTH
@pytest.mark.parametrize(("body", "paths"), NAMED)
def test_names(tmp_path: Path, body: str, paths: set[str], use_filter: bool) -> None:
    found = traced(tmp_path, [compile_c(tmp_path, body, "-pthread")], use_filter=use_filter)
    assert paths <= found.paths()
    assert found.lost == 0


def test_an_access_has_its_kind_and_process(tmp_path: Path) -> None:
    found = traced(tmp_path, ["/bin/sh", "-c", "exec /bin/cat /etc/hostname"])
    opened = next(access for access in found.accesses if access.path == "/etc/hostname")
    assert (opened.kind, opened.process.argv0) == (AccessKind.OPEN, "/bin/cat")
    assert "/bin/cat" in found.paths(AccessKind.EXEC)


def test_an_access_in_a_chroot_has_its_root(tmp_path: Path) -> None:
    found = traced(tmp_path, [compile_c(tmp_path, 'chroot("/usr"); open("/share/in", 0);')])
    assert {access.root for access in found.accesses if access.path == "/usr/share/in"} == {"/usr"}


def test_a_path_at_the_end_of_a_mapped_page(tmp_path: Path) -> None:
    body = """
    char *two = mmap(0, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(two + 4096, 4096);
    strcpy(two + 4096 - 9, "/at/edge");
    open(two + 4096 - 9, 0);
    open((char*)8, 0); open(0, 0); syscall(SYS_statx, 0, 0, 0, 0, 0);
    open("/after", 0);"""
    found = traced(tmp_path, [compile_c(tmp_path, body)])
    assert {"/at/edge", "/after"} <= found.paths()
    assert (found.status, found.lost) == (0, 0)


def test_a_path_of_4000_bytes_survives(tmp_path: Path) -> None:
    name = "/".join(["d" * 99] * 40)
    found = traced(tmp_path, [compile_c(tmp_path, f'open("/{name}", 0);')])
    assert f"/{name}" in found.paths()


@BOTH
def test_a_32_bit_program(tmp_path: Path, use_filter: bool) -> None:
    body = r"""
    struct { short family; char path[12]; } address = {1, "/x/socket32"};
    int arguments[] = {3, (int)&address, sizeof address};
    void _start(void) {
        int r;
        __asm__ volatile("int $0x80" : "=a"(r) : "a"(102), "b"(3), "c"(arguments) : "memory");
        __asm__ volatile("int $0x80" : "=a"(r) : "a"(5), "b"("/x/open32"), "c"(0), "d"(0) : "memory");
        __asm__ volatile("int $0x80" : "=a"(r) : "a"(195), "b"("/x/stat64"), "c"(0) : "memory");
        __asm__ volatile("int $0x80" : : "a"(1), "b"(7));
    }"""
    program = tmp_path / "program32"
    command = [
        "gcc",
        "-m32",
        "-nostdlib",
        "-static",
        "-ffreestanding",
        "-fno-pie",
        "-no-pie",
        "-x",
        "c",
        "-o",
        program,
        "-",
    ]
    subprocess.run(command, input=body.encode(), check=True)
    found = traced(tmp_path, [program], use_filter=use_filter)
    assert {"/x/open32", "/x/stat64", "/x/socket32"} <= found.paths()
    assert found.status == 7


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGTRAP, signal.SIGHUP], ids=str)
def test_a_signal_is_passed_on(tmp_path: Path, number: signal.Signals) -> None:
    body = f"""
    int got; void h(int n) {{ got = n; }}
    int main() {{ signal({number.value}, h); write(1, "up", 2); while (!got) pause(); return got; }}"""
    program = compile_c(tmp_path, body.replace("pause()", "usleep(1000)"))
    found = traced(tmp_path, [program], during=lambda pid: (time.sleep(0.3), os.kill(pid, number))[1])
    assert found.status == number


def test_sigstop_and_sigcont_work_as_without_a_tracer(tmp_path: Path) -> None:
    program = compile_c(tmp_path, 'sleep(1); open("/x/after", 0); return 3;')
    seen = []

    def stop_and_go(pid: int) -> None:
        time.sleep(0.2)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.3)
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        seen.append(next(line for line in status.splitlines() if line.startswith("State")))
        os.kill(pid, signal.SIGCONT)

    found = traced(tmp_path, [program], during=stop_and_go)
    assert found.status == 3
    assert "/x/after" in found.paths()
    assert seen[0].split()[1] in "tT"


def test_a_parent_sees_its_child_stop(tmp_path: Path) -> None:
    body = """
    int p = fork(), s; if (!p) { raise(SIGSTOP); _exit(5); }
    waitpid(p, &s, WUNTRACED); if (!WIFSTOPPED(s)) return 1;
    kill(p, SIGCONT); waitpid(p, &s, 0); return WEXITSTATUS(s);"""
    assert traced(tmp_path, [compile_c(tmp_path, body)]).status == 5


def test_an_exec_from_a_thread(tmp_path: Path) -> None:
    body = """
    void *t(void *x) { execl("/bin/cat", "cat", "/etc/hostname", (char*)0); return 0; }
    int main() { pthread_t p; pthread_create(&p, 0, t, 0); pthread_join(p, 0); return 9; }"""
    found = traced(tmp_path, [compile_c(tmp_path, body, "-pthread")])
    assert found.status == 0
    assert "/etc/hostname" in found.paths()


def test_many_children_that_may_report_before_their_parent(tmp_path: Path) -> None:
    body = """
    for (int i = 0; i < 300; i++) if (!fork()) { char n[32]; sprintf(n, "/x/child%d", i); open(n, 0); _exit(0); }
    while (wait(0) > 0);"""
    found = traced(tmp_path, [compile_c(tmp_path, body)])
    assert {f"/x/child{number}" for number in range(300)} <= found.paths()
    assert found.lost == 0


def test_20000_opens_in_a_row_are_all_recorded(tmp_path: Path) -> None:
    body = 'for (int i = 0; i < 20000; i++) { char n[32]; sprintf(n, "/x/file%d", i); open(n, 0); }'
    found = traced(tmp_path, [compile_c(tmp_path, body)])
    assert {f"/x/file{number}" for number in range(20000)} <= found.paths()
    assert found.lost == 0


def test_a_path_that_changes_while_it_is_read(tmp_path: Path) -> None:
    body = """
    volatile char path[4096]; volatile int done;
    void *w(void *x) { while (!done) { memset(path, 'a', 4000); strcpy(path, "/x/y"); } return 0; }
    int main() { pthread_t p; pthread_create(&p, 0, w, 0);
      for (int i = 0; i < 3000; i++) open(path, 0); done = 1; pthread_join(p, 0); return 4; }"""
    found = traced(tmp_path, [compile_c(tmp_path, body, "-pthread")])
    assert found.status == 4
    assert all(len(access.path) < 4096 + len(str(tmp_path)) + 1 for access in found.accesses)


def test_a_privilege_gain_that_no_new_privs_prevented_is_reported(tmp_path: Path) -> None:
    program = compile_c(tmp_path, 'printf("%d", geteuid());', name="setuid")
    program.chmod(0o4755)
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:2]:
        parent.chmod(0o755)
    drop = compile_c(tmp_path, "setuid(65534); execv(argv[1], argv + 1); return 99;", name="drop")
    filtered = traced(tmp_path, [drop, program])
    assert filtered.tracer.privilege_gains == {str(program)}
    free = traced(tmp_path, [drop, program], use_filter=False)
    assert (free.tracer.privilege_gains, free.output) == (set(), b"0")


def test_an_app_that_traces_is_reported(tmp_path: Path) -> None:
    found = traced(tmp_path, [compile_c(tmp_path, "ptrace(PTRACE_TRACEME, 0, 0, 0);")])
    assert found.tracer.tracers


def test_a_million_distinct_paths_in_bounded_memory(tmp_path: Path) -> None:
    body = 'for (int i = 0; i < 250000; i++) { char n[64]; sprintf(n, "/x/some/longer/path/%d", i); access(n, 0); }'
    program = compile_c(tmp_path, body)

    found = traced(tmp_path, [program], exists=lambda path: path.endswith("7"))
    assert len(found.accesses) < 200_000
    assert found.tracer.dropped > 100_000
    assert found.lost == 0
    assert {f"/x/some/longer/path/{number}" for number in range(7, 250_000, 10)} <= found.paths()
