"""A channel to the process that reads an image's tree (reader_program.py): requests, answers, and open files."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from typing import BinaryIO

from docker_slim_plugin.host import descriptor_passing
from docker_slim_plugin.model.entry import RootPath


class ReaderExited(EOFError):
    """The process at the other end is no more, or does not answer."""


@dataclass(frozen=True, slots=True)
class TreeChannel:
    """One end of a channel; the `Reader` of a `Rootfs`."""

    socket: socket.socket

    def open(self, path: RootPath) -> BinaryIO:
        """Return the regular file at `path`, open to be read; OSError when it cannot be, Ended."""
        _, file = self.request(b"open " + os.fsencode(path))
        if file is None:
            raise ReaderExited
        return open(file, "rb")

    def request(self, request: bytes, *descriptor: int) -> tuple[str, int | None]:
        """Send a request; return the answer, and the descriptor that came with it. OSError as the process met it."""
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
