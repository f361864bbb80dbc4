"""The client of the processes that read an image's tree: starts them, sends requests, and ends them."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import BinaryIO, Self

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import child_process, descriptor_passing
from docker_slim_plugin.model.entry import Entry, RootPath
from docker_slim_plugin.rootfs.index_decoding import read_index
from docker_slim_plugin.rootfs.reader_channel import ReaderExited, TreeChannel

_SECONDS = 20.0
"""Seconds for a response of the process that clones a mount."""
_READ_SECONDS = 600.0
"""Seconds for a response of the process that reads a tree, which may have millions of names."""


class TreeProcess:
    """A process that reads one tree (reader_program.py); a context manager, and the `Reader` of a `Rootfs`."""

    def __enter__(self) -> Self:
        ours, main_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_READ_SECONDS)
        self._channel = TreeChannel(ours)
        self.files, files_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        """A channel that only opens regular files, for another process."""
        self._clone_channel, clone = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        numbers = [main_end.fileno(), files_end.fileno()]
        # Both start now, to be ready when the container is.
        self._reader = child_process.start("rootfs.reader_program", numbers, descriptors=numbers)
        self._clone = child_process.start("rootfs.mount_clone", [clone.fileno()], descriptors=[clone.fileno()])
        for child_end in (main_end, files_end, clone):
            child_end.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for channel in (self._channel.socket, self.files, self._clone_channel):
            channel.close()
        for process in (self._reader, self._clone):
            process.kill()
            process.wait()

    def mount(self, pid: int) -> None:
        """Read the root mount of `pid`'s mount namespace from now on, without mounts on it; may be called once."""
        namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.path.samestat(os.fstat(namespace), os.stat("/proc/self/ns/mnt")):
                raise SlimError("cannot read the image's file system: its container is in the host's mount namespace")
            clone = self._clone_mount(namespace)
        finally:
            os.close(namespace)
        try:
            self._request(b"root", clone)
        finally:
            os.close(clone)

    def _clone_mount(self, namespace: int) -> int:
        self._clone_channel.settimeout(_SECONDS)
        try:
            descriptor_passing.send(self._clone_channel, b"namespace", namespace)
            data, clone = descriptor_passing.receive_one(self._clone_channel)
        except OSError:
            data, clone = b"", None
        if clone is None:
            number = int(data) if data.isdigit() else 0
            why = (
                os.strerror(number) if number else f"the process that clones its mount {exit_description(self._clone)}"
            )
            raise SlimError(f"cannot read the image's file system: {why}", hint="docker slim doctor")
        return clone

    def index(self) -> tuple[int, int]:
        """Return a descriptor of the tree's index, and its size in bytes; the caller closes the descriptor."""
        try:
            text, index = self._request(b"index")
        except OSError as error:
            raise SlimError(f"cannot read the image's file system: {error.strerror}", hint="docker info") from error
        size = text.removeprefix("size ")
        if index is None or not size.isdecimal():
            raise self._exit_error()
        return index, int(size)

    def entries(self) -> dict[RootPath, Entry]:
        """Return all entries of the tree by path, without corrections."""
        index, size = self.index()
        try:
            return read_index(index, size)
        finally:
            os.close(index)

    def open(self, path: RootPath) -> BinaryIO:
        try:
            return self._channel.open(path)
        except ReaderExited as error:
            raise self._exit_error() from error

    def open_many(self, paths: Sequence[RootPath]) -> dict[RootPath, BinaryIO]:
        try:
            return self._channel.open_many(paths)
        except ReaderExited as error:
            raise self._exit_error() from error

    def _request(self, request: bytes, *descriptor: int) -> tuple[str, int | None]:
        try:
            return self._channel.request(request, *descriptor)
        except ReaderExited as error:
            raise self._exit_error() from error

    def _exit_error(self) -> SlimError:
        return SlimError(f"cannot read the image's files: the process that reads them {exit_description(self._reader)}")


def exit_description(process: subprocess.Popen[bytes]) -> str:
    """Return a description of how a process has ended; kill it if it has not."""
    try:
        status = process.wait(1.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "does not answer"
    return f"was killed by signal {-status}" if status < 0 else f"has ended with status {status}"
