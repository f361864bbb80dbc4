"""Write the images of a plan, verify them, and repair the plan if the run had missed something."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from docker_slim_plugin.engine.background import background
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image import file_outputs, writer
from docker_slim_plugin.image.config import label_level
from docker_slim_plugin.image.writer import Draft
from docker_slim_plugin.model.image import SlimImage
from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.model.request import CONFINED
from docker_slim_plugin.model.verdict import Verdict
from docker_slim_plugin.report.record import Repair, Report
from docker_slim_plugin.resolve.directory_listings import find_opened_directories
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.verify.check import verify
from docker_slim_plugin.verify.replay import Replay, is_parallel_safe
from docker_slim_plugin.workflows.steps.confine import add_confined_image
from docker_slim_plugin.workflows.steps.documents import add_documents
from docker_slim_plugin.workflows.steps.job import Job

ROUNDS = 3
"""Most repairs that are tried."""


def write_verified_images(job: Job, report: Report, rootfs: Rootfs, replays: tuple[Replay, ...]) -> Report:
    """Return the report with verified images. They get their names only if all of them passed."""
    missed: tuple[Access, ...] = ()
    for round_ in range(ROUNDS + 1):
        with ExitStack() as stack:
            stack.callback(job.engine.untag, job.engine.temporary_name("layered"))
            stack.callback(job.engine.untag, job.engine.temporary_name("squashed"))
            layered, tested = write_and_verify(job, report, rootfs, replays)
            if tested.passed:
                return finish(job, tested, layered, rootfs, replays, stack)
            if not is_repairable(job, tested) or round_ == ROUNDS:
                return tested
            with job.clock.step("repair", times=6 * (1 + len(replays))):
                accesses, is_same = observe_slim_image(job, layered, replays)
                if round_ == 0 and not is_same:
                    accesses += observe_source_again(job, replays)
            differences = tuple(text for one in tested.verdicts for text in one.differences)
            candidates = (accesses,) if is_same else (accesses, list_opened_directories(rootfs, report))
            repair = plan_repair(job, report, rootfs, differences, candidates, missed)
            if repair is None and not is_same and (excused := excuse_number_differences(tested)):
                return finish(job, excused, layered, rootfs, replays, stack)
        if repair is not None:
            missed, report = repair
            job.progress.note(report.repairs[-1].sentence())
        elif is_same:
            note = f"a slim image behaved differently once, but not when it was tried again: {differences[0]}"
            report = replace(report, warnings=(*report.warnings, note))
        else:
            return tested
    raise AssertionError


def finish(
    job: Job, report: Report, layered: Draft, rootfs: Rootfs, replays: tuple[Replay, ...], stack: ExitStack
) -> Report:
    """Make the confined image, if it is asked for, and name all of them if it passes too."""
    if CONFINED in job.request.outputs:
        report = add_confined_image(job, report, layered, rootfs, replays, stack)
    return name_images(job, report, layered, rootfs) if report.passed else report


def plan_repair(
    job: Job,
    report: Report,
    rootfs: Rootfs,
    differences: tuple[str, ...],
    candidates: tuple[tuple[Access, ...], ...],
    missed: tuple[Access, ...],
) -> tuple[tuple[Access, ...], Report] | None:
    """Return all missed accesses so far, and the report with a plan that has the missing files.

    The first of `candidates` that adds any file is used. None if none of them does.
    """
    for more in candidates:
        plan = job.make_plan(rootfs, report.observations, (*missed, *more))
        added = tuple(sorted(set(plan.by_path()) - set(report.plan.by_path())))
        if added:
            repair = Repair(because=differences, added=added)
            return (*missed, *more), replace(report, plan=plan, repairs=(*report.repairs, repair))
    return None


def write_and_verify(job: Job, report: Report, rootfs: Rootfs, replays: tuple[Replay, ...]) -> tuple[Draft, Report]:
    """Write both forms under temporary names and verify them. Returns the layered image, and the report on both."""
    engine, source, plan, request = job.engine, job.source, report.plan, job.request
    labelled = label_level(source, request.selection.level)
    size = sum(entry.size for entry in plan.files())

    def verify_draft(draft: Draft) -> tuple[SlimImage, tuple[Verdict, ...]]:
        image = draft.named(job.image_names.of(draft.image.form))
        if not request.verify:
            return image, ()
        with job.clock.step(f"verify {image.form}", times=4 * (1 + len(replays)), size=size):
            return image, (verify(engine, source, image, plan, draft.hashes, replays, job.progress),)

    def squash() -> Draft:
        with job.clock.step("write squashed", size=size):
            return writer.load_squashed(engine, labelled, plan, layered, job.directory)

    with job.clock.step("write layered", size=size):
        written = writer.write_layers(labelled, rootfs, plan, job.directory, job.extras.base_image)
    written, labelled = add_documents(job, labelled, rootfs, plan, written)
    with job.clock.step("load layered", size=size):
        layered = writer.load_draft(engine, written, job.directory)
    # The squashed image is written while the layered one is verified. If possible, both are verified in parallel.
    with background(engine) as executor:
        squashed = executor.submit(squash) if "squashed" in request.outputs else None
        parallel_test = (
            executor.submit(lambda: verify_draft(squashed.result())) if squashed and is_parallel_safe(replays) else None
        )
        # Output files have the content of the layered image, so it is verified for them too.
        found = [verify_draft(layered)] if set(request.outputs) != {"squashed"} else []
        if squashed:
            found.append(parallel_test.result() if parallel_test else verify_draft(squashed.result()))
    return layered, replace(
        report,
        images=tuple(image for image, _ in found if image.form in request.outputs),
        verdicts=tuple(verdict for _, verdicts in found for verdict in verdicts),
    )


def name_images(job: Job, report: Report, layered: Draft, rootfs: Rootfs) -> Report:
    """Give the images their names and write the other outputs. Raises SlimError if they are larger."""
    smallest = min((image.size for image in report.images), default=0)
    if smallest > report.source.size and not job.request.force:
        raise SlimError(
            f"cannot make {job.source.reference} smaller: it has {report.source.size:,} bytes, "
            f"and what the app needs has {smallest:,}",
            hint="--force writes the image all the same",
        )
    warnings = [warning for verdict in report.verdicts for warning in verdict.warnings]
    warnings += layered.warnings
    warnings += file_outputs.find_config_losses(job.request.outputs, layered)
    warnings += [repair.sentence() for repair in report.repairs]
    if smallest == report.source.size:
        warnings.append(f"the app needs all of {job.source.reference}: there is nothing to leave out")
    for image in report.images:
        job.engine.tag_image(image.id, image.reference)
    requested_outputs = job.request.outputs
    tar = file_outputs.has_tar(requested_outputs)
    flat = writer.write_flat_tar(rootfs, report.plan, job.directory, job.extras.base_image) if tar else None
    outputs = file_outputs.write_outputs(requested_outputs, layered, job.image_names.layered, flat)
    return replace(
        report,
        outputs=outputs,
        warnings=(*report.warnings, *dict.fromkeys(warnings)),
        notes=(*report.notes, *layered.notes),
    )


def is_repairable(job: Job, report: Report) -> bool:
    """Return whether more files could repair the images. Mismatches with the plan cannot be repaired that way."""
    return job.request.repair and not any(verdict.mismatches for verdict in report.verdicts)


def excuse_number_differences(report: Report) -> Report | None:
    """Return the report with differences in numbers as warnings, or None if there are other differences.

    Use this only for an image that has every file that it asks for, and all files in the directories that the app
    opened.
    """
    if any(verdict.behaviour for verdict in report.verdicts):
        return None
    said = "{}: only numbers differ, and no file that it asks for is missing"
    excused = (
        replace(
            one,
            number_differences=(),
            warnings=(*one.warnings, *(said.format(text) for text in one.number_differences)),
        )
        for one in report.verdicts
    )
    return replace(report, verdicts=tuple(excused))


def observe_slim_image(job: Job, draft: Draft, replays: tuple[Replay, ...]) -> tuple[tuple[Access, ...], bool]:
    """Run the slim image under observation. Returns its accesses, and whether it behaved like the source this time."""
    found: list[Access] = []
    is_same = True
    for replay in replays:
        seen = job.observer.observe(draft.image.reference, replay.drive, allow_failure=True)
        found += seen.accesses
        findings = replay.compare_results(job.progress, seen.result)
        is_same = is_same and not (findings.differences or findings.number_differences)
    return tuple(found), is_same


def observe_source_again(job: Job, replays: tuple[Replay, ...]) -> tuple[Access, ...]:
    """Observe the source once more: with data that its first run left in a volume, it may behave differently."""
    seen = (job.observer.observe(job.source.id, replay.drive, allow_failure=True) for replay in replays)
    return tuple(access for one in seen for access in one.accesses)


def list_opened_directories(rootfs: Rootfs, report: Report) -> tuple[Access, ...]:
    """Return the names in the directories that the source's run opened. An app may only count or show them."""
    return tuple(
        Access(f"{directory.rstrip('/')}/{name}", AccessKind.LIST, access.origin, access.process)
        for directory, access in find_opened_directories(rootfs, report.observations.accesses)
        for name in rootfs.children.get(directory, ())
    )
