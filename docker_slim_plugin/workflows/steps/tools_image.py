"""Make the image of the tools for `debug`: this host's static busybox, links for its applets, nothing else."""

from __future__ import annotations

import io
import posixpath
import tarfile

from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.platform import architecture
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.plan import Busybox
from docker_slim_plugin.workflows.steps.shell import HOST, MACHINES, find_on_host

FORM = "tools"
PROGRAM = "/bin/busybox"
SHELL = "/bin/sh"


def import_tools(engine: Engine) -> None:
    """Import the image of the tools with its temporary name; SlimError if this host has no static busybox."""
    busybox = find_on_host(MACHINES.get(architecture(), ""))
    if busybox is None:
        raise SlimError(
            f"cannot find tools: there is no static {HOST[0]} on this host",
            hint="apt-get install busybox-static, or --image busybox",
        )
    engine.import_tar(io.BytesIO(make_tar(busybox)), form=FORM)


def make_tar(busybox: Busybox) -> bytes:
    """Return the files of the image: the program, and its applets as symlinks."""
    links = sorted({posixpath.normpath(path) for path in (*busybox.applets, SHELL)} - {PROGRAM})
    folders = sorted({posixpath.dirname(path) for path in (PROGRAM, *links)} | {"/usr"})
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in (one for one in folders if one != "/"):
            tar.addfile(_member(folder, tarfile.DIRTYPE, 0o755))
        tar.addfile(_member("/tmp", tarfile.DIRTYPE, 0o1777))  # noqa: S108
        program = _member(PROGRAM, tarfile.REGTYPE, 0o755)
        program.size = len(busybox.content)
        tar.addfile(program, io.BytesIO(busybox.content))
        for path in links:
            link = _member(path, tarfile.SYMTYPE, 0o777)
            link.linkname = PROGRAM
            tar.addfile(link)
    return out.getvalue()


def _member(path: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path[1:])
    member.type, member.mode = kind, mode
    return member
