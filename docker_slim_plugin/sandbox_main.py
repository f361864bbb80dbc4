"""The program of the sandbox process, which parses foreign bytes: package databases, ELF files, scripts, pages.

    python -m docker_slim_plugin.sandbox_main SOCKET SECONDS PARENT

A seccomp filter allows it to compute and to answer (host/confinement.py). Files of the image arrive as open descriptors
from the tree reader. All modules are imported before the first request; a later import ends the process.

A message is a length and that many bytes. Requests are pickles. ("tree", size, corrections) comes with two descriptors:
an index, and a channel to the tree's files. ("file",) comes with one: of a file. ("call", "module:function", arguments,
keyword arguments) is answered by a JSON record, rootfs/sandbox.py Answer.
"""

from __future__ import annotations

import gc
import io
import os
import pickle
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, BinaryIO

from docker_slim_plugin import typed_json
from docker_slim_plugin.base.dpkg_selections import read_installed
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import descriptor_passing
from docker_slim_plugin.host.confinement import confine
from docker_slim_plugin.observe.probes.crontab import read_jobs
from docker_slim_plugin.observe.probes.links import links
from docker_slim_plugin.observe.probes.net_log import read_net_log
from docker_slim_plugin.profile.imports import find_imports
from docker_slim_plugin.resolve.elf.name_lookups import find_name_lookups
from docker_slim_plugin.resolve.image_config import has_user
from docker_slim_plugin.resolve.inventory.collect import read_inventory
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.metadata.merge import merge_metadata
from docker_slim_plugin.resolve.packages.os_release import read_distribution
from docker_slim_plugin.resolve.programs import find_static_program
from docker_slim_plugin.resolve.resolution import resolve_compact
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.index_decoding import Corrections, read_index
from docker_slim_plugin.rootfs.reader_channel import ReaderExited, TreeChannel
from docker_slim_plugin.rootfs.sandbox import LENGTH_PREFIX, CallResult
from docker_slim_plugin.sbom.findings import read_findings
from docker_slim_plugin.xray.contents import examine
from docker_slim_plugin.xray.layers import read_layers

FUNCTIONS: tuple[Callable[..., Any], ...] = (
    resolve_compact,
    read_distribution,
    has_user,
    read_installed,
    links,
    read_jobs,
    read_net_log,
    ownership.read,
    find_static_program,
    find_name_lookups,
    merge_metadata,
    find_imports,
    read_layers,
    examine,
    read_inventory,
    read_findings,
)
"""The functions that main may call."""
FORBIDDEN = ("import", "open", "os.", "subprocess.", "socket.connect", "socket.bind", "ctypes.dlopen", "shutil.")
"""Prefixes of audit events that end the process. The seccomp filter refuses the system calls behind them as well."""
REFUSED = 70


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    by_name = {f"{one.__module__}:{one.__qualname__}": one for one in FUNCTIONS}
    sys.excepthook = _report
    confine(int(sys.argv[2]), int(sys.argv[3]))
    sys.addaudithook(_audit)
    gc.set_threshold(100_000)
    trees: list[Rootfs] = []
    files: list[BinaryIO] = []
    while request := _received(channel):
        data, handed = request
        verb, *arguments = _Unpickler(io.BytesIO(data), trees, files).load()
        if verb == "tree":
            trees.append(_tree(handed, *arguments))
        elif verb == "file":
            files.append(open(handed[0], "rb"))  # noqa: SIM115 (until this process ends)
        else:
            name, given, named = arguments
            answer = typed_json.to_json(_called(by_name[name], given, named)).encode("ascii")
            channel.sendall(LENGTH_PREFIX.pack(len(answer)) + answer)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith(FORBIDDEN) and not (event == "open" and isinstance(arguments[0], int)):
        os.write(2, f"\nrefused: {event} {arguments!r}\n".encode("ascii", "replace")[:1000])
        os._exit(REFUSED)


def _received(channel: socket.socket) -> tuple[bytearray, tuple[int, ...]] | None:
    head, handed = descriptor_passing.receive(channel, LENGTH_PREFIX.size)
    while 0 < len(head) < LENGTH_PREFIX.size:
        head += channel.recv(LENGTH_PREFIX.size - len(head))
    if not head:
        return None
    (size,) = LENGTH_PREFIX.unpack(head)
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        got = channel.recv_into(view[at:])
        if not got:
            return None
        at += got
    return data, handed


def _tree(handed: Sequence[int], size: int, corrections: Corrections) -> Rootfs:
    memory, files = handed
    entries = corrections.apply(read_index(memory, size))
    os.close(memory)
    # Without family and type, Python would ask the kernel for them; the filter allows no such call.
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=files)
    return Rootfs.by_path(entries, TreeChannel(channel))


def _called(function: Callable[..., Any], arguments: Sequence[Any], named: dict[str, Any]) -> CallResult:
    try:
        value = function(*arguments, **named)
        return CallResult(typed_json.to_plain(value), "", "", "")
    except SlimError as error:
        return CallResult(None, "cannot", str(error), error.hint)
    except ReaderExited:
        return CallResult(None, "cannot", "cannot read the image's files: the process that reads them has ended", "")
    except MemoryError:
        return CallResult(None, "cannot", "cannot read the image: its files take too much memory", "")
    except Exception as error:  # noqa: BLE001 (a bug: main raises it again)
        return CallResult(None, "bug", described(error), "")


def _report(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
    os.write(2, described(error).encode("ascii", "backslashreplace"))


def described(error: BaseException) -> str:
    """Return an error with its stack, without lines of source: this process cannot open files."""
    places = [
        f"  {frame.f_code.co_filename}:{line} in {frame.f_code.co_name}\n"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return f"{''.join(places)}{type(error).__name__}: {error}"


class _Unpickler(pickle.Unpickler):
    """Resolves the trees and files that requests name. Requests come from main: foreign data is never unpickled."""

    def __init__(self, file: io.BytesIO, trees: Sequence[Rootfs], files: Sequence[BinaryIO]) -> None:
        super().__init__(file)
        self._known: dict[str, Sequence[Any]] = {"tree": trees, "file": files}

    def persistent_load(self, pid: Any) -> Any:
        kind, number = pid
        return self._known[kind][number]


if __name__ == "__main__":
    main()
