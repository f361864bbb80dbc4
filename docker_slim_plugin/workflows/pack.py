"""`pack` on one screen: what is named and what that needs, out of an image, without running anything of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from docker_slim_plugin.engine import Engine, is_native
from docker_slim_plugin.errors import SlimError, VerificationFailed
from docker_slim_plugin.host.workspace import workspace
from docker_slim_plugin.image import file_outputs, writer
from docker_slim_plugin.image.config import changed, is_slim
from docker_slim_plugin.image.names import Names, names
from docker_slim_plugin.image.writer import Draft
from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.observation import Observations, RunResult
from docker_slim_plugin.model.plan import FilePlan, Group, Kept
from docker_slim_plugin.model.request import PackRequest
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.report.record import Report, keep, report_file
from docker_slim_plugin.resolve.image_config import USERS, has_user
from docker_slim_plugin.resolve.resolution import expand, resolve_compact
from docker_slim_plugin.resolve.script_interpreters import DEFAULT_PATH, MAX_PATH
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.pristine import PristineTree
from docker_slim_plugin.rootfs.sandbox import Sandbox
from docker_slim_plugin.verify.check import compare_layers, shortened, verify
from docker_slim_plugin.workflows.steps.clock import Clock
from docker_slim_plugin.workflows.steps.layering import Extras, complete, extras_of

LONGEST = 4096
"""Characters of a program's name that could be one."""
ENGINE_FORMS = frozenset({"layered", "squashed"})
NOTHING = Observations(accesses=(), result=RunResult(), mode="off", watch="off")


def pack(request: PackRequest, progress: Progress) -> Report:
    """Write what is named of `request.image` as images, tars or build contexts; compare each with the source."""
    clock = Clock(progress)
    if os.geteuid() != 0:
        raise SlimError("cannot read an image's files without root", hint="sudo docker slim pack ...")
    file_outputs.check(request.outputs)
    with clock.step("inspect"):
        engine = Engine.connect(request.global_options)
        source = engine.source(request.image, pull=request.pull, platform=request.platform, foreign=True)
        if is_slim(source) and not request.force:
            raise SlimError(f"cannot pack {request.image}: it is slim already", hint="--force does it all the same")
        called = names(source, request.tag, "packed")
        writer.claim(engine, map(called.of, sorted(ENGINE_FORMS & set(request.outputs))), force=request.force)
        wanted = replace(source, config=changed(source.config, request.changes))
    with (
        engine.nothing_left(),
        Sandbox() as sandbox,
        PristineTree(engine, source, sandbox) as tree,
        workspace(engine.run_id) as directory,
        extras_of(engine, source, request, directory, sandbox) as extras,
    ):
        with clock.step("read the image"):
            rootfs, notes = tree.wait()
        with clock.step("resolve"):
            found = sandbox.call(resolve_compact, rootfs, NOTHING, request.selection, wanted)
            plan = complete(expand(found, rootfs), rootfs, extras, sandbox)
        # A tar has no configuration to be fit or unfit.
        wants_config = any(file_outputs.split(one)[0] != "tar" for one in request.outputs)
        report = Report(
            source=tree.measured(),
            observations=NOTHING,
            plan=plan,
            warnings=(*notes, *plan.warnings, *(unfit(rootfs, plan, wanted, sandbox) if wants_config else ())),
            notes=(*plan.notes, *foreign(source)),
            file=str(report_file(source.reference, os.environ)),
        )
        if not request.dry_run:
            report = write_and_compare(engine, request, report, wanted, rootfs, extras, called, directory, clock)
    report = replace(report, seconds=clock.seconds(), phases=tuple(clock.phases))
    return keep(report, progress)


def foreign(source: SourceImage) -> tuple[str, ...]:
    if is_native(source):
        return ()
    return (f"the image is for {source.os}/{source.architecture}: packed all the same, nothing of it is run",)


def unfit(rootfs: Rootfs, plan: FilePlan, wanted: SourceImage, sandbox: Sandbox) -> Iterator[str]:
    """Yield what the configuration names that is not in the plan: docker could not start such an image."""
    kept = plan.by_path()
    config = wanted.config
    argv = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    if not argv:
        yield "the image has no command: --cmd or --entrypoint gives it one"
    elif not _is_there(rootfs, kept, argv[0], config.get("Env") or (), str(config.get("WorkingDir") or "/")):
        yield f"the image's command, {argv[0]!r}, is not in it: --cmd or --entrypoint names another one"
    user = str(config.get("User") or "").partition(":")[0]
    known = not user or user.isdigit() or (RootPath(USERS) in kept and sandbox.call(has_user, rootfs, user))
    if not known:
        yield f"the image's user, {user!r}, is in no /etc/passwd of it: --user names another one, or a number"


def _is_there(rootfs: Rootfs, kept: Mapping[RootPath, Kept], program: str, env: Sequence[str], workdir: str) -> bool:
    if len(program) > LONGEST:
        return False
    path = next((item.partition("=")[2] for item in reversed(env) if item.startswith("PATH=")), DEFAULT_PATH)
    parts = path.split(":", MAX_PATH)[:MAX_PATH]
    places = [os.path.join(workdir, program)] if "/" in program else [f"{part}/{program}" for part in parts]
    return any(rootfs.walk(place).end in kept for place in places if place.startswith("/"))


def write_and_compare(
    engine: Engine,
    request: PackRequest,
    report: Report,
    wanted: SourceImage,
    rootfs: Rootfs,
    extras: Extras,
    called: Names,
    directory: Path,
    clock: Clock,
) -> Report:
    """Return the report with everything written; images get their names, and files are there, when all is right."""
    plan, outputs = report.plan, request.outputs
    with ExitStack() as stack:
        for form in ENGINE_FORMS:
            stack.callback(engine.unname, engine.temporary(form))
        with clock.step("write"):
            draft = writer.written(wanted, rootfs, plan, directory, extras.common)
            flat = writer.flat(rootfs, plan, directory, extras.common) if file_outputs.wants_tar(outputs) else None
        with clock.step("compare"):
            layers = [Path(blob.file) for blob in draft.own]
            require("layers", compare_layers(layers, plan, draft.hashes, besides=(Group.COMMON,)))
            if flat:
                require("tar", compare_layers([flat], plan, draft.hashes))
        proved = []
        for one in in_engine(engine, wanted, plan, draft, outputs, directory, clock):
            image = one.image(called.of(one.form))
            with clock.step(f"compare {one.form}"):
                verdict = verify(engine, wanted, image, plan, one.hashes, (), clock.progress)
            require(one.form, verdict.differences)
            proved.append((image, verdict))
        for image, _ in proved:
            engine.name(image.id, image.reference)
        return replace(
            report,
            images=tuple(image for image, _ in proved),
            verdicts=tuple(verdict for _, verdict in proved),
            outputs=file_outputs.write(outputs, draft, called.layered, flat),
            warnings=(*report.warnings, *draft.warnings, *file_outputs.shortcomings(outputs, draft)),
        )


def in_engine(
    engine: Engine,
    wanted: SourceImage,
    plan: FilePlan,
    draft: Draft,
    outputs: Sequence[str],
    directory: Path,
    clock: Clock,
) -> Iterator[Draft]:
    """Yield each form that is asked for, loaded into the engine."""
    if not ENGINE_FORMS & set(outputs):
        return
    with clock.step("load"):
        layered = writer.load(engine, draft, directory)
    if "layered" in outputs:
        yield layered
    if "squashed" in outputs:
        with clock.step("write squashed"):
            squashed = writer.squashed(engine, wanted, plan, layered, directory)
        yield squashed


def require(form: str, differences: Iterable[str]) -> None:
    """Raise VerificationFailed when there are any."""
    found = tuple(differences)
    if found:
        what = "\n    ".join(shortened(found))
        raise VerificationFailed(f"cannot vouch for the {form}, so nothing was named:\n    {what}", hint="try again")
