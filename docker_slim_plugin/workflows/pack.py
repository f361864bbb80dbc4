"""Implement `docker slim pack`: keep requested files and their dependencies, without running anything of the image."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.platform import is_native
from docker_slim_plugin.engine.secrets import Secrets
from docker_slim_plugin.errors import SlimError, VerificationFailed
from docker_slim_plugin.image import file_outputs, writer
from docker_slim_plugin.image.config import apply_changes, is_slim
from docker_slim_plugin.image.names import make_names
from docker_slim_plugin.image.writer import Draft
from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.environment import DEFAULT_PATH, MAX_PATH
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.observation import Observations, RunResult
from docker_slim_plugin.model.plan import FilePlan, Group, KeptEntry
from docker_slim_plugin.model.request import DOCUMENT_FORMS, ENGINE_FORMS, PackRequest
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.report.record import Report
from docker_slim_plugin.report.saving import make_report_path, save_or_warn
from docker_slim_plugin.resolve.image_config import USERS, has_user
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.sandbox import Sandbox
from docker_slim_plugin.verify.check import compare_layers, limit_sentences, verify
from docker_slim_plugin.workflows.steps.clock import Clock
from docker_slim_plugin.workflows.steps.documents import add_documents, check_documents, check_findings
from docker_slim_plugin.workflows.steps.job import ImageJob, open_image

MAX_PROGRAM_NAME = 4096
"""Longest name, in characters, that can be that of a program."""
NO_OBSERVATIONS = Observations(accesses=(), result=RunResult(), mode="off", watch="off")


PackJob = ImageJob[PackRequest]


def pack(request: PackRequest, progress: Progress) -> Report:
    """Write requested files of `request.image` as images, tars or build contexts, and compare each with the source."""
    clock = Clock(progress)
    if os.geteuid() != 0:
        raise SlimError("cannot read an image's files without root", hint="sudo docker slim pack ...")
    file_outputs.check_outputs(request.outputs)
    check_documents(request.outputs)
    with clock.step("inspect"):
        engine = Engine.connect(request.global_options)
        source = engine.source(request.image, pull=request.pull, platform=request.platform, foreign=True)
        if is_slim(source) and not request.force:
            raise SlimError(f"cannot pack {request.image}: it is slim already", hint="--force does it all the same")
        image_names = make_names(source, request.tag, "packed")
        writer.claim_names(
            engine, map(image_names.of, sorted({*ENGINE_FORMS} & {*request.outputs})), force=request.force
        )
        target = replace(source, config=apply_changes(source.config, request.changes))
    with open_image(request, engine, source, target, image_names, clock, Sandbox()) as job:
        check_findings(job)
        with clock.step("read the image"):
            rootfs, notes = job.tree.wait()
        with clock.step("resolve"):
            plan = job.make_plan(rootfs, NO_OBSERVATIONS)
        # A tar and a document have no configuration to check.
        wants_config = any(file_outputs.split_output(one)[0] not in ("tar", *DOCUMENT_FORMS) for one in request.outputs)
        report = Report(
            source=job.tree.measured(),
            observations=NO_OBSERVATIONS,
            plan=plan,
            warnings=(
                *notes,
                *plan.warnings,
                *(check_config(rootfs, plan, target, job.sandbox) if wants_config else ()),
            ),
            notes=(*plan.notes, *foreign_platform_notes(source)),
            command=request.line,
            file=str(make_report_path(source.reference, os.environ)),
        )
        if not request.dry_run:
            report = write_and_compare(job, report, rootfs)
        existing = engine.image_ids()
    report = replace(report, seconds=clock.seconds(), phases=tuple(clock.phases)).redact(Secrets())
    return save_or_warn(report, existing, progress)


def foreign_platform_notes(source: SourceImage) -> tuple[str, ...]:
    """Return a note if this host cannot run the image's platform."""
    if is_native(source):
        return ()
    return (f"the image is for {source.os}/{source.architecture}: packed all the same, nothing of it is run",)


def check_config(rootfs: Rootfs, plan: FilePlan, target: SourceImage, sandbox: Sandbox) -> Iterator[str]:
    """Yield warnings about what the configuration refers to and the plan lacks: docker could not start the image."""
    kept = plan.by_path()
    config = target.config
    argv = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    if not argv:
        yield "the image has no command: --cmd or --entrypoint gives it one"
    elif not _is_command_kept(rootfs, kept, argv[0], config.get("Env") or (), str(config.get("WorkingDir") or "/")):
        yield f"the image's command, {argv[0]!r}, is not in it: --cmd or --entrypoint names another one"
    user = str(config.get("User") or "").partition(":")[0]
    known = not user or user.isdigit() or (RootPath(USERS) in kept and sandbox.call(has_user, rootfs, user))
    if not known:
        yield f"the image's user, {user!r}, is not in its /etc/passwd: --user names another one, or a number"


def _is_command_kept(
    rootfs: Rootfs, kept: Mapping[RootPath, KeptEntry], program: str, env: Sequence[str], workdir: str
) -> bool:
    if len(program) > MAX_PROGRAM_NAME:
        return False
    path = next((item.partition("=")[2] for item in reversed(env) if item.startswith("PATH=")), DEFAULT_PATH)
    parts = path.split(":", MAX_PATH)[:MAX_PATH]
    places = [os.path.join(workdir, program)] if "/" in program else [f"{part}/{program}" for part in parts]
    return any(rootfs.walk(place).end in kept for place in places if place.startswith("/"))


def write_and_compare(job: PackJob, report: Report, rootfs: Rootfs) -> Report:
    """Write all outputs and return the completed report.

    Images get their names, and files are written, only if no comparison found a difference.
    """
    engine, plan, outputs, base_image = job.engine, report.plan, job.request.outputs, job.extras.base_image
    with ExitStack() as stack:
        for form in ENGINE_FORMS:
            stack.callback(engine.untag, engine.temporary_name(form))
        with job.clock.step("write"):
            draft = writer.write_layers(job.target, rootfs, plan, job.directory, base_image)
            has_tar = file_outputs.has_tar(outputs)
            flat = writer.write_flat_tar(rootfs, plan, job.directory, base_image) if has_tar else None
        draft, target = add_documents(job, job.target, rootfs, plan, draft)
        job = replace(job, target=target)
        with job.clock.step("compare"):
            layers = [Path(blob.file) for blob in draft.own_layers]
            differences = compare_layers(layers, plan, draft.hashes, optional_groups=(Group.COMMON,))
            require_no_differences("layers", differences)
            if flat:
                require_no_differences("tar", compare_layers([flat], plan, draft.hashes))
        verified = []
        for one in load_forms(job, plan, draft):
            image = one.named(job.image_names.of(one.image.form))
            with job.clock.step(f"compare {image.form}"):
                verdict = verify(engine, job.target, image, plan, one.hashes, (), job.clock.progress)
            require_no_differences(image.form, verdict.differences)
            verified.append((image, verdict))
        for image, _ in verified:
            engine.tag_image(image.id, image.reference)
        return replace(
            report,
            images=tuple(image for image, _ in verified),
            verdicts=tuple(verdict for _, verdict in verified),
            outputs=file_outputs.write_outputs(outputs, draft, job.image_names.layered, flat),
            warnings=(*report.warnings, *draft.warnings, *file_outputs.find_config_losses(outputs, draft)),
            notes=(*report.notes, *draft.notes),
        )


def load_forms(job: PackJob, plan: FilePlan, draft: Draft) -> Iterator[Draft]:
    """Yield each requested form of the image after it was loaded into the engine."""
    outputs = job.request.outputs
    if not set(ENGINE_FORMS) & set(outputs):
        return
    with job.clock.step("load"):
        layered = writer.load_draft(job.engine, draft, job.directory)
    if "layered" in outputs:
        yield layered
    if "squashed" in outputs:
        with job.clock.step("write squashed"):
            squashed = writer.load_squashed(job.engine, job.target, plan, layered, job.directory)
        yield squashed


def require_no_differences(form: str, differences: Iterable[str]) -> None:
    """Raise VerificationFailed if there are any differences."""
    found = tuple(differences)
    if found:
        what = "\n    ".join(limit_sentences(found))
        raise VerificationFailed(
            f"verification of the {form} failed, so nothing was tagged:\n    {what}", hint="try again"
        )
