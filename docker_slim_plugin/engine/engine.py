"""A local Docker Engine: images, and containers that are gone when they are needed no more.

Containers that run the app are made by the user's own `docker create`, so that every option of docker run means what
it means there; everything else goes through the API. All that is made here carries the label `docker-slim.run`.
"""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import requests
from docker import DockerClient
from docker.errors import APIError, ImageNotFound, NotFound

from docker_slim_plugin.engine import image_size
from docker_slim_plugin.engine.address import TIMEOUT, connect_client, endpoint
from docker_slim_plugin.engine.container import Container
from docker_slim_plugin.engine.environment import pass_environment
from docker_slim_plugin.engine.gate import GATE_PATH
from docker_slim_plugin.engine.in_flight import InFlight, Upload
from docker_slim_plugin.engine.labels import LABEL, TEMPORARY
from docker_slim_plugin.engine.platform import architecture, is_native, matches_platform
from docker_slim_plugin.engine.sdk_errors import ImageMissing, IteratorStream, disk_space_hint, translate_errors
from docker_slim_plugin.engine.tag_locks import TagLock
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import run_registry
from docker_slim_plugin.host.workspace import check, workspace
from docker_slim_plugin.model.image import SourceImage


@dataclass(frozen=True, slots=True)
class Engine:
    """A local Docker Engine."""

    client: DockerClient
    address: str
    global_options: tuple[str, ...] = ()
    run_id: str = field(default_factory=run_registry.new_run)
    remover: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "remover"))
    removals: list[Future[None]] = field(default_factory=list)
    tag_locks: list[TagLock] = field(default_factory=list)
    in_flight: InFlight = field(default_factory=InFlight)

    @property
    def api(self) -> Any:
        return self.client.api

    @classmethod
    def connect(cls, global_options: Sequence[str] = ()) -> Engine:
        """Return the engine that docker would talk to; SlimError when it is not there, not local, or too old."""
        address = endpoint(global_options)
        return cls(connect_client(address), address, tuple(global_options))

    def docker(
        self,
        *arguments: str,
        quiet: bool = True,
        extra_environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        new_session: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run the user's own docker client, with `extra_environment` in its environment and some of our descriptors.

        One that runs `new_session` is not interrupted by a terminal's Ctrl-C.
        """
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
            env=environment | dict(extra_environment or {}),
            pass_fds=tuple(pass_fds),
            start_new_session=new_session,
        )

    @translate_errors
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
        history = tuple(self.api.history(found["Id"]))
        return SourceImage(
            reference=reference,
            id=found["Id"],
            digests=tuple(found.get("RepoDigests") or ()),
            tags=tuple(found.get("RepoTags") or ()),
            size=image_size.reported(found, history),
            os=found.get("Os", "linux"),
            architecture=found.get("Architecture", ""),
            variant=found.get("Variant", ""),
            created=found.get("Created", ""),
            config=found.get("Config") or {},
            layers=tuple((found.get("RootFS") or {}).get("Layers") or ()),
            history=history,
            graph=found.get("GraphDriver") or {},
        )

    def container_by_id(self, identity: str) -> Container:
        """Return the container with this id; the engine is not asked whether there is one."""
        return Container(self.api, self.in_flight, identity)

    @translate_errors
    def find_container(self, name: str) -> Container:
        """Return a container of somebody else's; SlimError when there is none."""
        try:
            return self.container_by_id(str(self.api.inspect_container(name)["Id"]))
        except NotFound as error:
            raise SlimError(f"cannot find the container {name!r}", hint="docker ps") from error

    def find(self, reference: str) -> SourceImage | None:
        """Return the local image `reference`, None when there is none."""
        try:
            return self.image(reference)
        except ImageMissing:
            return None

    def source(self, reference: str, *, pull: str, platform: str, foreign: bool = False) -> SourceImage:
        """Return the image, pulled as docker run would (`pull` is missing, always or never).

        SlimError when it is for another machine, unless it may be `foreign`.
        """
        found = self.find(reference)
        fits = found is not None and (not platform or matches_platform(found, platform))
        what = f"{reference!r} for {platform}" if platform else repr(reference)
        if pull == "always" or (pull != "never" and not fits):
            options = ["--platform", platform] if platform else []
            answer = self.docker("pull", "-q", *options, reference)
            if answer.returncode:
                reason = answer.stderr.strip().splitlines()[-1:] or ["no reason given"]
                raise SlimError(f"cannot find the image {what} here, nor pull it: {reason[0]}", hint="docker images")
            found = None
        found = found or self.image(reference)
        if platform and not matches_platform(found, platform):
            raise SlimError(
                f"cannot find the image {what}: it is for {found.os}/{found.architecture} here",
                hint=f"docker pull --platform {platform} {reference}",
            )
        if not foreign and not is_native(found):
            native = architecture()
            raise SlimError(
                f"cannot run an image for {found.os}/{found.architecture} on {native}",
                hint=f"docker pull --platform linux/{native} {reference}, or run this on such a host",
            )
        return found

    def create(self, options: Sequence[str], image: str, argv: Sequence[str]) -> Container:
        """Make a container with docker create's own options; nothing is started."""
        with workspace(self.run_id) as directory, pass_environment(options) as call:
            file = directory / "cid"
            arguments = ["--cidfile", str(file), "--label", f"{LABEL}={self.run_id}", *call.options, image, *argv]
            answer = self.in_flight.run(
                lambda: self.docker(
                    "create",
                    *arguments,
                    extra_environment=call.environment,
                    pass_fds=call.descriptors,
                    new_session=True,
                )
            )
            if answer.returncode:
                reason = answer.stderr.strip().removeprefix("docker: ").removeprefix("Error response from daemon: ")
                first = reason.splitlines()[0] if reason else "no reason given"
                raise SlimError(f"cannot create the container: {first}", hint="docker create --help")
            return self.container_by_id(file.read_text(encoding="ascii").strip())

    @contextmanager
    def container(
        self, options: Sequence[str], image: str, argv: Sequence[str] = (), *, remove_in_background: bool = False
    ) -> Iterator[Container]:
        """Yield a new container; it is gone afterwards, whatever happened inside.

        One that `remove_in_background` is removed while we go on, and gone when `cleanup` is left.
        """
        container = self.create(options, image, argv)
        try:
            yield container
        finally:
            if remove_in_background:
                self._remove_in_background(container)
            else:
                container.remove()

    def _remove_in_background(self, container: Container) -> None:
        self.removals.append(self.remover.submit(container.remove))

    @contextmanager
    def gated_container(self, image: str) -> Iterator[Container]:
        """Yield a started container of `image` that waits at the gate and will never run."""
        with self.created_container(image, [GATE_PATH]) as container:
            container.put_first_gate()
            container.start()
            yield container

    @contextmanager
    def created_container(self, image: str, entrypoint: Sequence[str]) -> Iterator[Container]:
        """Yield a container without network or options, made but not started; it is removed while we go on."""
        created = self.in_flight.run(
            lambda: translate_errors(self.api.create_container)(
                image,
                entrypoint=list(entrypoint),
                command=["-"],
                labels={LABEL: self.run_id},
                network_disabled=True,
                healthcheck={"Test": ["NONE"]},
                host_config=self.api.create_host_config(network_mode="none"),
            )
        )
        container = self.container_by_id(created["Id"])
        try:
            yield container
        finally:
            self._remove_in_background(container)

    @contextmanager
    def save_image(self, image: str) -> Iterator[BinaryIO]:
        """Yield the tar stream that `docker save` gives of the image with this id."""
        blocks = translate_errors(self.api.get_image)(image, chunk_size=1 << 20)
        with io.BufferedReader(IteratorStream(iter(blocks)), 1 << 20) as stream:
            yield stream

    @translate_errors
    def load(self, archive: BinaryIO) -> None:
        """Load an archive as `docker load` does."""
        upload = Upload(archive)
        for answer in self.in_flight.run(lambda: list(self.api.load_image(upload, quiet=True)), upload):
            if "error" in answer:
                text = str(answer["error"])
                raise SlimError(f"cannot load the slim image: {text}", hint=disk_space_hint(text))

    @translate_errors
    def import_tar(self, tar: BinaryIO, changes: Sequence[str] = (), *, form: str) -> None:
        """Import a tar as `docker import` does, under the temporary name of `form`."""
        asked = {"fromSrc": "-", "repo": TEMPORARY, "tag": self.temporary_tag(form), "changes": list(changes)}
        upload = Upload(tar)
        # The SDK's own import waits for ever.
        answer = self.in_flight.run(
            lambda: self.api.post(
                f"{self.api.base_url}/v{self.api.api_version}/images/create",
                data=upload,
                params=asked,
                headers={"Content-Type": "application/tar"},
                timeout=TIMEOUT,
            ),
            upload,
        )
        if not answer.ok:
            raise SlimError(f"cannot import the slim image: {answer.text.strip()}", hint=disk_space_hint(answer.text))
        for line in answer.text.splitlines():
            if '"error"' in line:
                raise SlimError(f"cannot import the slim image: {line}", hint=disk_space_hint(line))

    def temporary_tag(self, form: str) -> str:
        return f"{self.run_id}-{form}"

    def temporary_name(self, form: str) -> str:
        """Return the name under which an image lies until it is proved."""
        return f"{TEMPORARY}:{self.temporary_tag(form)}"

    @translate_errors
    def tag_image(self, image: str, reference: str) -> None:
        """Give an image a name; who had it before goes if it is the same but for the time of its making."""
        before = self.find(reference)
        repository, _, tag = reference.rpartition(":")
        self.api.tag(image, repository, tag, force=True)
        after = self.image(image)
        same = before is not None and (before.config, before.layers) == (after.config, after.layers)
        if before and same and before.id != after.id:
            # Not forced: it may have other names, or containers.
            with suppress(APIError):
                self.api.remove_image(before.id, force=False)

    def untag(self, reference: str) -> None:
        """Take a name away; the image goes with its last one."""
        try:
            self.api.remove_image(reference, noprune=False, force=True)
        except (ImageNotFound, NotFound):
            pass
        except APIError as error:
            raise SlimError(f"cannot remove {reference}: {error}", hint="docker slim prune") from error

    def remove_containers(self) -> None:
        """Remove every container of this run, so that whatever waits for one of them stops waiting.

        One that cannot be removed keeps none of the others; SlimError says so in the end.
        """
        failed: list[SlimError] = []
        for item in self._run_containers():
            try:
                self.container_by_id(item["Id"]).remove()
            except SlimError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def _remove_everything(self) -> None:
        """Remove every container and every unnamed or temporary image of this run."""
        self.remove_containers()
        # What is being removed already, `remove_containers` does not wait for.
        wait(self.removals)
        for image in self.dangling_images(f"{LABEL}={self.run_id}"):
            self.untag(image["Id"])
        for image in self.temporary_images():
            for name in image.get("RepoTags") or ():
                if name.startswith(self.temporary_name("")):
                    self.untag(name)

    @translate_errors
    def _run_containers(self) -> list[dict[str, Any]]:
        return list(self.api.containers(all=True, filters={"label": f"{LABEL}={self.run_id}"}))

    @contextmanager
    def cleanup(self) -> Iterator[None]:
        """Write this run down; wait for removals, and remove all of this run's containers when it fails.

        A run of which something may be left stays written down.
        """
        check()
        run_registry.write_down(self.run_id)
        try:
            yield
            for removal in self.removals:
                removal.result()
        except BaseException:
            self._remove_everything()
            # What comes later than that is for `prune`, which must know whose it is.
            if not self.in_flight.pending:
                run_registry.forget(self.run_id)
            raise
        else:
            run_registry.forget(self.run_id)
        finally:
            while self.tag_locks:
                self.tag_locks.pop().close()

    def lock_tag(self, reference: str) -> None:
        """Keep other runs from writing this name until `cleanup` is left; SlimError where one is about to."""
        self.tag_locks.append(TagLock(reference))

    @translate_errors
    def dangling_images(self, label: str = LABEL) -> list[dict[str, Any]]:
        """Return the API's records of images that were committed of containers of ours and have got no name.

        A `docker commit` that we cut off goes on in the engine.
        """
        return list(self.api.images(filters={"label": label, "dangling": True}))

    @translate_errors
    def owned_objects(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the API's records of all containers and temporary images that runs of docker slim own or left."""
        return list(self.api.containers(all=True, filters={"label": LABEL})), self.temporary_images()

    @translate_errors
    def temporary_images(self) -> list[dict[str, Any]]:
        """Return the API's records of all images that have a temporary name of ours."""
        return list(self.api.images(name=TEMPORARY))
