"""Implement `docker slim attach`: observe a running container."""

from __future__ import annotations

from dataclasses import replace

from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.model.request import Request
from docker_slim_plugin.observe.running_container import observe_running
from docker_slim_plugin.observe.trace import Trace, dumps, restrict_to_image
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.workflows.steps.job import make_run_plan, open_job
from docker_slim_plugin.workflows.steps.observe_runs import lost_event_warnings


def attach(container: str, request: Request, progress: Progress) -> tuple[str, str, tuple[Trace, ...]]:
    """Observe a running container as it is.

    Returns the text of a trace file, the name of the container's image, and the traces in the file.
    """
    found = Engine.connect(request.global_options).find_container(container)
    image = str(found.attributes()["Image"])
    with open_job(replace(request, image=image, force=True), progress) as job:
        probes = replace(
            make_run_plan(job.source, request.exercise(), job.sandbox).probes, crawl=False, healthcheck=None
        )
        with job.clock.step("observe", times=2):
            seen = observe_running(
                found,
                probes,
                until=request.until,
                timeout=request.timeout,
                tracer=request.tracer,
                watch=request.watch,
                progress=progress,
            )
        rootfs, _ = job.tree.wait()
        observations = restrict_to_image(rootfs, replace(seen, warnings=(*seen.warnings, *lost_event_warnings(seen))))
        one = Trace(source_id=job.source.id, exercise=None, observations=observations)
        name = str(found.attributes()["Config"]["Image"])
        return dumps(replace(job.source, reference=name), (one,)), name, (one,)
