"""The client of the sandbox, the process that parses untrusted input: starts it, sends trees and calls, and ends it.

Requests are pickled: they are ours. Results are JSON, and each value is validated (typed_json.py), because a process
that has read a hostile file may return anything.
"""

from __future__ import annotations

import io
import os
import pickle
import signal
import socket
import struct
import subprocess
import threading
import time
import typing
from collections.abc import Callable
from types import TracebackType
from typing import Any, BinaryIO, ParamSpec, Protocol, Self, TypeVar

from docker_slim_plugin import typed_json
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import child_process, descriptor_passing
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.index_decoding import Corrections
from docker_slim_plugin.rootfs.reader_client import TreeProcess, exit_description

MAX_RESULT = 1 << 30
"""Maximum size of a result in bytes; the plan of an image of 1,000,000 files is about 200 MB."""
BASE_RESULT_BYTES, RESULT_BYTES_PER_NAME = 64 << 20, 4096
"""Maximum size of a result without any tree, and for each name in a tree, in addition to twice the file's size."""
BASE_RESULT_VALUES, RESULT_VALUES_PER_NAME = 1_000_000, 64
"""Maximum number of JSON values in a result, likewise: three bytes of text make an object of 64 bytes."""
MAX_TEXT = 10_000
"""Maximum length of an error in characters."""
MAX_STDERR = 4000
"""Bytes of standard error to read when the process fails; the last line is shown."""
LENGTH_PREFIX = struct.Struct("<Q")
"""The length in bytes before each message."""
SECONDS = 300.0
_BLOCK = 1 << 20
P = ParamSpec("P")
T = TypeVar("T")


class Caller(Protocol):
    """Calls functions that parse untrusted input, in this or another process."""

    def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Return the function's result."""
        ...


class SandboxFailed(RuntimeError):
    """A bug in the sandbox process; the text is its traceback."""


class CallResult(typing.NamedTuple):
    """The result of one call."""

    value: Any
    error: str
    """"", "cannot" (an error for the user) or "bug"."""
    text: str
    hint: str


class Sandbox:
    """The sandbox process (sandbox_main.py); a context manager.

    Its functions are called like local ones; trees and files that it knows are passed by reference.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        """Maximum seconds of one call, and of CPU time for all calls together."""
        self._lock = threading.Lock()
        self._trees: list[Rootfs] = []
        self._files: list[BinaryIO] = []
        self._max_result = BASE_RESULT_BYTES
        self._max_values = BASE_RESULT_VALUES

    def __enter__(self) -> Self:
        self._channel, child_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        arguments = [child_end.fileno(), int(self.seconds) + 1, os.getpid()]
        self._process = child_process.start(
            "sandbox_main", arguments, descriptors=[child_end.fileno()], stderr=subprocess.PIPE
        )
        child_end.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def add_tree(self, rootfs: Rootfs, process: TreeProcess, index: tuple[int, int], corrections: Corrections) -> None:
        """Make the tree `rootfs` known to the process: a descriptor and the size of its index, and the corrections."""
        with self._lock:
            memory, size = index
            deadline = time.monotonic() + self.seconds
            self._send(deadline, ("tree", size, corrections), memory, process.files.fileno())
            self._trees.append(rootfs)
            names = rootfs.entries.values()
            self._max_result = min(
                MAX_RESULT, self._max_result + sum(RESULT_BYTES_PER_NAME + 2 * one.size for one in names)
            )
            self._max_values += RESULT_VALUES_PER_NAME * len(names)

    def add_file(self, file: BinaryIO) -> None:
        """Make an open file known to the process, which shares its position and can only read it."""
        with self._lock:
            self._send(time.monotonic() + self.seconds, ("file",), file.fileno())
            self._files.append(file)

    def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call `function` in the process; return its result. SlimError when it raises one, fails, or takes too long."""
        name = f"{function.__module__}:{function.__qualname__}"
        with self._lock:
            deadline = time.monotonic() + self.seconds
            self._send(deadline, ("call", name, arguments, named))
            try:
                found = typed_json.from_json(CallResult, self._receive(deadline))
                if found.error == "cannot":
                    raise SlimError(_printable(found.text), hint=_printable(found.hint))
                if found.error:
                    raise SandboxFailed("\n".join(map(_printable, found.text[-MAX_TEXT:].split("\n"))))
                wanted: type[T] = typing.get_type_hints(function)["return"]
                return typed_json.from_plain(wanted, found.value)
            except typed_json.Malformed as error:
                raise SlimError(f"cannot use the result of the process that parses the image: {error}") from error

    def _send(self, deadline: float, request: object, *descriptors: int) -> None:
        buffer = io.BytesIO()
        _Pickler(buffer, self._trees, self._files).dump(request)
        data = buffer.getbuffer()
        try:
            # The process may not read what is sent.
            self._channel.settimeout(max(0.001, deadline - time.monotonic()))
            descriptor_passing.send(self._channel, LENGTH_PREFIX.pack(len(data)), *descriptors)
            self._channel.sendall(data)
        except TimeoutError as error:
            self._process.kill()
            raise self._timeout_error() from error
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._exit_error() from error
        finally:
            self._channel.settimeout(None)

    def _receive(self, deadline: float) -> str:
        """Return one message; SlimError at the deadline or when the process exits, Malformed when it is too large."""
        (size,) = LENGTH_PREFIX.unpack(self._receive_exactly(LENGTH_PREFIX.size, deadline))
        if size > self._max_result:
            raise typed_json.Malformed("it is too long")
        data = bytearray()
        while len(data) < size:
            data += self._receive_exactly(min(_BLOCK, size - len(data)), deadline)
        if sum(map(data.count, (b",", b"[", b"{"))) > self._max_values:
            raise typed_json.Malformed("it has too many values")
        try:
            return data.decode("ascii")
        except UnicodeDecodeError as error:
            raise typed_json.Malformed("it is not JSON") from error

    def _receive_exactly(self, size: int, deadline: float) -> bytes:
        data = b""
        try:
            while len(data) < size:
                self._channel.settimeout(max(0.001, deadline - time.monotonic()))
                block = self._channel.recv(size - len(data))
                if not block:
                    raise self._exit_error()
                data += block
        except TimeoutError as error:
            self._process.kill()
            raise self._timeout_error() from error
        except ConnectionResetError as error:
            raise self._exit_error() from error
        finally:
            self._channel.settimeout(None)
        return data

    def _timeout_error(self) -> SlimError:
        text = f"cannot finish reading the image: it takes more than {self.seconds:.0f} s"
        return SlimError(text, hint="--timeout SECONDS")

    def _exit_error(self) -> SlimError:
        """Return an error that tells how the process has ended."""
        how = exit_description(self._process)
        if self._process.returncode == -signal.SIGXCPU:
            return self._timeout_error()
        assert self._process.stderr is not None
        stderr = os.read(self._process.stderr.fileno(), MAX_STDERR).decode("utf-8", "replace").strip().splitlines()
        words = f": {_printable(stderr[-1])}" if stderr else ""
        return SlimError(f"cannot read the image: the process that parses its files {how}{words}")


def _printable(text: str) -> str:
    """Return text as one line of limited length without control characters."""
    text = text[:MAX_TEXT]
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


class _Pickler(pickle.Pickler):
    """Replaces trees and files that the process knows by references."""

    def __init__(self, file: io.BytesIO, trees: list[Rootfs], files: list[BinaryIO]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._trees, self._files = trees, files

    def persistent_id(self, item: Any) -> tuple[str, int] | None:
        if isinstance(item, Rootfs):
            return "tree", next(number for number, tree in enumerate(self._trees) if tree is item)
        if isinstance(item, io.IOBase):
            return "file", next(number for number, file in enumerate(self._files) if file is item)
        return None
