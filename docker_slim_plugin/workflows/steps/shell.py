"""Find the busybox for `--shell` and `debug`: in a local image of that name, else the host's static program."""

from __future__ import annotations

import io
import os
import stat
import subprocess

from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.platform import is_native
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.plan import Busybox
from docker_slim_plugin.resolve.programs import find_static_program, is_static
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.pristine import PristineTree
from docker_slim_plugin.rootfs.sandbox import Sandbox

MACHINES = {
    "386": "EM_386",
    "amd64": "EM_X86_64",
    "arm": "EM_ARM",
    "arm64": "EM_AARCH64",
    "loong64": "EM_LOONGARCH",
    "ppc64le": "EM_PPC64",
    "riscv64": "EM_RISCV",
    "s390x": "EM_S390",
}
"""ELF machines by GOARCH."""
HOST = ("/bin/busybox", "/usr/bin/busybox")
NAME = "busybox"
_LARGEST = 64 << 20
_NS = 10**9


def find_busybox(engine: Engine, source: SourceImage, shell: str, sandbox: Sandbox) -> Busybox:
    """Return a static busybox for the machine of `source`: that of the image `shell` if it exists, else the host's."""
    machine = MACHINES.get(source.architecture, "")
    image = engine.find(shell)
    if image:
        found = _in_image(engine, image, machine, sandbox)
        if found is None:
            raise SlimError(
                f"cannot add a shell: the image {shell} has no static busybox for {source.architecture}",
                hint=f"docker pull --platform linux/{source.architecture} {NAME}:musl, and --shell {NAME}:musl",
            )
        return found
    host = find_on_host(machine) if shell == NAME and is_native(source) else None
    if host is None:
        here = f", and no static {HOST[0]} on this host" if shell == NAME else ""
        more = f", or apt-get install busybox-static and --shell {NAME}" if is_native(source) else ""
        raise SlimError(
            f"cannot add a shell for {source.architecture}: there is no image {shell} here{here}",
            hint=f"docker pull {shell}{more}",
        )
    return host


def _in_image(engine: Engine, image: SourceImage, machine: str, sandbox: Sandbox) -> Busybox | None:
    with PristineTree(engine, image, sandbox) as tree:
        rootfs, _ = tree.wait()
        path = sandbox.call(find_static_program, rootfs, NAME, machine, _LARGEST)
        if path is None or path not in rootfs.entries:
            return None
        return Busybox(
            content=rootfs.read(path),
            mtime_ns=rootfs.entries[path].mtime_ns // _NS * _NS,
            applets=_names(rootfs, path),
            origin=f"image {image.reference}",
        )


def _names(rootfs: Rootfs, path: RootPath) -> tuple[str, ...]:
    """Return all other names of a program: hard links and symlinks."""
    entry = rootfs.entries[path]
    same = {
        other.path
        for other in rootfs.entries.values()
        if (other.inode and other.inode == entry.inode and other.links > 1)
        or (other.kind is EntryKind.SYMLINK and rootfs.walk(other.path).end == path)
    }
    return tuple(sorted(same - {path}))


def find_on_host(machine: str) -> Busybox | None:
    """Return this host's static busybox for an ELF machine, if root alone can write it."""
    for path in HOST:
        try:
            with open(path, "rb") as file:
                status = os.fstat(file.fileno())
                content = file.read(_LARGEST)
        except OSError:
            continue
        # It is executed to list its applets, so it must belong to root and be writable by nobody else.
        is_own = status.st_uid == 0 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if not is_own or not is_static(io.BytesIO(content), machine):
            continue
        listed = subprocess.run([path, "--list-full"], check=False, capture_output=True, text=True, timeout=20)
        applets = tuple(sorted(f"/{name}" for name in listed.stdout.split()))
        mtime = status.st_mtime_ns // _NS * _NS
        return Busybox(content=content, mtime_ns=mtime, applets=applets, origin=f"this host's {path}")
    return None
