"""The channel to the reader process (reader_program.py): requests, responses and open files."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from typing import BinaryIO

from docker_slim_plugin.host import descriptor_passing
from docker_slim_plugin.model.entry import RootPath


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

    def request(self, request: bytes, *descriptor: int) -> tuple[str, int | None]:
        """Send a request; return the response and the descriptor in it. OSError if the process met one."""
        try:
            descriptor_passing.send(self.socket, request, *descriptor)
            data, found = descriptor_passing.receive_one(self.socket)
        except (BrokenPipeError, ConnectionResetError, TimeoutError) as error:
            raise ReaderExited from error
        if not data:
            raise ReaderExited
        text = data.decode("utf-8", "replace")
        if text.startswith("error "):
            number, _, message = text.removeprefix("error ").partition(" ")
            raise OSError(int(number) if number.isdecimal() else errno.EIO, message)
        return text, found
