"""The tracer: a process of its own that follows tracees by ptrace(2) and says which paths they name.

    python -m docker_slim_plugin.observe.tracer

It reads commands from standard input, a JSON array a line, each followed by SIGUSR1 (the loop sleeps in
sigtimedwait(2)), and writes messages to standard output, a JSON array a line:

    ["attach", pid]                      follow the process that waits in the gate `pid`, and let it go
    ["released", pid] | ["refused", pid, errno, text]
    ["process", number, pid, argv0]      a process (after each exec a new number); pid is the host's
    ["access", number, row, path, root]  row of syscalls.SYSCALLS; root is "/" unless the process has been chrooted
    ["rights", number, path]             an exec that no_new_privs kept from gaining rights
    ["ptrace", number]                   the app traces processes itself
    ["ended", pid, status]               a process that was attached to has ended; wait status as of waitpid(2)
    ["counts", events, lost, stops]      now and then, and before it goes to sleep

Only this process is ptrace's: ptrace binds to a thread, waitpid(-1) would steal others' children, and python-ptrace's
licence (GPL-2.0) stays on this side of a pipe. It ends when standard input closes, and PTRACE_O_EXITKILL takes the
tracees with it: nothing ever runs on untraced and unnoticed.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import stat
import struct
import sys
from ctypes import addressof, create_string_buffer
from dataclasses import dataclass
from typing import Any

from ptrace import PtraceError
from ptrace.binding import func as binding
from ptrace.binding.func import (
    PTRACE_CONT,
    PTRACE_EVENT_EXEC,
    PTRACE_SYSCALL,
    ptrace,
    ptrace_getregs,
    ptrace_setregs,
)

from docker_slim_plugin.model import AccessKind
from docker_slim_plugin.gate import GATES, GateCode
from docker_slim_plugin.observe.syscalls import ROOT_CALLS, SYSCALLS, filter_program, numbers

# linux/ptrace.h, what the binding does not name
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
PTRACE_LISTEN = 0x4208
PTRACE_GET_SYSCALL_INFO = 0x420E
PTRACE_SYSCALL_INFO_ENTRY, PTRACE_SYSCALL_INFO_EXIT = 1, 2
PTRACE_EVENT_SECCOMP, PTRACE_EVENT_STOP = 7, 128
PTRACE_O_TRACESECCOMP, PTRACE_O_EXITKILL = 0x80, 0x100000
OPTIONS = (
    binding.PTRACE_O_TRACESYSGOOD
    | binding.PTRACE_O_TRACEFORK
    | binding.PTRACE_O_TRACEVFORK
    | binding.PTRACE_O_TRACECLONE
    | binding.PTRACE_O_TRACEEXEC
    | PTRACE_O_TRACESECCOMP
    | PTRACE_O_EXITKILL
)
SYSCALL_STOP = signal.SIGTRAP | 0x80
GROUP_STOPS = frozenset({signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})

# linux/prctl.h, linux/seccomp.h; system call numbers of the gate's own ABI
PR_SET_NO_NEW_PRIVS, SECCOMP_SET_MODE_FILTER = 38, 1
NUMBERS = {
    "x86_64": {"prctl": 157, "seccomp": 317, "execve": 59},
    "aarch64": {"prctl": 167, "seccomp": 277, "execve": 221},
}

pack_iovec = struct.Struct("QQ").pack_into
process_vm_readv = ctypes.CDLL(None, use_errno=True).process_vm_readv
process_vm_readv.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 5)
process_vm_readv.restype = ctypes.c_ssize_t

PATH_MAX, PAGE = 4096, 4096
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MAX_SEEN = 200_000
"""Distinct accesses remembered, so as to say each once; then forgotten, and said again: memory stays bounded."""
SHORT = 256
"""Bytes read of a path at first; most are shorter."""
SPIN = 100
"""Polls before sleeping: a stop that comes at once is taken without the price of a wake-up."""
REST_SECONDS, SLEEP_SECONDS = 0.02, 0.5
# struct ptrace_syscall_info: op, arch, ip, sp, nr, args[6], and of a seccomp stop ret_data
INFO = struct.Struct("<BxxxIQQQ6QI")
AF_UNIX = 1
CAPABILITY = "security.capability"
FORKS = frozenset({binding.PTRACE_EVENT_FORK, binding.PTRACE_EVENT_VFORK, binding.PTRACE_EVENT_CLONE})


@dataclass(slots=True)
class Speaker:
    """A process between two execs, as the messages name it."""

    argv0: str
    number: int = 0
    """0 until it has had something new to say."""


class Refused(Exception):
    """The process at the gate could not be made to run its program."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number


class Tracer:
    """Follows every process under the gates that it was given, until none is left."""

    def __init__(self, *, machine: str, use_filter: bool, detach: bool = False) -> None:
        self.detach = detach
        """Whether to let go of a process as soon as it runs its program."""
        self.gate: GateCode = GATES[machine]
        self.calls = NUMBERS[machine]
        self.machine = machine
        self.program = filter_program(machine) if use_filter else b""
        self.rows = {} if use_filter else numbers(machine)
        self.go = PTRACE_CONT if use_filter else PTRACE_SYSCALL
        self.roots: set[int] = set()
        """Pids that were attached to; their end is told."""
        self.live = 0
        self.process: dict[int, Speaker] = {}
        self.count = 0
        self.seen: set[tuple[int, str, bytes]] = set()
        self.rooted = False
        """Whether any process may have another root than the container's."""
        self.events = self.lost = self.stops = self.told = 0
        self.out: list[str] = []
        self.info = create_string_buffer(INFO.size + 8)
        self.info_at = addressof(self.info)
        self.block, self.local, self.remote = (create_string_buffer(size) for size in (PATH_MAX, 16, 16))
        self.block_at, self.local_at, self.remote_at = map(addressof, (self.block, self.local, self.remote))
        self.pending = b""
        self.closed = False

    # -- messages ---------------------------------------------------------------------------------------------------

    def say(self, *message: Any) -> None:
        self.out.append(json.dumps(message))
        if len(self.out) > 500:
            self.flush()

    def flush(self) -> None:
        if self.out:
            data = ("\n".join(self.out) + "\n").encode()
            self.out.clear()
            while data:
                data = data[os.write(1, data) :]

    def commands(self) -> None:
        """Carry out what has arrived on standard input; its end means that nobody listens any more."""
        while True:
            try:
                data = os.read(0, 65536)
            except BlockingIOError:
                break
            if not data:
                self.closed = True
                break
            self.pending += data
        *lines, self.pending = self.pending.split(b"\n")
        for line in lines:
            pid = int(json.loads(line)[1])
            try:
                self.attach(pid)
                self.say("released", pid)
            except Refused as error:
                self.say("refused", pid, error.number, str(error))
            except (OSError, PtraceError) as error:
                self.say("refused", pid, getattr(error, "errno", 0) or 0, str(error))
            self.flush()

    # -- the loop ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        wake = {signal.SIGCHLD, signal.SIGUSR1}
        waitpid, flags = os.waitpid, os.WNOHANG | binding.THREAD_TRACE_FLAGS
        idle = 0
        while not self.closed:
            try:
                pid, status = waitpid(-1, flags)
            except ChildProcessError:
                pid, idle = 0, SPIN
            if pid:
                idle = 0
                self.stopped(pid, status)
                continue
            idle += 1
            if idle > SPIN:
                # What has been seen is told after a moment of rest: to tell it at once would wake our reader, and take
                # the processor from the app.
                woken = signal.sigtimedwait(wake, REST_SECONDS if self.told != self.events else SLEEP_SECONDS)
                if woken is None:
                    self.tell_counts()
                if woken is None or woken.si_signo != signal.SIGCHLD:
                    self.commands()

    def tell_counts(self) -> None:
        if self.told != self.events:
            self.told = self.events
            self.say("counts", self.events, self.lost, self.stops)
            self.flush()

    def stopped(self, pid: int, status: int) -> None:
        """Handle one wait status, and let the tracee go on."""
        if not os.WIFSTOPPED(status):
            self.forget(pid, status)
            return
        self.stops += 1
        event = status >> 16
        command, number = self.go, 0
        try:
            if event == PTRACE_EVENT_SECCOMP:
                self.entered(pid)
            elif event == 0:
                number = os.WSTOPSIG(status)
                if number == SYSCALL_STOP:
                    number = 0
                    if not self.program:
                        self.entered(pid)
            elif event in FORKS:
                self.forked(pid)
            elif event == PTRACE_EVENT_EXEC:
                self.executed(pid)
            elif event == PTRACE_EVENT_STOP and os.WSTOPSIG(status) in GROUP_STOPS:
                # The whole group is stopped, and is to stay so until SIGCONT: PTRACE_CONT would wake it. ptrace(2).
                command = PTRACE_LISTEN
            ptrace(command, pid, 0, number)
        except PtraceError as error:
            # Killed while it was stopped: its end comes with the next wait.
            if error.errno != errno.ESRCH:
                raise

    def forget(self, pid: int, status: int) -> None:
        self.process.pop(pid, None)
        if pid in self.roots:
            self.roots.discard(pid)
            self.tell_counts()
            self.say("ended", pid, status)
            self.flush()

    # -- what a stop shows ------------------------------------------------------------------------------------------

    def entered(self, pid: int) -> None:
        """Record the paths of the system call that `pid` is about to make."""
        ptrace(PTRACE_GET_SYSCALL_INFO, pid, INFO.size, self.info_at)
        fields = INFO.unpack_from(self.info)
        if self.program:
            row = fields[11]
        elif fields[0] == PTRACE_SYSCALL_INFO_ENTRY:
            known = self.rows.get((fields[1], fields[4] & ~0x40000000))
            if known is None:
                return
            row = known
        else:
            return
        self.events += 1
        call = SYSCALLS[row]
        for argument in call.paths:
            address = fields[5 + argument.position]
            if not address:
                continue
            try:
                raw = self.socket(pid, fields) if call.kind is AccessKind.CONNECT else self.string(pid, address)
            except OSError as error:
                # EFAULT for the tracee as well when the page is not there; gone when it was killed.
                if error.errno not in (errno.EIO, errno.EFAULT, errno.ESRCH):
                    self.lost += 1
                continue
            if raw:
                directory = None if argument.directory is None else fields[5 + argument.directory]
                self.named(pid, row, raw, directory)
        if not call.paths or call.name in ROOT_CALLS:
            self.special(pid, call.name, fields)

    def named(self, pid: int, row: int, raw: bytes, directory: int | None) -> None:
        """Say that `pid` named the path `raw`, relative to `directory` (a descriptor, or None for its cwd)."""
        speaker = self.process.get(pid) or self.meet(pid)
        root = "/"
        if self.rooted or not raw.startswith(b"/"):
            try:
                root = os.readlink(f"/proc/{pid}/root") if self.rooted else "/"
                if not raw.startswith(b"/"):
                    raw = self.base(pid, directory) + b"/" + raw
                elif root != "/":
                    raw = os.fsencode(root) + raw
            except OSError:
                # A descriptor that is not open: the call fails with EBADF, and names nothing.
                return
        key = (row, speaker.argv0, raw)
        if key in self.seen:
            return
        if len(self.seen) >= MAX_SEEN:
            self.seen.clear()
        self.seen.add(key)
        self.say("access", self.number(pid, speaker), row, os.fsdecode(raw), root)

    @staticmethod
    def base(pid: int, directory: int | None) -> bytes:
        """Return the directory that a relative path of `pid` starts from, as the kernel names it."""
        low = None if directory is None else directory & 0xFFFFFFFF
        where = f"/proc/{pid}/cwd" if low is None or low == 0xFFFFFF9C else f"/proc/{pid}/fd/{low}"  # AT_FDCWD is -100
        return os.readlink(os.fsencode(where)).removesuffix(b" (deleted)")

    def meet(self, pid: int) -> Speaker:
        """Note who `pid` is, now that it does something for the first time since its exec."""
        try:
            with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
                argv0 = os.fsdecode(file.read(256).split(b"\0", 1)[0])
        except OSError:
            argv0 = ""
        if len(self.process) > MAX_SEEN:
            self.process.clear()
        speaker = self.process[pid] = Speaker(argv0)
        return speaker

    def number(self, pid: int, speaker: Speaker) -> int:
        """Return the number of a process in the messages, introducing it first if need be."""
        if not speaker.number:
            self.count += 1
            speaker.number = self.count
            self.say("process", self.count, pid, speaker.argv0)
        return speaker.number

    def forked(self, pid: int) -> None:
        """Let the child of `pid` have its name until it execs: cheaper than to ask /proc."""
        speaker = self.process.get(pid)
        if speaker is not None:
            self.process.setdefault(binding.ptrace_geteventmsg(pid), Speaker(speaker.argv0))

    def executed(self, pid: int) -> None:
        """Note that `pid` runs another program now, and whether no_new_privs took rights from it."""
        self.process.pop(pid, None)
        if self.program and gains_rights(pid):
            self.say("rights", self.number(pid, self.meet(pid)), os.readlink(f"/proc/{pid}/exe"))

    def special(self, pid: int, name: str, fields: tuple[int, ...]) -> None:
        if name in ROOT_CALLS:
            self.rooted = True
        elif name == "ptrace" and fields[5] in (0, 16, PTRACE_SEIZE):  # TRACEME, ATTACH
            self.say("ptrace", self.number(pid, self.process.get(pid) or self.meet(pid)))

    # -- a tracee's memory ------------------------------------------------------------------------------------------

    def peek(self, pid: int, address: int, size: int) -> bytes:
        """Return up to `size` bytes of the tracee's memory. See process_vm_readv(2): no descriptor to open and close."""
        pack_iovec(self.remote, 0, address, size)
        pack_iovec(self.local, 0, self.block_at, size)
        got = process_vm_readv(pid, self.local_at, 1, self.remote_at, 1, 0)
        if got < 0:
            raise OSError(ctypes.get_errno(), "process_vm_readv")
        return ctypes.string_at(self.block_at, got)

    def string(self, pid: int, address: int) -> bytes:
        """Return the NUL-terminated string at `address`; b"" when it is longer than PATH_MAX, as the kernel refuses it.

        Never reads over the end of a page unless the string does: what lies behind may not be mapped.
        """
        block = min(SHORT, PAGE - address % PAGE)
        data = self.peek(pid, address, block)
        end = data.find(b"\0")
        while end < 0 and len(data) < PATH_MAX and block:
            at = address + len(data)
            block = min(PATH_MAX - len(data), PAGE - at % PAGE)
            more = self.peek(pid, at, block)
            if not more:
                break
            data += more
            end = data.find(b"\0")
        return data[:end] if end > 0 else b""

    def socket(self, pid: int, fields: tuple[int, ...]) -> bytes:
        """Return the path of a struct sockaddr_un (unix(7)); b"" for other families and abstract names."""
        data = self.peek(pid, fields[6], min(fields[7] & 0xFFFFFFFF, 110))
        if len(data) < 3 or int.from_bytes(data[:2], "little") != AF_UNIX:
            return b""
        return data[2:].split(b"\0", 1)[0]

    # -- the gate ---------------------------------------------------------------------------------------------------

    def attach(self, pid: int) -> None:
        """Seize the process in the gate, install the filter in it, and make it execve its program."""
        ptrace(PTRACE_SEIZE, pid, 0, OPTIONS)
        ptrace(PTRACE_INTERRUPT, pid)
        self.wait_stop(pid)
        registers = ptrace_getregs(pid)
        if not self.gate.holds(instruction_pointer(registers)):
            raise Refused(errno.EBUSY, "the process is not at the gate")
        self.roots.add(pid)
        self.process[pid] = Speaker("docker")
        if self.program:
            self.install_filter(pid, stack_pointer(registers))
        self.execute(pid, stack_pointer(registers))
        self.executed(pid)
        if self.detach:
            self.roots.discard(pid)
            ptrace(binding.PTRACE_DETACH, pid, 0, 0)
        else:
            ptrace(self.go, pid, 0, 0)

    def install_filter(self, pid: int, stack: int) -> None:
        # Far enough below the stack pointer not to touch argv, and within what execve(2) mapped (128 KiB).
        at = (stack - 0x8000) & ~0xF
        poke(pid, at, self.program)
        poke(pid, at - 0x40, struct.pack("<HxxxxxxQ", len(self.program) // 8, at))
        for name, arguments in (
            ("prctl", (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)),
            ("seccomp", (SECCOMP_SET_MODE_FILTER, 0, at - 0x40)),
        ):
            result = self.inject(pid, self.calls[name], arguments)
            if result:
                raise Refused(-result, f"{name}: {os.strerror(-result)}")

    def execute(self, pid: int, stack: int) -> None:
        """Make `pid` execve the argv behind the gate's own, looked up in its PATH as runc would (execvp(3))."""
        (argc,) = struct.unpack("<Q", self.peek(pid, stack, 8))
        argv, envp = stack + 16, stack + 8 + (argc + 1) * 8
        (name_at,) = struct.unpack("<Q", self.peek(pid, argv, 8))
        name = self.string(pid, name_at)
        if argc < 2 or not name:
            raise Refused(errno.ENOENT, "no command")
        scratch = (stack - 0x4000) & ~0xF
        failure = errno.ENOENT
        for candidate in candidates(name, self.environment(pid).get(b"PATH", DEFAULT_PATH.encode())):
            poke(pid, scratch, candidate + b"\0")
            result = self.inject(pid, self.calls["execve"], (scratch, argv, envp))
            if result == 0:
                return
            if -result not in (errno.ENOENT, errno.ENOTDIR) and failure == errno.ENOENT:
                failure = -result
        raise Refused(failure, f"exec {os.fsdecode(name)}: {os.strerror(failure)}")

    @staticmethod
    def environment(pid: int) -> dict[bytes, bytes]:
        with open(f"/proc/{pid}/environ", "rb") as file:
            pairs = [item.partition(b"=") for item in file.read().split(b"\0") if item]
        return {name: value for name, _, value in reversed(pairs)}

    def inject(self, pid: int, number: int, arguments: tuple[int, ...]) -> int:
        """Make the stopped `pid` do one system call at the gate's instruction; return its result (-errno on failure)."""
        registers = ptrace_getregs(pid)
        prepare(registers, self.gate.syscall_address, number, arguments)
        ptrace_setregs(pid, registers)
        while True:
            ptrace(PTRACE_SYSCALL, pid, 0, 0)
            status = self.wait_stop(pid)
            if status >> 16 == PTRACE_EVENT_EXEC:
                return 0
            if status >> 16 == PTRACE_EVENT_SECCOMP:
                self.entered(pid)
                continue
            if os.WSTOPSIG(status) == SYSCALL_STOP:
                ptrace(PTRACE_GET_SYSCALL_INFO, pid, INFO.size, self.info_at)
                if INFO.unpack_from(self.info)[0] == PTRACE_SYSCALL_INFO_EXIT:
                    return result_of(ptrace_getregs(pid))
                if not self.program and number == self.calls["execve"]:
                    self.entered(pid)

    @staticmethod
    def wait_stop(pid: int) -> int:
        _, status = os.waitpid(pid, binding.THREAD_TRACE_FLAGS)
        if not os.WIFSTOPPED(status):
            raise Refused(errno.ESRCH, "the process ended at the gate")
        return status


def poke(pid: int, address: int, data: bytes) -> None:
    """Write into the memory of a stopped tracee. See proc_pid_mem(5)."""
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(address)
        memory.write(data)


def candidates(name: bytes, path: bytes) -> list[bytes]:
    if b"/" in name:
        return [name]
    return [(directory or b".") + b"/" + name for directory in path.split(b":")]


def gains_rights(pid: int) -> bool:
    """Tell whether the program that `pid` runs would have got rights that no_new_privs kept from it (execve(2)).

    Asks /proc/PID/exe, which leads to the very file without a lookup in the container.
    """
    try:
        file = os.stat(f"/proc/{pid}/exe")
        set_uid, set_gid = file.st_mode & stat.S_ISUID, file.st_mode & stat.S_ISGID and file.st_mode & stat.S_IXGRP
        capable = CAPABILITY in os.listxattr(f"/proc/{pid}/exe")
        if not (set_uid or set_gid or capable):
            return False
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as lines:
            ids = dict(line.split(":", 1) for line in lines)
        uid, gid = int(ids["Uid"].split()[1]), int(ids["Gid"].split()[1])
        if (set_uid and uid != file.st_uid) or (set_gid and gid != file.st_gid):
            return True
        return bool(capable) and uid != 0
    except (OSError, KeyError, ValueError):
        return False


def instruction_pointer(registers: Any) -> int:
    return int(registers.pc if hasattr(registers, "pc") else registers.rip)


def stack_pointer(registers: Any) -> int:
    return int(registers.sp if hasattr(registers, "sp") else registers.rsp)


def result_of(registers: Any) -> int:
    value = int(registers.r0 if hasattr(registers, "r0") else registers.rax)
    return value - (1 << 64) if value >> 63 else value


def prepare(registers: Any, address: int, number: int, arguments: tuple[int, ...]) -> None:
    """Set the registers for a system call at `address` (syscall(2)), and cancel the restart of the interrupted one."""
    values = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    if hasattr(registers, "pc"):
        registers.pc, registers.r8 = address, number
        for index, value in enumerate(values):
            setattr(registers, f"r{index}", value)
        return
    registers.rip, registers.rax = address, number
    # Else the kernel sees an interrupted pause(2) and steps back to it: arch_do_signal_or_restart().
    registers.orig_rax = (1 << 64) - 1
    names = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
    for name, value in zip(names, values, strict=True):
        setattr(registers, name, value)


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGUSR1})
    # Ctrl-C goes to the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_blocking(0, False)
    options = sys.argv[1:]
    tracer = Tracer(
        machine=os.uname().machine, use_filter="--no-filter" not in options, detach="--detach" in options
    )
    tracer.say("ready")
    tracer.flush()
    tracer.run()


if __name__ == "__main__":
    main()
