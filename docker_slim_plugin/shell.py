"""Where `--shell busybox` comes from: a local image of that name, else the static program of the host."""

from __future__ import annotations

import io
import os
import stat
import subprocess

from docker_slim_plugin.engine import Engine, is_native
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model import Busybox, EntryKind, RootPath, SourceImage
from docker_slim_plugin.pristine import PristineTree
from docker_slim_plugin.resolve import elf
from docker_slim_plugin.rootfs import Rootfs

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
"""Machines of ELF by GOARCH."""
HOST = ("/bin/busybox", "/usr/bin/busybox")
NAME = "busybox"
_LARGEST = 64 << 20
_NS = 10**9


def find(engine: Engine, source: SourceImage, shell: str) -> Busybox:
    """Return a static busybox for the machine of `source`: an image's, if there is one of the name `shell`."""
    machine = MACHINES.get(source.architecture, "")
    image = engine.find(shell)
    if image:
        found = _in_image(engine, image, machine)
        if found is None:
            raise SlimError(
                f"cannot add a shell: the image {shell} has no static busybox for {source.architecture}",
                hint=f"docker pull --platform linux/{source.architecture} {NAME}:musl, and --shell {NAME}:musl",
            )
        return found
    host = _on_host(machine) if shell == NAME and is_native(source) else None
    if host is None:
        here = f", and no static {HOST[0]} on this host" if shell == NAME else ""
        more = f", or apt-get install busybox-static and --shell {NAME}" if is_native(source) else ""
        raise SlimError(
            f"cannot add a shell for {source.architecture}: there is no image {shell} here{here}",
            hint=f"docker pull {shell}{more}",
        )
    return host


def _in_image(engine: Engine, image: SourceImage, machine: str) -> Busybox | None:
    with PristineTree(engine, image) as tree:
        rootfs, _ = tree.wait()
        for entry in rootfs.entries.values():
            if entry.kind is not EntryKind.FILE or not entry.path.endswith(f"/{NAME}") or entry.size > _LARGEST:
                continue
            content = rootfs.read(entry.path)
            if _is_fit(content, machine):
                mtime = entry.mtime_ns // _NS * _NS
                return Busybox(
                    content=content,
                    mtime_ns=mtime,
                    applets=_names(rootfs, entry.path),
                    origin=f"image {image.reference}",
                )
    return None


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


def _on_host(machine: str) -> Busybox | None:
    for path in HOST:
        try:
            with open(path, "rb") as file:
                status = os.fstat(file.fileno())
                content = file.read(_LARGEST)
        except OSError:
            continue
        # It is asked for its applets, so it must be the administrator's own.
        if not _is_fit(content, machine) or status.st_uid != 0 or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            continue
        listed = subprocess.run([path, "--list-full"], check=False, capture_output=True, text=True, timeout=20)
        applets = tuple(sorted(f"/{name}" for name in listed.stdout.split()))
        mtime = status.st_mtime_ns // _NS * _NS
        return Busybox(content=content, mtime_ns=mtime, applets=applets, origin=f"this host's {path}")
    return None


def _is_fit(content: bytes, machine: str) -> bool:
    """Tell whether it is a static program for the machine."""
    try:
        found = elf.read(io.BytesIO(content))
    except elf.MalformedElf:
        return False
    return found.is_static and found.machine == machine
