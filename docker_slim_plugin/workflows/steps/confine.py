"""Write the confined form of a slim image, verify it like the others, and try what it must refuse."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from docker_slim_plugin.confine import derivation
from docker_slim_plugin.confine.derivation import Wishes
from docker_slim_plugin.confine.description import describe
from docker_slim_plugin.confine.launcher import LAUNCHER_PATH, MACHINES, NOTICES, launcher
from docker_slim_plugin.confine.rules import Rules
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image.config import label_level
from docker_slim_plugin.image.confined import Launcher, confined_config, confined_plan, load_confined
from docker_slim_plugin.image.writer import Draft
from docker_slim_plugin.model.confinement import Confinement
from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.observation import Observations, Use
from docker_slim_plugin.model.plan import FilePlan
from docker_slim_plugin.model.request import CONFINED
from docker_slim_plugin.observe.launch import option_pairs, tmpfs_paths
from docker_slim_plugin.report.record import Report
from docker_slim_plugin.resolve.elf.name_lookups import find_name_lookups
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.verify.attempts import failures, try_attempts, unenforced
from docker_slim_plugin.verify.check import verify
from docker_slim_plugin.verify.replay import Replay
from docker_slim_plugin.workflows.steps.job import Job

ROUNDS = 3
"""Most repairs of the rules that are tried."""
CAPABILITIES_TO_MOUNT = frozenset({"ALL", "SYS_ADMIN", "CAP_SYS_ADMIN"})


def derive_rules(job: Job, observations: Observations, rootfs: Rootfs, plan: FilePlan) -> Rules:
    """Return the rules of the confined image; SlimError when the app cannot be confined."""
    reference = job.source.reference
    if job.source.architecture not in MACHINES:
        hint = f"leave --confine out; there is a launcher for {' and '.join(MACHINES)}"
        raise SlimError(f"cannot confine {reference}: it is for {job.source.architecture}", hint=hint)
    if RootPath(LAUNCHER_PATH) in rootfs.entries:
        raise SlimError(f"cannot confine {reference}: it contains the file {LAUNCHER_PATH}", hint="leave --confine out")
    files = tuple(kept.entry.path for kept in plan.kept if kept.entry.kind is EntryKind.FILE and kept.content is None)
    mounted = tmpfs_paths(option_pairs(job.request.docker_options))
    wishes = Wishes(
        allow=job.request.confine_allow,
        deny=job.request.confine_deny,
        require=job.request.confine_require,
        volumes=tuple(dict.fromkeys((*(job.source.config.get("Volumes") or {}), *mounted))),
        can_mount=_can_mount(job),
        resolves_names=bool(job.sandbox.call(find_name_lookups, rootfs, files)),
    )
    derivation.check(reference, observations, wishes)
    return derivation.derive(observations, rootfs, set(plan.by_path()), job.source.config, wishes)


def plan_confinement(job: Job, observations: Observations, rootfs: Rootfs, plan: FilePlan) -> Confinement:
    """Return what a confined image would restrict; SlimError when there can be none."""
    rules = derive_rules(job, observations, rootfs, plan)
    return describe(rules, len(launcher(rules, MACHINES[job.source.architecture])))


def _can_mount(job: Job) -> bool:
    given = tuple(option_pairs(job.request.docker_options))
    is_privileged = any(name == "--privileged" and value != "false" for name, value in given)
    return is_privileged or any(
        name == "--cap-add" and (value or "").upper() in CAPABILITIES_TO_MOUNT for name, value in given
    )


def add_confined_image(
    job: Job, report: Report, layered: Draft, rootfs: Rootfs, replays: tuple[Replay, ...], stack: ExitStack
) -> Report:
    """Return the report with the confined image and its verdict, repaired if the rules stop what the source does.

    The image has a temporary name until `stack` is closed.
    """
    temporary = job.engine.temporary_name(CONFINED)
    stack.callback(job.engine.untag, temporary)
    observations, notes = report.observations, report.warnings
    rules = derive_rules(job, observations, rootfs, report.plan)
    for round_ in range(ROUNDS + 1):
        found = _write_and_verify(job, replace(report, warnings=notes), layered, rules, replays)
        if found.passed or round_ == ROUNDS or not job.request.repair:
            return found
        with job.clock.step("repair the rules", times=6 * (1 + len(replays))):
            observations = replace(observations, uses=observations.uses | _uses_behind(job, temporary, replays))
        repaired = derive_rules(job, observations, rootfs, report.plan)
        if repaired == rules:
            return found
        text = _repair_sentence(rules, repaired)
        job.progress.note(text)
        rules, notes = repaired, (*notes, text)
        job.engine.untag(temporary)
    raise AssertionError


def _uses_behind(job: Job, image: str, replays: tuple[Replay, ...]) -> frozenset[Use]:
    """Run the confined image under observation, and return what it tried to use.

    Each system call stops it: at one that a seccomp filter refuses, no other filter can.
    """
    observer = replace(job.observer, tracer="syscall")
    found: frozenset[Use] = frozenset()
    for replay in replays:
        launch = replace(replay.drive.launch, argv=(LAUNCHER_PATH, *replay.drive.launch.argv))
        found |= observer.observe(image, replace(replay.drive, launch=launch), allow_failure=True).uses
    return found


def _repair_sentence(before: Rules, after: Rules) -> str:
    new = dict.fromkeys(describe(after, 0).allowed) | dict.fromkeys(describe(before, 0).allowed)
    added = [f"{kind} {value}" for kind, value in new if (kind, value) not in describe(before, 0).allowed]
    return f"repaired: the rules of the confined image also allow what only it tried: {', '.join(added) or 'io_uring'}"


def _write_and_verify(job: Job, report: Report, layered: Draft, rules: Rules, replays: tuple[Replay, ...]) -> Report:
    """Return the report with the image of these rules, its verdict, and what was tried."""
    machine = MACHINES[job.source.architecture]
    program = Launcher(path=LAUNCHER_PATH, content=launcher(rules, machine))
    labelled = label_level(job.source, job.request.selection.level)
    source = replace(labelled, config=confined_config(labelled.config, program))
    with job.clock.step("write confined"):
        draft = load_confined(job.engine, source, report.plan, layered, program, job.directory)
    image = draft.named(job.image_names.of(CONFINED))
    confinement = describe(rules, len(program.content))
    report = replace(report, images=(*report.images, image), confinement=confinement)
    if not job.request.verify:
        return report
    plan = confined_plan(report.plan, program)
    behind = tuple(replay.behind(LAUNCHER_PATH, NOTICES) for replay in replays)
    with job.clock.step("verify confined", times=4 * (1 + len(replays))):
        verdict = verify(job.engine, source, image, plan, draft.hashes, behind, job.progress)
    # Its files are those of the layered image, whose numbers were looked at.
    verdict = replace(verdict, number_differences=(), warnings=(*verdict.warnings, *verdict.number_differences))
    if not verdict.passed:
        return replace(report, verdicts=(*report.verdicts, verdict))
    options = replays[0].launch.options if replays else ()
    with job.clock.step("try what is refused"):
        attempts = try_attempts(job.engine, draft.image.id, options, rules, machine, job.directory)
    warnings = report.warnings
    if names := unenforced(attempts):
        reason = "this kernel's Landlock is too old, or switched off"
        warnings += (f"{reason}, so the confined image allows here: {', '.join(names)}",)
    return replace(
        report,
        verdicts=(*report.verdicts, replace(verdict, behaviour=failures(attempts))),
        confinement=replace(confinement, attempts=attempts),
        warnings=warnings,
    )
