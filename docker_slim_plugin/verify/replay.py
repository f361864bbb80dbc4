"""Trying an image as its source was tried: the same start, the same probes, and what came of it compared."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from docker_slim_plugin.engine import Container, Engine
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.observation import RunResult
from docker_slim_plugin.observe.driver import Drive, Seen, last_words, run
from docker_slim_plugin.observe.launch import Launch
from docker_slim_plugin.observe.probes.probe import answered
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
    """One way in which the source has been run, to be gone again with each slim image."""

    def __init__(self, engine: Engine, source: SourceImage, drive: Drive, original: RunResult) -> None:
        http, foreign = answered(original.probes, ended=original.exit_status is not None)
        self.drive = replace(
            drive,
            known_ports=frozenset(original.ports),
            known_ready=original.ready,
            probes=replace(drive.probes, http=http, crawl=False, follow=False, foreign=foreign),
            # A job that ended by itself is waited for; whether it idles meanwhile does not matter any more.
            until="exit" if original.exit_status is not None and not original.probes else drive.until,
        )
        self.original = original
        self._engine = engine
        self._source = source
        self._rerun_result: RunResult | None = None
        self._lock = threading.Lock()

    @property
    def launch(self) -> Launch:
        return self.drive.launch

    def try_container(self, container: Container, progress: Progress) -> Findings:
        """Start a container of a slim image and try it; return how it behaves otherwise than the source."""
        try:
            result = self._run_container(container, progress)
        except SlimError as error:
            return Findings((f"it does not run: {error}; its last words: {last_words(container)}",))
        found = self.compare_results(progress, result)
        if (found.differences or found.number_differences) and not compare(self.original, result).certain:
            # Chance seldom says the same twice.
            found = self.compare_results(
                progress, result, self._run_unobserved(str(container.attributes()["Image"]), progress)
            )
        if found.differences and result.exit_status not in (None, 0):
            words = f"its last words: {result.output.strip()[-500:]}"
            found = replace(found, differences=(*found.differences, words))
        return found

    def compare_results(self, progress: Progress, *results: RunResult) -> Findings:
        """Return what the last run of a slim image differs in from the source, and all others of it, too."""
        last = compare(self.original, results[-1])
        if last == Comparison():
            return Findings()
        rerun = self._rerun_source(progress)
        chance = find_chance_differences(rerun, results[-1], last.certain)
        if certain := tuple(said for name, said in last.certain if name not in chance):
            return Findings(certain)
        doubtful = [name for name in last.doubtful if name not in chance]
        outputs = classify_outputs(doubtful, (self.original, rerun), results)
        return replace(outputs, unstable=(*outputs.unstable, *map(varies_sentence, sorted(chance))))

    def _run_container(self, container: Container, progress: Progress) -> RunResult:
        container.start()
        return run(container, container.pid(), self.drive, Seen(), follow=None, progress=progress)

    def _run_unobserved(self, image: str, progress: Progress) -> RunResult:
        """Run an image once, not watched."""
        options, argv = self.drive.launch.free()
        with self._engine.container(options, image, argv) as container:
            return self._run_container(container, progress)

    def _rerun_source(self, progress: Progress) -> RunResult:
        """Return what the source answers when it is run once more: what is its own, and what is chance."""
        with self._lock:
            if self._rerun_result is None:
                progress.note("an answer differs: running the source once more to see whether it always is the same")
                try:
                    self._rerun_result = self._run_unobserved(self._source.id, progress)
                except SlimError as error:
                    progress.note(f"the source could not be run once more: {error}")
                    self._rerun_result = self.original
            return self._rerun_result


def is_parallel_safe(replays: Sequence[Replay]) -> bool:
    """Tell whether two images can be tried at the same time; what the user runs on the host may not bear it."""
    return all(
        replay.launch.shareable and not replay.drive.probes.host_exec and replay.drive.until != "enter"
        for replay in replays
    )
