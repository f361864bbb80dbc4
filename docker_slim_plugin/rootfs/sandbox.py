"""The process in which foreign bytes are parsed, seen from our side: started, given trees, asked, ended.

What is sent there is pickled: it is ours. What comes back is JSON, and each value is checked (records.py): a process
that has read a hostile file may say anything.
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
from typing import Any, ParamSpec, Protocol, Self, TypeVar

from docker_slim_plugin import typed_json
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import child_process, descriptor_passing
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.index_decoding import Corrections
from docker_slim_plugin.rootfs.reader_client import TreeProcess, exit_description

MAX_RESULT = 1 << 30
"""Bytes of one answer; the plan of an image of 1,000,000 files takes about 200 MB."""
BASE_RESULT_BYTES, RESULT_BYTES_PER_NAME = 64 << 20, 4096
"""Bytes that an answer may have whatever trees are known, and more for each name in one, beside twice its content."""
BASE_RESULT_VALUES, RESULT_VALUES_PER_NAME = 1_000_000, 64
"""Values of JSON in one answer, likewise: three bytes of text make an object of 64."""
MAX_TEXT = 10_000
"""Characters of an error."""
MAX_STDERR = 4000
"""Bytes of its standard error of which the last line is shown when the process fails."""
LENGTH_PREFIX = struct.Struct("<Q")
"""Before each message."""
SECONDS = 300.0
_BLOCK = 1 << 20
P = ParamSpec("P")
T = TypeVar("T")


class Caller(Protocol):
    """Calls functions that parse foreign bytes, wherever they run."""

    def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Return what the function returns."""
        ...


class SandboxFailed(RuntimeError):
    """A bug showed in the process; the text is its traceback."""


class CallResult(typing.NamedTuple):
    """What comes back of one call."""

    value: Any
    error: str
    """Empty, "cannot" (for the user to put right) or "bug"."""
    text: str
    hint: str


class Sandbox:
    """A process that parses foreign bytes (sandbox_main.py); a context manager.

    Its functions are called as if they were here; trees that were given to it are named, not sent.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        """How long one call may take, and how much processor time all calls together."""
        self._lock = threading.Lock()
        self._trees: list[Rootfs] = []
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
        """Let the process know the tree `rootfs`, by a descriptor and the size of its index, and the corrections."""
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

    def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Return what `function` returns there; SlimError when it raises one, fails, or takes too long."""
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
                raise SlimError(f"cannot use what the process that reads the image says: {error}") from error

    def _send(self, deadline: float, request: object, *descriptors: int) -> None:
        buffer = io.BytesIO()
        _Pickler(buffer, self._trees).dump(request)
        data = buffer.getbuffer()
        try:
            # It need not take what we send.
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
        """Return one message; SlimError at the deadline, or when the process ends. Malformed where it is too much."""
        (size,) = LENGTH_PREFIX.unpack(self._receive_exactly(LENGTH_PREFIX.size, deadline))
        if size > self._max_result:
            raise typed_json.Malformed("it is too long")
        data = bytearray()
        while len(data) < size:
            data += self._receive_exactly(min(_BLOCK, size - len(data)), deadline)
        if sum(map(data.count, (b",", b"[", b"{"))) > self._max_values:
            raise typed_json.Malformed("it holds too much")
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
        """Return why the process is no more."""
        how = exit_description(self._process)
        if self._process.returncode == -signal.SIGXCPU:
            return self._timeout_error()
        assert self._process.stderr is not None
        stderr = os.read(self._process.stderr.fileno(), MAX_STDERR).decode("utf-8", "replace").strip().splitlines()
        words = f": {_printable(stderr[-1])}" if stderr else ""
        return SlimError(f"cannot read the image: the process that parses its files {how}{words}")


def _printable(text: str) -> str:
    """Return text on one line, of limited length, and nothing in it that a terminal would obey."""
    text = text[:MAX_TEXT]
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


class _Pickler(pickle.Pickler):
    """Names the trees that are known there."""

    def __init__(self, file: io.BytesIO, trees: list[Rootfs]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._trees = trees

    def persistent_id(self, item: Any) -> int | None:
        if not isinstance(item, Rootfs):
            return None
        return next(number for number, tree in enumerate(self._trees) if tree is item)
