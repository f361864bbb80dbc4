"""Implement `docker slim trace`: observe an image and write only the trace."""

from __future__ import annotations

import os
from dataclasses import replace

from docker_slim_plugin.engine.secrets import MaskingProgress, masked_errors, secrets_of
from docker_slim_plugin.model.request import Request
from docker_slim_plugin.observe.trace import Trace, dumps, restrict_to_image
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.workflows.steps.job import open_job
from docker_slim_plugin.workflows.steps.observe_runs import observe_runs
from docker_slim_plugin.workflows.steps.other_starts import observe_other_starts


def trace(request: Request, progress: Progress) -> tuple[str, tuple[Trace, ...]]:
    """Observe `request.image`. Returns the text of a trace file, and the traces in it."""
    secrets = secrets_of(request.docker_options, os.environ)
    with masked_errors(secrets), open_job(request, MaskingProgress(progress, secrets)) as job:
        traces = observe_runs(job)
        traces += observe_other_starts(job, traces[0])
        rootfs, _ = job.tree.wait()
        image_traces = tuple(replace(one, observations=restrict_to_image(rootfs, one.observations)) for one in traces)
        return dumps(job.source, image_traces), traces
