"""The channel to the reader process (reader_program.py): requests, responses and open files."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from docker_slim_plugin.host import descriptor_passing
from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.rootfs.index import MAX_OPEN

MAX_PACKET = 32 << 10
"""Bytes of paths in one request."""


class ReaderExited(EOFError):
    """The process at the other end has exited, or does not respond."""


@dataclass(frozen=True, slots=True)
class TreeChannel:
    """One end of the channel; the `Reader` of a `Rootfs`."""

    socket: socket.socket

    def open(self, path: RootPath) -> BinaryIO:
        """Return the regular file at `path`, open for reading; OSError when that fails, ReaderExited."""
        _, file = self.request(b"open " + os.fsencode(path))
        if file is None:
            raise ReaderExited
        return open(file, "rb")

    def open_many(self, paths: Sequence[RootPath]) -> dict[RootPath, BinaryIO]:
        """Return those of at most MAX_OPEN files that can be opened; ReaderExited."""
        opened: dict[RootPath, BinaryIO] = {}
        for part in _packets(paths):
            text, found = self._exchange(b"open-many " + b"\0".join(map(os.fsencode, part)))
            flags = text.removeprefix("opened ")
            if len(flags) != len(part) or flags.count("1") != len(found):
                _close(found)
                raise ReaderExited
            names = (path for path, flag in zip(part, flags, strict=True) if flag == "1")
            opened |= {path: os.fdopen(descriptor, "rb") for path, descriptor in zip(names, found, strict=True)}
        return opened

    def request(self, request: bytes, *descriptor: int) -> tuple[str, int | None]:
        """Send a request; return the response and the descriptor in it. OSError if the process met one."""
        text, found = self._exchange(request, *descriptor)
        _close(found[1:])
        return text, found[0] if found else None

    def _exchange(self, request: bytes, *descriptor: int) -> tuple[str, tuple[int, ...]]:
        try:
            descriptor_passing.send(self.socket, request, *descriptor)
            data, found = descriptor_passing.receive(self.socket, most=MAX_OPEN)
        except (BrokenPipeError, ConnectionResetError, TimeoutError) as error:
            raise ReaderExited from error
        if not data:
            raise ReaderExited
        text = data.decode("utf-8", "replace")
        if text.startswith("error "):
            _close(found)
            number, _, message = text.removeprefix("error ").partition(" ")
            raise OSError(int(number) if number.isdecimal() else errno.EIO, message)
        return text, found


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _packets(paths: Sequence[RootPath]) -> Iterator[list[RootPath]]:
    """Yield the paths in parts that fit into one packet each."""
    part: list[RootPath] = []
    size = 0
    for path in paths:
        size += len(os.fsencode(path)) + 1
        if part and size > MAX_PACKET:
            yield part
            part, size = [], len(os.fsencode(path)) + 1
        part.append(path)
    if part:
        yield part
