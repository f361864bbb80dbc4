"""Conclude the profile of an image from what a run showed, verify it, and write its folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from docker_slim_plugin.engine.secrets import secrets_of
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.observation import Observations
from docker_slim_plugin.model.profile import Profile
from docker_slim_plugin.model.request import Request, Restrictions
from docker_slim_plugin.observe.launch import option_pairs
from docker_slim_plugin.profile import apparmor
from docker_slim_plugin.profile.attempts import OPEN_HOLES
from docker_slim_plugin.profile.call_lists import wanted_functions
from docker_slim_plugin.profile.command_line import SECCOMP, Start, run_text, run_words
from docker_slim_plugin.profile.compose import compose_document
from docker_slim_plugin.profile.evidence import Evidence
from docker_slim_plugin.profile.folder import PROFILE, check_folder, write_folder
from docker_slim_plugin.profile.imports import find_imports
from docker_slim_plugin.profile.kubernetes import kubernetes_documents
from docker_slim_plugin.profile.limits import is_given
from docker_slim_plugin.profile.report import ProfileReport, json_text
from docker_slim_plugin.profile.seccomp import seccomp_profile
from docker_slim_plugin.profile.switches import read_allowed
from docker_slim_plugin.profile.yaml_text import yaml_text
from docker_slim_plugin.verify.replay import Replay
from docker_slim_plugin.workflows.steps.job import Job, make_run_plan
from docker_slim_plugin.workflows.steps.profile_attempts import make_attempts
from docker_slim_plugin.workflows.steps.profile_trials import Trials, drop_unneeded, judge_ports, verified_profile

RUN, COMPOSE, KUBERNETES = "run.txt", "compose.yaml", "kubernetes.yaml"
_NOT_TRIED = (
    f"{apparmor.FILE} and the NetworkPolicy in {KUBERNETES}: written from the same record, not tried by this engine",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The image that gets the profile, and where that is written."""

    reference: str
    image: str
    """Its id."""
    folder: str
    force: bool
    """Whether a folder of an earlier profile is written anew."""


def check_target(request: Request, folder: str, *, force: bool) -> None:
    """Raise SlimError if it is already known that there can be no profile."""
    check_folder(folder, force=force)
    for name, value in option_pairs(request.docker_options):
        if name == "--privileged" and value not in ("false", "0", "f"):
            raise SlimError(
                "cannot restrict a container with --privileged: the engine then ignores what restricts it",
                hint="--cap-add and --device give the app what it needs",
            )


def write_profile(job: Job, wanted: Restrictions, target: Target, observations: Observations) -> ProfileReport:
    """Write the profile of an image that behaves as the job's source did, and return the report.

    VerificationFailed if there is none under which it does.
    """
    if not observations.calls:
        raise SlimError(
            f"cannot make a profile: the system calls of the run were not recorded (tracer: {observations.mode})",
            hint="an app that traces processes itself cannot be observed that closely",
        )
    request = job.request
    secrets = secrets_of(request.docker_options, os.environ).with_arguments([request.command])
    drive = make_run_plan(job.source, request.exercise(), job.sandbox)
    replay = Replay(job.engine, job.source, drive, observations.result)
    evidence = read_evidence(job, wanted, observations)
    trials = Trials(job=job, wanted=wanted, image=target.image, replay=replay, evidence=evidence)
    trials, profile, repairs = verified_profile(trials)
    profile = judge_ports(trials, drop_unneeded(trials, profile))
    attempts = () if wanted.no_attempts else make_attempts(trials, profile)
    start = Start(
        image=target.reference,
        options=tuple(option_pairs(request.docker_options)),
        entrypoint=drive.launch.entrypoint,
        command=request.command,
    )
    profile = replace(profile, image=target.reference)
    report = ProfileReport(
        source=replace(job.tree.measured(), reference=target.reference, id=target.image),
        evidence=trials.evidence,
        profile=profile,
        result=observations.result,
        repairs=repairs,
        attempts=attempts,
        not_enforced=(*OPEN_HOLES, *_NOT_TRIED),
        warnings=(
            *observations.warnings,
            *_warnings(trials.evidence, profile),
            *_unknown_limits(trials.evidence, wanted, profile),
        ),
        run=secrets.mask_arguments(run_words(profile, start)),
        folder=os.path.abspath(target.folder),
        mask=secrets.mask_command,
        seconds=job.clock.seconds(),
    )
    documents = make_documents(profile, start, trials.evidence.full_user)
    report = replace(report, files=(PROFILE, *documents))
    # The other files are to be used, so a value that is also the name of a call or a path stays there.
    write_folder(target.folder, {PROFILE: report.text() + "\n", **documents}, force=target.force)
    return report


def make_documents(profile: Profile, start: Start, user: str) -> dict[str, str]:
    """Return the files of a profile beside its record, {name: text}."""
    found = {}
    if profile.calls is not None:
        found[SECCOMP] = json_text(seccomp_profile(profile.calls, profile.architecture)) + "\n"
    found[RUN] = run_text(profile, start)
    found[COMPOSE] = yaml_text([compose_document(profile, start)])
    found[KUBERNETES] = yaml_text(kubernetes_documents(profile, start, user))
    found[apparmor.FILE] = apparmor.apparmor_profile(profile, start)
    return found


def read_evidence(job: Job, wanted: Restrictions, observations: Observations) -> Evidence:
    """Return what a profile is concluded from."""
    with job.clock.step("resolve"):
        rootfs, _ = job.tree.wait()
        plan = job.make_plan(rootfs, observations)
        imports = job.sandbox.call(
            find_imports, rootfs, tuple(kept.entry.path for kept in plan.kept), wanted_functions()
        )
    return Evidence(
        source=job.source,
        observations=observations,
        rootfs=rootfs,
        imports=imports,
        options=tuple(option_pairs(job.request.docker_options)),
        machine=os.uname().machine,
        extra=read_allowed(wanted.allow),
    )


def _unknown_limits(evidence: Evidence, wanted: Restrictions, profile: Profile) -> Iterator[str]:
    """Yield a warning for each limit that was asked for, and whose use could not be read."""
    known = {one.name for one in profile.limits}
    for name in wanted.limits:
        if name not in known and not is_given(evidence, name):
            yield f"no limit of {name}: the app ended before what it uses was read, or this kernel does not count it"


def _warnings(evidence: Evidence, profile: Profile) -> tuple[str, ...]:
    found = []
    if profile.calls is not None and profile.calls.style == "strict" and evidence.imports.static:
        names = ", ".join(evidence.imports.static[:3])
        found.append(f"{names}: a static program has no import table, so --syscalls strict allows only what it called")
    if profile.files is not None and not profile.files.read_only:
        found.append(f"the root file system stays writable: {profile.files.reason}")
    if evidence.imports.by_name().get("syscall") and profile.calls is not None and profile.calls.style == "strict":
        path = evidence.imports.by_name()["syscall"]
        found.append(f"{path} imports syscall: it may make calls that its import table does not show")
    return tuple(found)
