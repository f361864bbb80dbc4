"""Implement `docker slim profile`: observe an app, conclude what it may do, and verify that it works under that."""

from __future__ import annotations

import os
from dataclasses import replace

from docker_slim_plugin.engine.secrets import MaskingProgress, masked_errors, secrets_of
from docker_slim_plugin.model.request import ProfileRequest
from docker_slim_plugin.observe.trace import merge_observations
from docker_slim_plugin.profile.report import ProfileReport
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.workflows.steps.job import open_job
from docker_slim_plugin.workflows.steps.observe_runs import observe_runs
from docker_slim_plugin.workflows.steps.write_profile import Target, check_target, write_profile


def make_profile(request: ProfileRequest, progress: Progress) -> ProfileReport:
    """Write the profile of `request.image` into its folder, and return the report. VerificationFailed without one."""
    check_target(request, request.folder, force=request.force)
    secrets = secrets_of(request.docker_options, os.environ)
    # A slim image is a good source here, which is what `force` says to the job.
    observed = replace(request, tracer="syscall", record_calls=True, force=True)
    with masked_errors(secrets), open_job(observed, MaskingProgress(progress, secrets)) as job:
        target = Target(reference=request.image, image=job.source.id, folder=request.folder, force=request.force)
        return write_profile(job, request, target, merge_observations(observe_runs(job)))
