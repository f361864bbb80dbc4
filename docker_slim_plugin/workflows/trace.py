"""`trace`: observe an image, and write nothing but the trace."""

from __future__ import annotations

import os
from dataclasses import replace

from docker_slim_plugin.engine.secrets import MaskingProgress, masked_errors, secrets_of
from docker_slim_plugin.model.request import Request
from docker_slim_plugin.observe.trace import Trace, dumps, restrict_to_image
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.workflows.steps.job import opened
from docker_slim_plugin.workflows.steps.observe_runs import observed


def trace(request: Request, progress: Progress) -> tuple[str, tuple[Trace, ...]]:
    """Observe `request.image`, write nothing; return the text of a trace file, and what is in it."""
    secrets = secrets_of(request.docker_options, os.environ)
    with masked_errors(secrets), opened(request, MaskingProgress(progress, secrets)) as job:
        traces = observed(job)
        rootfs, _ = job.tree.wait()
        small = tuple(replace(one, observations=restrict_to_image(rootfs, one.observations)) for one in traces)
        return dumps(job.source, small), traces
