"""The main job on one screen: observe the app, resolve what it needs, write slim images, prove them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from docker_slim_plugin.engine import Engine
from docker_slim_plugin.errors import SlimError, VerificationFailed
from docker_slim_plugin.image import output
from docker_slim_plugin.image.config import is_slim
from docker_slim_plugin.image.output import Draft
from docker_slim_plugin.judge import judge
from docker_slim_plugin.launch import launch, pairs
from docker_slim_plugin.leftovers import workspace
from docker_slim_plugin.model import Observations, SlimImage, SourceImage
from docker_slim_plugin.naming import Names, names
from docker_slim_plugin.observe.drive import Drive
from docker_slim_plugin.observe.http import parse_http_probe
from docker_slim_plugin.observe.probe import SKIPPED, ProbePlan
from docker_slim_plugin.observe.session import observe
from docker_slim_plugin.pristine import PristineTree
from docker_slim_plugin.progress import Clock, Progress
from docker_slim_plugin.report import Report, report_file, save
from docker_slim_plugin.request import Request
from docker_slim_plugin.resolve.plan import resolve
from docker_slim_plugin.rootfs import Rootfs
from docker_slim_plugin.verify import Verdict, shortened, verify


def slim(request: Request, progress: Progress) -> Report:
    """Write slim images of `request.image`, try each, and return what was seen, kept and proved."""
    clock = Clock(progress)
    if os.geteuid() != 0:
        raise SlimError("cannot trace an app without root", hint="sudo docker slim run ...")
    output.check(request.outputs)
    with clock.step("inspect"):
        engine = Engine.connect(request.global_options)
        source = find_source(engine, request)
        drive = drive_of(request, source)
        called = names(source, request.tag)
    with engine.nothing_left(), PristineTree(engine, source) as tree, workspace(engine.run_id) as directory:
        with clock.step("observe"):
            observations = observe(
                engine, source.id, drive, tracer=request.tracer, watch=request.watch, progress=progress, tree=tree
            )
        warnings = judge(source, request, observations)
        with clock.step("resolve"):
            rootfs, notes = tree.wait()
            plan = resolve(rootfs, observations, request.selection, source)
        report = Report(
            source=source,
            observations=observations,
            plan=plan,
            warnings=(*observations.warnings, *lost(observations), *warnings, *notes, *plan.warnings),
            file=str(report_file(source.reference, os.environ)),
        )
        if not request.dry_run:
            report = write_and_verify(engine, request, report, rootfs, drive, called, directory, clock)
    report = replace(report, seconds=clock.seconds(), phases=tuple(clock.phases))
    save(report)
    if not report.passed:
        refuse(report)
    return report


def find_source(engine: Engine, request: Request) -> SourceImage:
    """Return the image that is to be slimmed, pulled where docker run would pull it."""
    options = dict(pairs(request.docker_options))
    source = engine.source(
        request.image, pull=options.get("--pull") or "missing", platform=options.get("--platform") or ""
    )
    if is_slim(source) and not request.force:
        raise SlimError(f"cannot slim {request.image}: it is slim already", hint="--force does it all the same")
    return source


def drive_of(request: Request, source: SourceImage) -> Drive:
    """Return how the app is started and what is done to it."""
    start = launch(source, request.docker_options, request.command)
    probes = ProbePlan(
        http=tuple(parse_http_probe(text) for text in request.http),
        crawl=not request.http and not request.no_http,
        exec_=request.exec_,
        host_exec=request.host_exec,
        healthcheck=start.healthcheck,
    )
    return Drive(launch=start, probes=probes, until=request.until, timeout=request.timeout)


def write_and_verify(
    engine: Engine,
    request: Request,
    report: Report,
    rootfs: Rootfs,
    drive: Drive,
    called: Names,
    directory: Path,
    clock: Clock,
) -> Report:
    """Return the report with images written and proved; they get their names only when all of them passed."""
    source, plan, original = report.source, report.plan, report.observations.result
    foreign = frozenset(int(probe.target) for probe in original.probes if probe.kind == SKIPPED)
    again = replace(
        drive,
        known_ports=frozenset(original.ports),
        probes=replace(drive.probes, foreign=foreign),
        # A job that ended by itself is waited for; whether it idles meanwhile does not matter any more.
        until="exit" if original.exit_status is not None and not original.probes else drive.until,
    )

    def prove(draft: Draft) -> tuple[SlimImage, tuple[Verdict, ...]]:
        image = draft.image(called.of(draft.form))
        if not request.verify:
            return image, ()
        with clock.step(f"verify {draft.form}"):
            return image, (verify(engine, source, image, plan, draft.hashes, again, original, clock.progress),)

    def squash() -> Draft:
        with clock.step("write squashed"):
            return output.squashed(engine, source, plan, layered, directory)

    with ExitStack() as stack:
        stack.callback(engine.unname, engine.temporary("layered"))
        stack.callback(engine.unname, engine.temporary("squashed"))
        with clock.step("write layered"):
            layered = output.layered(engine, source, rootfs, plan, directory)
        if layered.skipped:
            names = ", ".join(map(repr, layered.skipped[:3]))
            warning = f"{len(layered.skipped)} names are left out that no layer can hold (sockets, .wh.*): {names}"
            report = replace(report, warnings=(*report.warnings, warning))
        # The squashed image is written while the layered one is tried, and tried beside it where nothing forbids that.
        beside = stack.enter_context(background(engine))
        squashed = beside.submit(squash) if "squashed" in request.outputs else None
        alone = not together(request, drive)
        also = beside.submit(lambda: prove(squashed.result())) if squashed and not alone else None
        proved = [prove(layered)] if "layered" in request.outputs else []
        if squashed:
            proved.append(also.result() if also else prove(squashed.result()))
        report = replace(
            report,
            images=tuple(image for image, _ in proved),
            verdicts=tuple(verdict for _, verdicts in proved for verdict in verdicts),
        )
        if report.passed:
            for image in report.images:
                engine.name(image.id, image.reference)
            report = replace(report, outputs=output.files(request.outputs, layered, source, called.layered))
        return report


@contextmanager
def background(engine: Engine) -> Iterator[ThreadPoolExecutor]:
    """Yield a thread for work beside ours; when we fail or are interrupted, its containers go, and so it ends."""
    with ThreadPoolExecutor(1, "beside") as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            engine.abandon()
            raise


def together(request: Request, drive: Drive) -> bool:
    """Tell whether both images can be tried at the same time; what the user runs on the host may not bear it."""
    return drive.launch.shareable and not request.host_exec and request.until != "enter"


def lost(observations: Observations) -> tuple[str, ...]:
    if observations.complete:
        return ()
    return (f"{observations.lost} events were lost: the trace is not complete",)


def refuse(report: Report) -> None:
    """Raise VerificationFailed with what differs."""
    failed = next(verdict for verdict in report.verdicts if not verdict.passed)
    what = "\n    ".join(shortened(failed.differences))
    raise VerificationFailed(
        f"cannot vouch for the {failed.form} image, so it was not named:\n    {what}",
        hint=f"--keep, --exec and --http reach what the run missed; all details: {report.file}",
    )
