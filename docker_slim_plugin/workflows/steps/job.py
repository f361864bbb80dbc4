"""The state that the steps of one run share: engine, source, pristine tree, work directory, clock.

A job is a resource: at its end, nothing of it is left behind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host.workspace import workspace
from docker_slim_plugin.image import writer
from docker_slim_plugin.image.config import is_slim
from docker_slim_plugin.image.names import ImageNames, make_names
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.observation import Access, Observations
from docker_slim_plugin.model.plan import FilePlan, Selection
from docker_slim_plugin.model.request import CONFINED, Exercise, Request
from docker_slim_plugin.observe.driver import RunPlan
from docker_slim_plugin.observe.launch import launch, option_pairs
from docker_slim_plugin.observe.probes.cron import CronPlan
from docker_slim_plugin.observe.probes.crontab import read_jobs
from docker_slim_plugin.observe.probes.http_spelling import parse_http_probe
from docker_slim_plugin.observe.probes.links import links
from docker_slim_plugin.observe.probes.probe import ProbePlan
from docker_slim_plugin.observe.probes.service import Asking
from docker_slim_plugin.observe.session import Observer
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.resolve.resolution import expand, resolve_compact
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.pristine import PristineTree
from docker_slim_plugin.rootfs.sandbox import Caller, Sandbox
from docker_slim_plugin.services.catalogue import read_catalogues, user_catalogues
from docker_slim_plugin.workflows.steps.clock import Clock
from docker_slim_plugin.workflows.steps.layering import Extras, LayeringOptions, complete_plan, open_extras


class JobRequest(LayeringOptions, Protocol):
    """The fields of a request that apply here."""

    @property
    def selection(self) -> Selection: ...


R = TypeVar("R", bound=JobRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageJob(Generic[R]):
    """The state that the steps of one run share."""

    request: R
    engine: Engine
    source: SourceImage
    target: SourceImage
    """The source with the configuration of the slim image."""
    image_names: ImageNames
    tree: PristineTree
    directory: Path
    """For the files of this job. It is removed at the end."""
    clock: Clock
    extras: Extras
    sandbox: Sandbox

    def make_plan(self, rootfs: Rootfs, observations: Observations, missed: tuple[Access, ...] = ()) -> FilePlan:
        """Return the plan of the slim image."""
        selection = self.request.selection
        found = self.sandbox.call(resolve_compact, rootfs, observations, selection, self.target, missed)
        plan = replace(expand(found, rootfs), level=selection.level)
        return complete_plan(plan, rootfs, self.extras, self.sandbox)

    @property
    def progress(self) -> Progress:
        return self.clock.progress

    @property
    def observer(self: Job) -> Observer:
        request = self.request
        return Observer(
            engine=self.engine,
            tree=self.tree,
            progress=self.progress,
            tracer=request.tracer,
            watch=request.watch,
            uses=CONFINED in request.outputs,
            record_calls=request.record_calls,
        )


Job = ImageJob[Request]


@contextmanager
def open_image(
    request: R,
    engine: Engine,
    source: SourceImage,
    target: SourceImage,
    image_names: ImageNames,
    clock: Clock,
    sandbox: Sandbox,
) -> Iterator[ImageJob[R]]:
    """Yield the job for an image. Nothing is started yet, except that the image is being read."""
    with (
        engine.cleanup(),
        sandbox,
        PristineTree(engine, source, sandbox) as tree,
        workspace(engine.run_id) as directory,
        open_extras(engine, source, request, directory, sandbox) as extras,
    ):
        yield ImageJob(
            request=request,
            engine=engine,
            source=source,
            target=target,
            image_names=image_names,
            tree=tree,
            directory=directory,
            clock=clock,
            extras=extras,
            sandbox=sandbox,
        )


@contextmanager
def open_job(request: Request, progress: Progress) -> Iterator[Job]:
    """Yield the job for a request. Nothing is started yet, except that the image is being read."""
    clock = Clock(progress)
    if os.geteuid() != 0:
        raise SlimError("cannot trace an app without root", hint="sudo docker slim ...")
    with clock.step("inspect"):
        engine = Engine.connect(request.global_options)
        source = find_source(engine, request)
        image_names = make_names(source, request.tag)
        writer.claim_names(engine, (image_names.of(form) for form in request.forms()), force=request.force)
    # The limit does not apply to the pull, because its time depends on the registry.
    clock.limit = request.timeout
    with open_image(request, engine, source, source, image_names, clock, Sandbox(request.timeout)) as job:
        yield job


def find_source(engine: Engine, request: Request) -> SourceImage:
    """Return the image to slim. It is pulled if docker run would pull it."""
    options = dict(option_pairs(request.docker_options))
    source = engine.source(
        request.image, pull=options.get("--pull") or "missing", platform=options.get("--platform") or ""
    )
    if is_slim(source) and not request.force:
        raise SlimError(f"cannot slim {request.image}: it is slim already", hint="--force does it all the same")
    return source


def make_run_plan(source: SourceImage, exercise: Exercise, sandbox: Caller, *, clients: bool = True) -> RunPlan:
    """Return how the app is started and exercised. Pages that it serves are parsed in the sandbox.

    With `clients`, the image's own clients of known services are run, and so kept.
    """
    requests = tuple(parse_http_probe(text) for text in exercise.http)
    asked = {request.port for request in requests if request.port is not None}
    start = launch(source, exercise.docker_options, exercise.command, asked)
    probes = ProbePlan(
        http=requests,
        crawl=not exercise.http and not exercise.no_http,
        special=not exercise.http and not exercise.no_http,
        forms=exercise.http_forms,
        exec_=exercise.exec_,
        host_exec=exercise.host_exec,
        healthcheck=start.healthcheck,
        links=lambda kind, body: sandbox.call(links, kind, body),
        asking=Asking(
            services=() if exercise.no_services else read_catalogues((*user_catalogues(os.environ), *exercise.service)),
            # Data of the host or of another container must not change.
            writes=exercise.allow_writes or start.shareable,
            clients=clients,
        ),
    )
    cron = CronPlan(
        read=lambda archives: sandbox.call(read_jobs, archives),
        is_allowed=exercise.run_cron or start.shareable,
        with_network=exercise.run_cron,
    )
    return RunPlan(launch=start, probes=probes, until=exercise.until, timeout=exercise.timeout, cron=cron)
