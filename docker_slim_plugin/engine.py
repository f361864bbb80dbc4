"""The Docker Engine: all that we ask of it, and the only place that knows its SDK.

Containers that run the app are made by the user's own `docker create`, so that every option of docker run means what
it means there; everything else goes through the API. All that is made here carries the label `docker-slim.run`.
"""

from __future__ import annotations

import io
import math
import os
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from itertools import pairwise
from typing import Any, BinaryIO, ParamSpec, TypeVar

import docker
import psutil
import requests
from docker import DockerClient
from docker.context import ContextAPI
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.gate import GATE_NAME, GATE_PATH, GATES
from docker_slim_plugin.model import SourceImage
from docker_slim_plugin.overlay import lower_directories
from docker_slim_plugin.workspace import workspace

LABEL = "docker-slim.run"
"""Label of our containers; the value is "PID BOOT-STARTTIME" of the run that owns them."""
TEMPORARY = "docker-slim-run"
"""Repository under which images lie until they are proved; the tag is the run's id."""
OLDEST_API = (1, 41)
_OTHERS = {"podman engine": "Podman", "rootlesskit": "a rootless engine"}
"""What may answer in a Docker Engine's place, by a component that it names."""
LOG_BYTES = 64 * 1024
_GOARCH = {"x86_64": "amd64", "aarch64": "arm64"}
_TIMEOUT = 600

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
"""What the engine makes in every container where the image has no such name (moby, daemon/initlayer)."""

P = ParamSpec("P")
R = TypeVar("R")


class ImageMissing(SlimError):
    """There is no such image here."""


def translated(function: Callable[P, R]) -> Callable[P, R]:
    """Turn the SDK's errors into ours at the border."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except APIError as error:
            raise SlimError(f"cannot go on: docker says: {error.explanation or error}", hint=advice(error)) from error
        except (DockerException, requests.RequestException) as error:
            raise SlimError(f"cannot talk to the Docker Engine: {error}", hint="docker info") from error

    return call


def advice(error: APIError) -> str:
    text = str(error.explanation or error).lower()
    if "no space left" in text:
        return "docker system df; then free some space where the engine keeps its data"
    if "already allocated" in text or "already in use" in text:
        return "choose another host port, or stop what uses it (docker ps; ss -ltnp)"
    if "unable to find user" in text or "unable to find group" in text:
        return "--user takes names that the image's own /etc/passwd and /etc/group have, or numbers"
    if "network" in text and "not found" in text:
        return "docker network ls"
    return "docker slim doctor"


def endpoint(global_options: Sequence[str]) -> str:
    """Return the address of docker's own choice: -H, --context, DOCKER_HOST, DOCKER_CONTEXT, the current context."""
    options = dict(pairwise(global_options))
    options |= dict(option.split("=", 1) for option in global_options if option.startswith("--") and "=" in option)
    host = options.get("--host") or options.get("-H")
    context = options.get("--context") or options.get("-c")
    if not host and not context:
        host = os.environ.get("DOCKER_HOST", "")
        context = os.environ.get("DOCKER_CONTEXT", "")
    if host:
        return host
    try:
        found = ContextAPI.get_context(context) if context else ContextAPI.get_current_context()
    except DockerException as error:
        raise SlimError(f"cannot read docker's context: {error}", hint="docker context ls") from error
    if found is None:
        raise SlimError(f"cannot find the docker context {context!r}", hint="docker context ls")
    return str(found.Host or "unix:///var/run/docker.sock")


@dataclass(frozen=True, slots=True)
class Container:
    """A container of ours."""

    engine: Engine
    id: str

    @translated
    def start(self) -> None:
        self.engine.api.start(self.id)

    @translated
    def attributes(self) -> dict[str, Any]:
        return dict(self.engine.api.inspect_container(self.id))

    def pid(self) -> int:
        """Return the host pid of the container's first process; 0 when it does not run."""
        return int(self.attributes()["State"]["Pid"])

    def _check_gate(self) -> None:
        """Raise SlimError when the image has the gate's name itself: one of the two would hide the other."""
        api = self.engine.api
        address = f"{api.base_url}/v{api.api_version}/containers/{self.id}/archive"
        if api.head(address, params={"path": GATE_PATH}).status_code == requests.codes.ok:
            raise SlimError(
                f"cannot trace an image that has a file of its own at {GATE_PATH}",
                hint="build the image without it: docker slim needs that name for its own program",
            )

    @translated
    def put_gate(self) -> None:
        """Lay the gate into the container's own file system; SlimError when the image has such a name."""
        self._check_gate()
        archive = io.BytesIO()
        program = GATES[os.uname().machine].elf()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            member = tarfile.TarInfo(GATE_NAME)
            member.mode, member.size = 0o755, len(program)
            tar.addfile(member, io.BytesIO(program))
        self.engine.api.put_archive(self.id, "/", archive.getvalue())

    @translated
    def kill(self, signal: str | None = None) -> None:
        """Send a signal; a container that has ended already is none the worse."""
        try:
            self.engine.api.kill(self.id, signal)
        except APIError as error:
            if error.status_code not in (404, 409) and "not running" not in str(error):
                raise

    @translated
    def wait(self, seconds: float) -> int | None:
        """Return the exit status, or None when it still runs after `seconds`."""
        try:
            return int(self.engine.api.wait(self.id, timeout=max(seconds, 0.1))["StatusCode"])
        except requests.exceptions.ReadTimeout:
            return None
        except requests.exceptions.ConnectionError as error:
            if "timed out" in str(error).lower():
                return None
            raise

    def logs(self, lines: int | str = "all") -> str:
        """Return standard output and error as they came, bounded to LOG_BYTES."""
        return self._logged(stdout=True, stderr=True, lines=lines)

    @translated
    def _logged(self, *, stdout: bool, stderr: bool, lines: int | str = "all") -> str:
        data = bytearray()
        for block in self.engine.api.logs(self.id, stdout=stdout, stderr=stderr, tail=lines, stream=True, follow=False):
            data += block
            if len(data) >= LOG_BYTES:
                break
        return os.fsdecode(bytes(data[:LOG_BYTES]))

    def output(self) -> str:
        """Return standard output and, behind it, standard error: which came when is chance, as they are two pipes."""
        return self._logged(stdout=True, stderr=False) + self._logged(stdout=False, stderr=True)

    @translated
    def changes(self) -> dict[str, int]:
        """Return how the container's files differ from its image's: {path: 0 changed, 1 added, 2 deleted}.

        `docker diff` leaves out what the engine puts below every container (moby's initlayer): that is in here too.
        """
        attributes = self.attributes()
        below = (attributes.get("GraphDriver") or {}).get("Data") or {}
        init = str(below.get("LowerDir", "")).partition(":")[0]
        if not init and (lower := lower_directories(attributes["State"]["Pid"] or 0)):
            init = str(lower[0])
        found = {"/": 0, "/dev": 0, "/etc": 0}
        found |= {path: 1 for path in INIT_LAYER if not init or _lies_in(init, path)}
        found |= {change["Path"]: int(change["Kind"]) for change in self.engine.api.diff(self.id) or []}
        return found

    @translated
    def execute(
        self, argv: Sequence[str], follow: Callable[[int], None] | None = None, deadline: float = math.inf
    ) -> tuple[int, str]:
        """Run argv as `docker exec` would; return its exit status and what `output` would (bounded).

        With `follow` it is started at the gate, and `follow` is called with the host pid that waits there. What has
        not ended at the `deadline` (time.monotonic()) is killed.
        """
        api = self.engine.api
        command = [GATE_PATH, *argv] if follow else list(argv)
        identity = api.exec_create(self.id, command)["Id"]
        stream = api.exec_start(identity, stream=True, demux=True)
        if follow:
            pid = 0
            while not pid:
                state = api.exec_inspect(identity)
                if not state["Running"] and state["ExitCode"] is not None:
                    break
                pid = int(state["Pid"] or 0)
            if pid:
                follow(pid)
        written = bytearray(), bytearray()
        with self._killed_at(deadline, identity) as killed:
            for blocks in stream:
                for data, block in zip(written, blocks, strict=True):
                    data.extend((block or b"")[: max(0, LOG_BYTES - len(data))])
        written[1].extend(b"\nit did not end in time" if killed else b"")
        return int(api.exec_inspect(identity)["ExitCode"] or 0), os.fsdecode(b"".join(written))

    @contextmanager
    def _killed_at(self, deadline: float, identity: str) -> Iterator[list[int]]:
        """Kill what was executed, and all that it started, when the deadline passes within the block.

        Yield the list of the pids that were killed.
        """
        killed: list[int] = []

        def kill() -> None:
            with suppress(APIError, requests.RequestException, psutil.NoSuchProcess):
                pid = int(self.engine.api.exec_inspect(identity)["Pid"] or 0)
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
        """Yield the tar stream that `docker export` gives."""
        response = translated(self.engine.api.export)(self.id, chunk_size=None)
        with io.BufferedReader(Blocks(response), 1 << 20) as stream:
            yield stream

    @translated
    def commit(self, reference: str) -> None:
        """Write an image of what is in it now, as `docker commit` does."""
        repository, _, tag = reference.rpartition(":")
        self.engine.api.commit(self.id, repository, tag)

    def remove(self) -> None:
        """Remove it and its anonymous volumes, running or not."""
        try:
            # force: a tracee in ptrace-stop does not answer SIGTERM.
            self.engine.api.remove_container(self.id, v=True, force=True)
        except NotFound:
            pass
        except APIError as error:
            if "already in progress" not in str(error):
                text = f"cannot remove the container {self.id[:12]}: {error}"
                raise SlimError(text, hint="docker slim prune") from error


class Blocks(io.RawIOBase):
    """An iterator of bytes as a readable stream."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = iter(blocks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = block
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


@dataclass(frozen=True, slots=True)
class Engine:
    """A local Docker Engine."""

    client: DockerClient
    address: str
    global_options: tuple[str, ...] = ()
    run_id: str = field(default_factory=lambda: run_identity(os.getpid()))
    remover: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "remover"))
    removals: list[Future[None]] = field(default_factory=list)

    @property
    def api(self) -> Any:
        return self.client.api

    @classmethod
    def connect(cls, global_options: Sequence[str] = ()) -> Engine:
        """Return the engine that docker would talk to; SlimError when it is not there, not local, or too old."""
        address = endpoint(global_options)
        if not address.startswith("unix://"):
            raise SlimError(
                f"cannot slim on a remote engine ({address}): the app is traced on the engine's own host",
                hint="run docker slim there, or: docker context use default",
            )
        try:
            client = docker.DockerClient(base_url=address, version="auto", timeout=_TIMEOUT)
        except DockerException as error:
            raise SlimError(
                f"cannot reach the Docker Engine at {address}: is it running?", hint="systemctl start docker"
            ) from error
        engine = cls(client, address, tuple(global_options))
        version = client.version()
        for component in version.get("Components") or ():
            if other := _OTHERS.get(component["Name"].lower()):
                raise SlimError(
                    f"cannot slim on {other} ({address}): a Docker Engine that runs as root is needed",
                    hint="docker context use default; unset DOCKER_HOST",
                )
        api = tuple(int(part) for part in version["ApiVersion"].split("."))
        if api < OLDEST_API:
            raise SlimError(
                f"cannot work with Docker Engine {version['Version']}: 20.10 or later is needed",
                hint="upgrade the engine",
            )
        return engine

    def docker(self, *arguments: str, quiet: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the user's own docker client."""
        client = os.environ.get("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND") or "docker"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_CLI_PLUGIN_")}
        return subprocess.run(
            [client, *self.global_options, *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
            text=True,
            errors="surrogateescape",
            env=environment,
        )

    @translated
    def image(self, reference: str) -> SourceImage:
        """Return the local image `reference`; SlimError when there is none."""
        try:
            found = self.api.inspect_image(reference)
        except ImageNotFound as error:
            raise ImageMissing(f"cannot find the image {reference!r}", hint=f"docker pull {reference}") from error
        except APIError as error:
            if error.status_code != requests.codes.bad_request:
                raise
            raise SlimError(
                f"cannot read {reference!r} as an image's name: {error.explanation}", hint="NAME[:TAG], lower case"
            ) from error
        return SourceImage(
            reference=reference,
            id=found["Id"],
            digests=tuple(found.get("RepoDigests") or ()),
            tags=tuple(found.get("RepoTags") or ()),
            size=int(found["Size"]),
            os=found.get("Os", "linux"),
            architecture=found.get("Architecture", ""),
            variant=found.get("Variant", ""),
            created=found.get("Created", ""),
            config=found.get("Config") or {},
            layers=tuple((found.get("RootFS") or {}).get("Layers") or ()),
            history=tuple(self.api.history(found["Id"])),
            graph=found.get("GraphDriver") or {},
        )

    @translated
    def existing(self, name: str) -> Container:
        """Return a container of somebody else's; SlimError when there is none."""
        try:
            return Container(self, str(self.api.inspect_container(name)["Id"]))
        except NotFound as error:
            raise SlimError(f"cannot find the container {name!r}", hint="docker ps") from error

    def has_image(self, reference: str) -> bool:
        try:
            self.image(reference)
        except ImageMissing:
            return False
        return True

    def source(self, reference: str, *, pull: str, platform: str, foreign: bool = False) -> SourceImage:
        """Return the image, pulled as docker run would (`pull` is missing, always or never).

        SlimError when it is for another machine, unless it may be `foreign`.
        """
        if pull == "always" or (pull != "never" and not self.has_image(reference)):
            options = ["--platform", platform] if platform else []
            answer = self.docker("pull", "-q", *options, reference)
            if answer.returncode:
                reason = answer.stderr.strip().splitlines()[-1:] or ["no reason given"]
                raise SlimError(
                    f"cannot find the image {reference!r} here, nor pull it: {reason[0]}", hint="docker images"
                )
        found = self.image(reference)
        native = _GOARCH.get(os.uname().machine, os.uname().machine)
        if not foreign and not is_native(found):
            raise SlimError(
                f"cannot trace an image for {found.os}/{found.architecture} on {native}",
                hint=f"docker pull --platform linux/{native} {reference}, or run this on such a host",
            )
        return found

    def create(self, options: Sequence[str], image: str, argv: Sequence[str]) -> Container:
        """Make a container with docker create's own options; nothing is started."""
        with workspace(self.run_id) as directory:
            file = directory / "cid"
            arguments = ["--cidfile", str(file), "--label", f"{LABEL}={self.run_id}", *options, image, *argv]
            answer = self.docker("create", *arguments)
            if answer.returncode:
                reason = answer.stderr.strip().removeprefix("docker: ").removeprefix("Error response from daemon: ")
                first = reason.splitlines()[0] if reason else "no reason given"
                raise SlimError(f"cannot create the container: {first}", hint="docker create --help")
            return Container(self, file.read_text(encoding="ascii").strip())

    @contextmanager
    def container(
        self, options: Sequence[str], image: str, argv: Sequence[str] = (), *, lingers: bool = False
    ) -> Iterator[Container]:
        """Yield a new container; it is gone afterwards, whatever happened inside.

        One that `lingers` is removed while we go on, and gone when `nothing_left` is left.
        """
        container = self.create(options, image, argv)
        try:
            yield container
        finally:
            if lingers:
                self._remove_later(container)
            else:
                container.remove()

    def _remove_later(self, container: Container) -> None:
        self.removals.append(self.remover.submit(container.remove))

    @contextmanager
    def held(self, image: str) -> Iterator[Container]:
        """Yield a started container of `image` that waits at the gate and will never run."""
        with self.plain(image, [GATE_PATH]) as container:
            container.put_gate()
            container.start()
            yield container

    @contextmanager
    def plain(self, image: str, entrypoint: Sequence[str]) -> Iterator[Container]:
        """Yield a container without network or options, made but not started; it is removed while we go on."""
        made = translated(self.api.create_container)(
            image,
            entrypoint=list(entrypoint),
            command=["-"],
            labels={LABEL: self.run_id},
            network_disabled=True,
            healthcheck={"Test": ["NONE"]},
            host_config=self.api.create_host_config(network_mode="none"),
        )
        container = Container(self, made["Id"])
        try:
            yield container
        finally:
            self._remove_later(container)

    @contextmanager
    def saved(self, reference: str) -> Iterator[BinaryIO]:
        """Yield the tar stream that `docker save` gives."""
        blocks = translated(self.api.get_image)(reference, chunk_size=1 << 20)
        with io.BufferedReader(Blocks(iter(blocks)), 1 << 20) as stream:
            yield stream

    @translated
    def load(self, archive: BinaryIO) -> None:
        """Load an archive as `docker load` does."""
        for answer in self.api.load_image(archive, quiet=True):
            if "error" in answer:
                raise SlimError(f"cannot load the slim image: {answer['error']}", hint=_space(str(answer["error"])))

    @translated
    def import_tar(self, stream: BinaryIO, changes: Sequence[str], message: str = "") -> str:
        """Import a tar as `docker import` does; return the new image's id."""
        asked = {"fromSrc": "-", "repo": TEMPORARY, "tag": self.tag("squashed"), "changes": list(changes)}
        # The SDK's import_image knows no message.
        answer = self.api.post(
            f"{self.api.base_url}/v{self.api.api_version}/images/create",
            data=stream,
            params={**asked, "message": message},
            headers={"Content-Type": "application/tar"},
            timeout=_TIMEOUT,
        )
        if not answer.ok:
            raise SlimError(f"cannot import the slim image: {answer.text.strip()}", hint=_space(answer.text))
        for line in answer.text.splitlines():
            if '"error"' in line:
                raise SlimError(f"cannot import the slim image: {line}", hint=_space(line))
        return str(self.api.inspect_image(self.temporary("squashed"))["Id"])

    def tag(self, form: str) -> str:
        return f"{self.run_id.replace(' ', '-')}-{form}"

    def temporary(self, form: str) -> str:
        """Return the name under which an image lies until it is proved."""
        return f"{TEMPORARY}:{self.tag(form)}"

    @translated
    def name(self, image: str, reference: str) -> None:
        """Give an image a name; who had it before goes if it is the same but for the time of its making."""
        before = self.api.inspect_image(reference) if self.has_image(reference) else None
        repository, _, tag = reference.rpartition(":")
        self.api.tag(image, repository, tag, force=True)
        after = self.api.inspect_image(image)
        if before and before["Id"] != after["Id"] and all(before[part] == after[part] for part in ("Config", "RootFS")):
            # Not forced: it may have other names, or containers.
            with suppress(APIError):
                self.api.remove_image(before["Id"], force=False)

    def unname(self, reference: str) -> None:
        """Take a name away; the image goes with its last one."""
        try:
            self.api.remove_image(reference, noprune=False, force=True)
        except (ImageNotFound, NotFound):
            pass
        except APIError as error:
            raise SlimError(f"cannot remove {reference}: {error}", hint="docker slim prune") from error

    @translated
    def abandon(self) -> None:
        """Remove every container of this run, so that whatever waits for one of them stops waiting."""
        for item in self.api.containers(all=True, filters={"label": f"{LABEL}={self.run_id}"}):
            Container(self, item["Id"]).remove()

    @contextmanager
    def nothing_left(self) -> Iterator[None]:
        """Wait for removals, and remove all of this run's containers when it fails.

        One of those may have been made by a `docker create` that we cut off.
        """
        try:
            yield
            for removal in self.removals:
                removal.result()
        except BaseException:
            self.abandon()
            raise

    @translated
    def ours(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the API's records of all containers and temporary images that runs of docker slim own or left."""
        labelled = self.api.containers(all=True, filters={"label": LABEL})
        images = self.api.images(name=TEMPORARY)
        return [item for item in labelled if not self._inherited(item)], list(images)

    def _inherited(self, item: dict[str, Any]) -> bool:
        """Tell whether a container has our label from its image: then it is somebody else's."""
        try:
            labels = self.api.inspect_image(item["ImageID"])["Config"].get("Labels") or {}
        except (ImageNotFound, NotFound):
            return False
        return bool(labels.get(LABEL) == item["Labels"][LABEL])


def is_native(image: SourceImage) -> bool:
    """Tell whether this machine runs the image's programs itself."""
    native = _GOARCH.get(os.uname().machine, os.uname().machine)
    return image.architecture in (native, "386" if native == "amd64" else "arm")


def _lies_in(layer: str, path: str) -> bool:
    """Tell whether a layer on disk has a name; its parent must be a directory of the layer, not a link out of it."""
    return os.path.lexists(layer + path) and not os.path.islink(os.path.dirname(layer + path))


def _space(text: str) -> str:
    return "docker system df; then free some space" if "space" in text else "docker info"


def run_identity(pid: int) -> str:
    """Return "PID-STARTTIME" of a process: which process it was, even when its pid has been used again."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return f"{pid}-{int(file.read().rpartition(b')')[2].split()[19])}"
    except OSError:
        return f"{pid}-gone"


