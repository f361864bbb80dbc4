"""Run an image as its source was run, with the same start and the same probes, and compare the results."""

from __future__ import annotations

import copy
import threading
from collections.abc import Collection, Sequence
from dataclasses import replace

from docker_slim_plugin.engine.container import Container
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.observation import CRON, SERVICE, RunResult
from docker_slim_plugin.observe.driver import RunMonitor, RunPlan, last_log_lines, run
from docker_slim_plugin.observe.launch import Launch
from docker_slim_plugin.observe.probes.probe import replayable_requests, replayable_targets
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.verify.compare import (
    Comparison,
    Findings,
    classify_outputs,
    compare,
    find_chance_differences,
    varies_sentence,
)


class Replay:
    """One exercise of the source, to be repeated with each slim image."""

    def __init__(self, engine: Engine, source: SourceImage, drive: RunPlan, original: RunResult) -> None:
        self.tried = drive.launch
        """How the image that is tried is started, as the source unless `with_launch` says otherwise."""
        http, foreign = replayable_requests(original.probes, ended=original.exit_status is not None)
        asking = replace(drive.probes.asking, targets=replayable_targets(original.probes, SERVICE))
        jobs = drive.cron and replace(drive.cron, targets=replayable_targets(original.probes, CRON))
        self.drive = replace(
            drive,
            known_ports=frozenset(original.ports),
            known_ready=original.ready,
            probes=replace(
                drive.probes,
                http=http,
                crawl=False,
                special=False,
                forms=False,
                follow=False,
                foreign=foreign,
                asking=asking,
            ),
            cron=jobs,
            # Wait for a job that ended by itself, even if it is idle in between.
            until="exit" if original.exit_status is not None and not original.probes else drive.until,
        )
        self.original = original
        self.notices: tuple[str, ...] = ()
        self._engine = engine
        self._source = source
        self._reruns: list[RunResult] = []
        self._lock = threading.Lock()

    def behind(self, launcher: str, notices: Collection[str]) -> Replay:
        """Return the same exercise for an image whose entrypoint is `launcher`, before the source's.

        `notices` are the lines that the launcher may write before the app starts.
        """
        other = copy.copy(self)
        other.notices = tuple(notices)
        if self.launch.entrypoint is not None:
            other.tried = replace(self.launch, entrypoint=(launcher,), command=self.launch.argv)
        return other

    @property
    def launch(self) -> Launch:
        return self.drive.launch

    def with_launch(self, launch: Launch) -> Replay:
        """Return a replay in which the image that is tried is started differently from the source."""
        other = copy.copy(self)
        other.tried = launch
        return other

    def try_image(self, image: str, progress: Progress) -> Findings:
        """Run an image, and return its differences from the source."""
        options, argv = self.tried.run_arguments()
        with self._engine.container(options, image, argv) as container:
            return self.try_container(container, progress)

    def try_container(self, container: Container, progress: Progress) -> Findings:
        """Start a container of a slim image, exercise it, and return its differences from the source."""
        try:
            result = self._run_container(container, progress)
        except SlimError as error:
            return Findings((f"it does not run: {error}; its last output: {last_log_lines(container)}",))
        found = self.compare_results(progress, result)
        if (found.differences or found.number_differences) and not compare(self.original, result).certain:
            # Run it again: a chance difference rarely occurs twice.
            again = self._run_unobserved(self.tried, str(container.attributes()["Image"]), progress)
            found = self.compare_results(progress, result, again)
        if found.differences and result.exit_status not in (None, 0):
            words = f"its last output: {result.output.strip()[-500:]}"
            found = replace(found, differences=(*found.differences, words))
        return found

    def compare_results(self, progress: Progress, *results: RunResult) -> Findings:
        """Return the differences of the last run of a slim image from the source that all its other runs have too."""
        last = compare(self.original, results[-1])
        if last == Comparison():
            return Findings()
        rerun = self._rerun_source(progress)
        chance = find_chance_differences(rerun, results[-1], last.certain)
        if certain := tuple(sentence for name, sentence in last.certain if name not in chance):
            return Findings(certain)
        doubtful = [name for name in last.doubtful if name not in chance]
        outputs = classify_outputs(doubtful, (self.original, rerun), results)
        return replace(outputs, unstable=(*outputs.unstable, *map(varies_sentence, sorted(chance))))

    def _run_container(self, container: Container, progress: Progress) -> RunResult:
        container.start()
        result = run(container, container.pid(), self.drive, RunMonitor(), attach=None, progress=progress)
        for notice in self.notices:
            # Standard error follows standard output, which may have no line feed at its end.
            result = replace(result, output=result.output.replace(notice, "", 1))
        return result

    def _run_unobserved(self, launch: Launch, image: str, progress: Progress) -> RunResult:
        """Run an image once, without a tracer."""
        options, argv = launch.run_arguments()
        with self._engine.container(options, image, argv) as container:
            return self._run_container(container, progress)

    def _rerun_source(self, progress: Progress) -> RunResult:
        """Return the result of a second run of the source, which shows what differs by chance."""
        with self._lock:
            if not self._reruns:
                progress.note(
                    "an answer differs: running the source once more to see whether its answer is always the same"
                )
                try:
                    self._reruns.append(self._run_unobserved(self.launch, self._source.id, progress))
                except SlimError as error:
                    progress.note(f"the source could not be run once more: {error}")
                    self._reruns.append(self.original)
            return self._reruns[0]


def is_parallel_safe(replays: Sequence[Replay]) -> bool:
    """Return whether two images can be tried at the same time. Commands on the host may not allow that."""
    return all(
        replay.launch.shareable and not replay.drive.probes.host_exec and replay.drive.until != "enter"
        for replay in replays
    )
