"""Check whether this host meets the requirements of a run. Each requirement is tried, with advice if it fails."""

from __future__ import annotations

import ctypes.util
import os
import re
import shutil
import socket
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.kernel import checks
from docker_slim_plugin.workflows.plugin_copies import find_copies

OLDEST_ENGINE = (20, 10)
MIN_WATCHES = 65536
"""inotify watches that a large image needs, one for each directory."""
MIN_FREE_BYTES = 2 * 1000**3
"""Bytes that should be free on the file system of the engine's images."""
_ROOT_ADVICE = "run as root on the engine's own host (sudo docker slim ...), not in an unprivileged container"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one check."""

    name: str
    ok: bool
    required: bool
    """False if a run works without it, with limits."""
    detail: str
    """What was found."""
    fix: str = ""
    """What to do about it, in one line. Empty if the check passed."""


def check_host(global_options: Sequence[str] = ()) -> tuple[Check, ...]:
    """Return the results of all checks in a fixed order. Nothing is changed and no container is started."""
    return (
        _check_root(),
        _check_architecture(),
        _check_client(),
        *_check_engine(global_options),
        *_check_kernel(),
        _check_libseccomp(),
        _check_watches(),
        _check_copy(),
    )


def _make_check(name: str, ok: bool, detail: str, fix: str, *, required: bool = True) -> Check:  # noqa: FBT001
    return Check(name=name, ok=ok, required=required, detail=detail, fix="" if ok else fix)


def _check_root() -> Check:
    return _make_check("root", os.geteuid() == 0, f"uid {os.geteuid()}", "sudo docker slim ...")


def _check_architecture() -> Check:
    machine = os.uname().machine
    return _make_check("architecture", machine in ("x86_64", "aarch64"), machine, "use an x86_64 or aarch64 host")


def _check_client() -> Check:
    client = shutil.which(os.environ.get("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND") or "docker")
    fix = "apt-get install docker-cli, or docker.io"
    return _make_check("docker client", client is not None, client or "not in PATH", fix)


def _check_engine(global_options: Sequence[str]) -> Iterator[Check]:
    from docker_slim_plugin.engine.engine import Engine  # noqa: PLC0415 (the SDK: let the rest work without it)
    from docker_slim_plugin.engine.sdk_errors import translate_errors  # noqa: PLC0415 (the SDK: let the rest work without it)

    try:
        engine = Engine.connect(global_options)
        info: Mapping[str, Any] = translate_errors(engine.api.info)()
    except SlimError as error:
        yield _make_check("engine", ok=False, detail=str(error), fix=error.hint or "systemctl start docker")
        return
    version = str(info.get("ServerVersion", "?"))
    yield _make_check("engine", ok=True, detail=f"{version} at {engine.address}", fix="")
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    yield _make_check("engine version", numbers >= OLDEST_ENGINE, version, "upgrade the engine to 20.10 or later")
    yield _check_same_host(engine.address, info)
    yield _check_space(str(info.get("DockerRootDir", "")))


def _check_same_host(address: str, info: Mapping[str, Any]) -> Check:
    """Check that the engine's processes can be traced: it has the same kernel, and its pid is visible."""
    kernel = os.uname().release
    theirs = str(info.get("KernelVersion", kernel))
    pid = _peer_pid(address.removeprefix("unix://"))
    ok = theirs == kernel and pid > 0
    detail = (
        f"kernel {theirs}, pid {pid}" if ok else f"kernel {theirs} there, {kernel} here; its pid is {pid or 'hidden'}"
    )
    return _make_check(
        "engine on this host", ok, detail, "run docker slim on the engine's host (in a container: --pid=host)"
    )


def _peer_pid(path: str) -> int:
    """Return the pid of the process behind a unix socket (unix(7)), or 0 if it is in an invisible pid namespace."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except OSError:
        return 0
    return int(struct.unpack("3i", credentials)[0])


def _check_space(directory: str) -> Check:
    try:
        free = shutil.disk_usage(directory or "/").free
    except OSError as error:
        return _make_check("disk space", ok=False, detail=str(error), fix="docker info", required=False)
    detail = f"{free / 1000**3:.1f} GB free in {directory}"
    return _make_check("disk space", free >= MIN_FREE_BYTES, detail, "docker system prune", required=False)


def _check_kernel() -> Iterator[Check]:
    scope = _read("/proc/sys/kernel/yama/ptrace_scope") or "absent"
    yama = "sysctl kernel.yama.ptrace_scope=1 (3 lasts until the next boot)" if scope == "3" else _ROOT_ADVICE
    yield _try_call("ptrace", checks.check_ptrace_seize, f"allowed (yama: {scope})", yama)
    newer = f"Linux 5.12 or later; {_ROOT_ADVICE}"
    yield _try_call("mounts", checks.check_mount_clone, "open_tree, mount_setattr and openat2 allowed", newer)
    slower = "works without, but slower: --tracer syscall"
    yield _try_call("seccomp", checks.check_seccomp_trace, "SECCOMP_RET_TRACE known", slower, required=False)
    lesser = f"{_ROOT_ADVICE}; inotify is used instead"
    yield _try_call("fanotify", checks.check_fanotify_mark, "FAN_MARK_FILESYSTEM allowed", lesser, required=False)


def _try_call(name: str, attempt: Callable[[], None], detail: str, fix: str, *, required: bool = True) -> Check:
    try:
        attempt()
    except OSError as error:
        return _make_check(name, ok=False, detail=error.strerror or str(error), fix=fix, required=required)
    return _make_check(name, ok=True, detail=detail, fix="", required=required)


def _check_libseccomp() -> Check:
    library = ctypes.util.find_library("seccomp")
    return _make_check("libseccomp", library is not None, library or "not found", "apt-get install libseccomp2")


def _check_watches() -> Check:
    allowed = _read("/proc/sys/fs/inotify/max_user_watches") or "0"
    fix = f"sysctl fs.inotify.max_user_watches={MIN_WATCHES}"
    return _make_check("inotify watches", int(allowed) >= MIN_WATCHES, allowed, fix, required=False)


def _check_copy() -> Check:
    """Check that docker starts the copy of docker slim that runs now."""
    found = find_copies()
    detail = f"{found.version} in {found.directory}, by {found.installed_by}"
    if others := found.others:
        detail += f"; another copy: {', '.join(others)}"
    fix = f"remove {found.launchers[0].path}, which docker starts in place of this copy" if not found.is_first else ""
    return _make_check("this copy", not fix, detail, fix, required=False)


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
