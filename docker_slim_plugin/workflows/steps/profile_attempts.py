"""Try inside a container what a profile must stop: without restrictions, with docker's own, and under it."""

from __future__ import annotations

import os

from docker_slim_plugin.engine.attempt_program import attempt_program, read_results
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.errors import SlimError, VerificationFailed
from docker_slim_plugin.host.workspace import workspace
from docker_slim_plugin.model.profile import Profile
from docker_slim_plugin.profile.attempts import Planned, find_errors, judge, plan_attempts
from docker_slim_plugin.profile.report import Attempt
from docker_slim_plugin.workflows.steps.profile_trials import Trials

PROGRAM = "/.docker-slim-attempts"
_SECONDS = 30.0
_UNCONFINED = (
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--cap-add=SYS_ADMIN",
)
"""Beside docker's own capabilities, mount(2) and unshare(2) need this one. Not every engine can give all of them."""
_AS_ROOT = ("--user=0:0", "--no-healthcheck")
"""A stronger attempt than one of the app's user: what stops root stops everybody."""
_IRRELEVANT = frozenset({"--log-driver", "--log-opt", "--user", "--tty", "--interactive", "--no-healthcheck"})


def make_attempts(trials: Trials, profile: Profile) -> tuple[Attempt, ...]:
    """Return the attempts with their results. VerificationFailed if the profile does not stop one of them."""
    planned = plan_attempts(profile, trials.evidence.rootfs.children)
    if not planned:
        return ()
    job = trials.job
    with job.clock.step("try what is forbidden", times=2), workspace(job.engine.run_id) as directory:
        program = directory / "attempts"
        program.write_bytes(attempt_program(os.uname().machine, [call for _, _, steps in planned for call in steps]))
        program.chmod(0o755)
        mount = f"--volume={program}:{PROGRAM}:ro"
        options = [one for one in trials.launch(profile).options if not _is_irrelevant(one)]
        control = _results(job.engine, trials.image, (mount, *_AS_ROOT, *_UNCONFINED), planned)
        default = _results(job.engine, trials.image, (mount, *_AS_ROOT), planned)
        confined = _results(job.engine, trials.image, (*options, mount, *_AS_ROOT), planned)
    found = judge(planned, control, default, confined)
    if passed := [one for one in found if one.control == one.confined == "ok"]:
        raise VerificationFailed(
            f"the profile does not stop all that it must, so none was written: {passed[0].name} ({passed[0].by})",
            hint="docker slim doctor says what this engine and this kernel can enforce",
        )
    return found


def _is_irrelevant(option: str) -> bool:
    return option.partition("=")[0] in _IRRELEVANT or option.startswith("--health-")


def _results(engine: Engine, image: str, options: tuple[str, ...], planned: tuple[Planned, ...]) -> tuple[int, ...]:
    """Run the program in a container of the image, and return the errno of each attempt."""
    with engine.container((*options, "--entrypoint", PROGRAM), image, ()) as container:
        container.start()
        status = container.wait(_SECONDS)
        output = container.output()
    try:
        return find_errors(planned, read_results(output, sum(len(steps) for _, _, steps in planned)))
    except ValueError as error:
        text = f"cannot try what the profile forbids: the program for it ended with status {status}, and wrote {error}"
        raise SlimError(text) from error
