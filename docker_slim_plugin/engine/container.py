"""A container of an engine, and the requests about it."""

from __future__ import annotations

import io
import math
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import psutil
import requests
from docker.errors import APIError, NotFound

from docker_slim_plugin.engine.gate import GATE_NAME, GATE_PATH, GATES
from docker_slim_plugin.engine.in_flight import InFlight
from docker_slim_plugin.engine.sdk_errors import IteratorStream, translate_errors
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.kernel import overlay_upperdir
from docker_slim_plugin.kernel.root_mount import lower_directories

LOG_BYTES = 64 * 1024
INIT_LAYER = (
    "/.dockerenv",
    "/dev/console",
    "/dev/pts",
    "/dev/shm",  # noqa: S108
    "/etc/hostname",
    "/etc/hosts",
    "/etc/mtab",
    "/etc/resolv.conf",
    "/proc",
    "/sys",
)
"""Files that the engine creates in every container if the image does not have them (moby, daemon/initlayer)."""

_REMOVE_SECONDS = 20
"""Seconds to wait for a removal that another request has started."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container."""

    api: Any
    """The SDK's API client."""
    in_flight: InFlight
    id: str

    @translate_errors
    def start(self) -> None:
        self.api.start(self.id)

    @translate_errors
    def attributes(self) -> dict[str, Any]:
        return dict(self.api.inspect_container(self.id))

    def pid(self) -> int:
        """Return the host pid of the container's first process; 0 when it does not run."""
        return int(self.attributes()["State"]["Pid"])

    @translate_errors
    def has_path(self, path: str) -> bool:
        """Tell whether the container has a file at a path. The engine looks it up, within the container's root."""
        api = self.api
        address = f"{api.base_url}/v{api.api_version}/containers/{self.id}/archive"
        return bool(api.head(address, params={"path": path}).status_code == requests.codes.ok)

    @translate_errors
    def archive(self, path: str, limit: int) -> bytes:
        """Return at most `limit` bytes of the tar archive of a path, as `docker cp` has it; b"" if it is not there."""
        data = bytearray()
        try:
            blocks, _ = self.api.get_archive(self.id, path)
        except NotFound:
            return b""
        with closing(blocks):
            for block in blocks:
                data += block
                if len(data) >= limit:
                    break
        return bytes(data[:limit])

    @contextmanager
    def disconnected(self) -> Iterator[None]:
        """Disconnect the container from all its networks within the block."""
        names = tuple(self.attributes()["NetworkSettings"].get("Networks") or {})
        for name in names:
            translate_errors(self.api.disconnect_container_from_network)(self.id, name, force=True)
        try:
            yield
        finally:
            for name in names:
                translate_errors(self.api.connect_container_to_network)(self.id, name)

    @translate_errors
    def put_first_gate(self) -> None:
        """Copy the gate into a new container; SlimError when the image has a file at that path, which it would hide."""
        if self.has_path(GATE_PATH):
            raise SlimError(
                f"cannot trace an image that contains the file {GATE_PATH}",
                hint="build the image without it: docker slim needs that name for its own program",
            )
        self._copy_gate()

    @translate_errors
    def put_gate(self) -> None:
        """Copy the gate into the container's file system, unless it is there."""
        if not self.has_path(GATE_PATH):
            self._copy_gate()

    def _copy_gate(self) -> None:
        archive = io.BytesIO()
        program = GATES[os.uname().machine].elf()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            member = tarfile.TarInfo(GATE_NAME)
            member.mode, member.size = 0o755, len(program)
            tar.addfile(member, io.BytesIO(program))
        self.api.put_archive(self.id, "/", archive.getvalue())

    @translate_errors
    def kill(self, signal: str | None = None) -> None:
        """Send a signal, SIGKILL by default; no error if the container has ended already."""
        try:
            self.api.kill(self.id, signal)
        except APIError as error:
            if error.status_code not in (404, 409) and "not running" not in str(error):
                raise

    @translate_errors
    def wait(self, seconds: float) -> int | None:
        """Return the exit status, or None when the container still runs after `seconds`."""
        try:
            return int(self.api.wait(self.id, timeout=max(seconds, 0.1))["StatusCode"])
        except requests.exceptions.ReadTimeout:
            return None
        except requests.exceptions.ConnectionError as error:
            if "timed out" in str(error).lower():
                return None
            raise

    def logs(self, lines: int | str = "all") -> str:
        """Return standard output and error in the order of the log, at most LOG_BYTES."""
        return self._read_logs(stdout=True, stderr=True, lines=lines)

    @translate_errors
    def _read_logs(self, *, stdout: bool, stderr: bool, lines: int | str = "all") -> str:
        data = bytearray()
        for block in self.api.logs(self.id, stdout=stdout, stderr=stderr, tail=lines, stream=True, follow=False):
            data += block
            if len(data) >= LOG_BYTES:
                break
        return os.fsdecode(bytes(data[:LOG_BYTES]))

    def output(self) -> str:
        """Return standard output followed by standard error.

        Their relative order in time is not reproducible, because they are two pipes.
        """
        return self._read_logs(stdout=True, stderr=False) + self._read_logs(stdout=False, stderr=True)

    @translate_errors
    def changes(self) -> dict[str, int]:
        """Return the differences of the container's files to its image: {path: 0 changed, 1 added, 2 deleted}.

        Unlike `docker diff`, this includes the files that the engine creates in every container (moby's initlayer). No
        process of the image may have run in the container: then its upperdir gives the same result much faster.
        """
        attributes = self.attributes()
        driver_data = (attributes.get("GraphDriver") or {}).get("Data") or {}
        lower = str(driver_data.get("LowerDir", "")).split(":")
        init = lower[0]
        if not init and (directories := lower_directories(attributes["State"]["Pid"] or 0)):
            init = str(directories[0])
        found = {"/": 0, "/dev": 0, "/etc": 0}
        found |= {path: 1 for path in INIT_LAYER if not init or overlay_upperdir.layers_contain([init], path)}
        upper = driver_data.get("UpperDir")
        own = overlay_upperdir.upperdir_changes(upper, lower) if upper else None
        if own is None:
            own = {change["Path"]: int(change["Kind"]) for change in self.api.diff(self.id) or []}
        return found | own

    @translate_errors
    def execute(
        self,
        argv: Sequence[str],
        attach: Callable[[int], None] | None = None,
        deadline: float = math.inf,
        environment: Mapping[str, str] | None = None,
        user: str = "",
    ) -> tuple[int, str]:
        """Run argv like `docker exec`, as the container's user or as `user`; return its exit status and output.

        At most LOG_BYTES per stream are returned.

        Standard error follows standard output, as in `output`. With `attach`, the command starts in the gate, and
        `attach` is called with the host pid that waits there. At the `deadline` (time.monotonic()) the command is
        killed.
        """
        api = self.api
        if attach:
            self.put_gate()
        command = [GATE_PATH, *argv] if attach else list(argv)
        exec_id = api.exec_create(self.id, command, environment=dict(environment or {}) or None, user=user)["Id"]
        stream = api.exec_start(exec_id, stream=True, demux=True)
        if attach:
            pid = 0
            while not pid:
                state = api.exec_inspect(exec_id)
                if not state["Running"] and state["ExitCode"] is not None:
                    break
                pid = int(state["Pid"] or 0)
            if pid:
                attach(pid)
        streams = bytearray(), bytearray()
        with self._kill_at(deadline, exec_id) as killed:
            for blocks in stream:
                for data, block in zip(streams, blocks, strict=True):
                    data.extend((block or b"")[: max(0, LOG_BYTES - len(data))])
        streams[1].extend(b"\nit did not end in time" if killed else b"")
        return int(api.exec_inspect(exec_id)["ExitCode"] or 0), os.fsdecode(b"".join(streams))

    @contextmanager
    def _kill_at(self, deadline: float, exec_id: str) -> Iterator[list[int]]:
        """Kill the command and its descendants if the deadline passes within the block.

        Yield a list, to which the pids of killed processes are added.
        """
        killed: list[int] = []

        def kill() -> None:
            with suppress(APIError, requests.RequestException, psutil.NoSuchProcess):
                pid = int(self.api.exec_inspect(exec_id)["Pid"] or 0)
                first = psutil.Process(pid)
                for process in (first, *first.children(recursive=True)) if pid else ():
                    process.kill()
                    killed.append(process.pid)

        timer = threading.Timer(min(max(1.0, deadline - time.monotonic()), threading.TIMEOUT_MAX), kill)
        timer.daemon = True
        timer.start()
        try:
            yield killed
        finally:
            timer.cancel()

    @contextmanager
    def export(self) -> Iterator[BinaryIO]:
        """Yield the tar stream of `docker export`."""
        response = translate_errors(self.api.export)(self.id, chunk_size=None)
        with io.BufferedReader(IteratorStream(response), 1 << 20) as stream:
            yield stream

    @translate_errors
    def commit(self, reference: str) -> None:
        """Create an image from the container's current files, like `docker commit`."""
        repository, _, tag = reference.rpartition(":")
        self.in_flight.run(lambda: self.api.commit(self.id, repository, tag))

    def remove(self) -> None:
        """Remove the container and its anonymous volumes, even if it runs; wait for a removal by another request."""
        api = self.api
        try:
            # force: a tracee in a ptrace-stop does not react to SIGTERM.
            api.remove_container(self.id, v=True, force=True)
        except NotFound:
            pass
        except APIError as error:
            if "already in progress" not in str(error):
                text = f"cannot remove the container {self.id[:12]}: {error}"
                raise SlimError(text, hint="docker slim prune") from error
            with suppress(requests.RequestException):
                api.wait(self.id, timeout=_REMOVE_SECONDS, condition="removed")
