"""A local Docker Engine: its images, and containers that are removed when they are no longer needed.

Containers that run the app are created with the user's own `docker create`, so that every option of docker run has the
same meaning as there. Everything else uses the API. All containers created here have the label `docker-slim.run`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from docker.errors import NotFound

from docker_slim_plugin.engine.container import Container
from docker_slim_plugin.engine.environment import pass_environment
from docker_slim_plugin.engine.gate import GATE_PATH
from docker_slim_plugin.engine.images import EngineImages
from docker_slim_plugin.engine.labels import LABEL
from docker_slim_plugin.engine.sdk_errors import translate_errors
from docker_slim_plugin.engine.tag_locks import TagLock
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import run_registry
from docker_slim_plugin.host.workspace import check, workspace


@dataclass(frozen=True, slots=True)
class Engine(EngineImages):
    """A local Docker Engine, as one run uses it."""

    remover: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "remover"))
    removals: list[Future[None]] = field(default_factory=list)
    tag_locks: list[TagLock] = field(default_factory=list)

    def create(self, options: Sequence[str], image: str, argv: Sequence[str]) -> Container:
        """Create a container with options of docker create; it is not started."""
        with workspace(self.run_id) as directory, pass_environment(options) as call:
            file = directory / "cid"
            arguments = ["--cidfile", str(file), "--label", f"{LABEL}={self.run_id}", *call.options, image, *argv]
            result = self.in_flight.run(
                lambda: self.docker(
                    "create",
                    *arguments,
                    extra_environment=call.environment,
                    pass_fds=call.descriptors,
                    new_session=True,
                )
            )
            if result.returncode:
                reason = result.stderr.strip().removeprefix("docker: ").removeprefix("Error response from daemon: ")
                first = reason.splitlines()[0] if reason else "no reason given"
                raise SlimError(f"cannot create the container: {first}", hint="docker create --help")
            return self.container_by_id(file.read_text(encoding="ascii").strip())

    @contextmanager
    def container(
        self, options: Sequence[str], image: str, argv: Sequence[str] = (), *, remove_in_background: bool = False
    ) -> Iterator[Container]:
        """Yield a new container; it is removed afterwards in any case.

        With `remove_in_background`, a thread removes it, and `cleanup` waits for that.
        """
        container = self.create(options, image, argv)
        try:
            yield container
        finally:
            if remove_in_background:
                self._remove_in_background(container)
            else:
                container.remove()

    @contextmanager
    def gated_container(self, image: str) -> Iterator[Container]:
        """Yield a started container of `image` that stays in the gate and never executes a program of the image."""
        with self.created_container(image, [GATE_PATH]) as container:
            container.put_first_gate()
            container.start()
            yield container

    @contextmanager
    def created_container(self, image: str, entrypoint: Sequence[str]) -> Iterator[Container]:
        """Yield a created container without network or options that is not started; it is removed in the background."""
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

    def _remove_in_background(self, container: Container) -> None:
        self.removals.append(self.remover.submit(container.remove))

    def container_by_id(self, identity: str) -> Container:
        """Return the container with this id, without checking that it exists."""
        return Container(self.api, self.in_flight, identity)

    @translate_errors
    def find_container(self, name: str) -> Container:
        """Return the user's container with this name or id; SlimError when there is none."""
        try:
            return self.container_by_id(str(self.api.inspect_container(name)["Id"]))
        except NotFound as error:
            raise SlimError(f"cannot find the container {name!r}", hint="docker ps") from error

    def remove_containers(self) -> None:
        """Remove every container of this run, so that all requests that wait for one of them return.

        A container that cannot be removed does not keep the others; SlimError is raised at the end.
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
        """Remove every container and every untagged or temporary image of this run."""
        self.remove_containers()
        # `remove_containers` does not wait for removals that have started already.
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
        """Register this run; at the end wait for removals, and on an error remove everything that the run has created.

        A run that may have left something behind stays registered.
        """
        check()
        run_registry.register(self.run_id)
        try:
            yield
            for removal in self.removals:
                removal.result()
        except BaseException:
            self._remove_everything()
            # Anything that the engine creates later is removed by `prune`, which needs to know its run.
            if not self.in_flight.pending:
                run_registry.unregister(self.run_id)
            raise
        else:
            run_registry.unregister(self.run_id)
        finally:
            while self.tag_locks:
                self.tag_locks.pop().close()

    def lock_tag(self, reference: str) -> None:
        """Lock a tag against other runs until the end of `cleanup`; SlimError where another run has locked it."""
        self.tag_locks.append(TagLock(reference))

    @translate_errors
    def owned_objects(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the API's records of all containers with our label and all images with a temporary name."""
        return list(self.api.containers(all=True, filters={"label": LABEL})), self.temporary_images()
