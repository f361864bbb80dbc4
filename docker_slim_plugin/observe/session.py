"""The door of observing: run the app in a held container, drive it, and return what was seen.

What is done to it from outside is drive.py's.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace

from docker_slim_plugin.engine import Container, Engine
from docker_slim_plugin.engine.gate import GATE_NAME, GATE_PATH, find_gate, hide_gate, write_gate
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host.workspace import workspace
from docker_slim_plugin.model.observation import Access, Observations, RunResult
from docker_slim_plugin.observe.driver import Drive, Seen, last_words, run
from docker_slim_plugin.observe.restart import again_drive, starts_otherwise, with_second
from docker_slim_plugin.observe.tracer.client import TracerClient
from docker_slim_plugin.observe.watcher.watcher import open_watch
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.rootfs.pristine import PristineTree

START_SECONDS = 20.0


class Restart(Exception):
    """The run must be repeated with another tracer, or the result would not be the app's own."""

    def __init__(self, mode: str, reason: str, accesses: tuple[Access, ...]) -> None:
        super().__init__(reason)
        self.mode = mode
        self.accesses = accesses
        """What was seen until then: the app asked for it, whatever became of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Runs apps and watches them, always in the same way."""

    engine: Engine
    tree: PristineTree
    progress: Progress
    tracer: str
    """auto, seccomp, syscall or off."""
    watch: str
    """auto, fanotify, inotify or off."""

    def observe(self, image: str, drive: Drive, *, tolerant: bool = False) -> Observations:
        """Run `image` as `drive` says and return everything that was seen.

        A `tolerant` one takes it as it comes when the app cannot be run: then that is the result.
        """
        mode = "seccomp" if self.tracer == "auto" else self.tracer
        warnings: list[str] = []
        earlier: tuple[Access, ...] = ()
        while True:
            try:
                seen = self._observe_once(image, drive, mode, tolerant=tolerant)
            except Restart as restart:
                warnings.append(str(restart))
                self.progress.note(str(restart))
                mode = restart.mode
                earlier += restart.accesses
                continue
            return replace(seen, accesses=(*earlier, *seen.accesses), warnings=(*warnings, *seen.warnings))

    def _observe_once(self, image: str, drive: Drive, mode: str, *, tolerant: bool) -> Observations:
        options, argv = drive.launch.held()
        with contextlib.ExitStack() as stack:
            if drive.launch.read_only:
                gate_file = stack.enter_context(workspace(self.engine.run_id)) / GATE_NAME
                write_gate(gate_file)
                options = (*options, f"--volume={gate_file}:{GATE_PATH}:ro")
            container = stack.enter_context(self.engine.container(options, image, argv, lingers=drive.launch.shareable))
            if not drive.launch.read_only:
                container.put_first_gate()
            senses, first = self._watched(container, drive, mode, tolerant=tolerant)
            if tolerant or not starts_otherwise(first.result, senses.until_up):
                return first
            try:
                with self.progress.step("observe a second start"):
                    container.wait(START_SECONDS)
                    container.put_gate()
                    _, second = self._watched(container, again_drive(drive, first.result), mode, tolerant=True)
            except SlimError as error:
                said = f"the container was not watched in a second start: {error}"
                return replace(first, warnings=(*first.warnings, said))
            return with_second(first, second)

    def _watched(self, container: Container, drive: Drive, mode: str, *, tolerant: bool) -> tuple[Seen, Observations]:
        """Start a container that has the gate; return its run's senses, and what they saw until it was stopped."""
        with contextlib.ExitStack() as stack:
            tracer = stack.enter_context(TracerClient(use_filter=mode == "seccomp", detach=mode == "off"))
            container.start()
            self.tree.when_ready(lambda rootfs: tracer.set_path_filter(lambda path: rootfs.walk(path).end is not None))
            init = container.pid()
            gate = find_gate(init, time.monotonic() + START_SECONDS) if init else None
            if gate is None:
                said = f"cannot find the container's process on this host: {last_words(container)}"
                raise SlimError(said, hint="docker slim doctor")
            hide_gate(gate)
            watcher = stack.enter_context(open_watch(gate, self.watch, alone=mode == "off"))
            seen = Seen(tracer if mode != "off" else None, watcher)

            def follow(pid: int) -> None:
                found = find_gate(pid, time.monotonic() + START_SECONDS)
                if found is not None:
                    hide_gate(found)
                    tracer.attach(found)

            started = time.monotonic()
            try:
                tracer.attach(gate)
                seen.show(self.progress)
                result = run(container, init, drive, seen, follow=follow, progress=self.progress)
            except SlimError as error:
                if not tolerant:
                    raise
                result = RunResult(output=str(error))
            _check(tracer, mode)
            tracer.wait(lambda: gate in tracer.wait_statuses or mode == "off", 1.0)
            watcher.drain()
            seen.show(self.progress)
            return seen, Observations(
                accesses=seen.accesses(),
                result=replace(result, seconds=time.monotonic() - started),
                lost=tracer.lost + watcher.lost,
                events=tracer.events + watcher.events,
                warnings=(*tracer.warnings, *watcher.warnings, *(() if seen.tracer else watcher.doubts())),
                mode=mode,
                watch=watcher.name,
            )


def _check(tracer: TracerClient, mode: str) -> None:
    """Raise Restart when the way of tracing has changed what the app could do."""
    if tracer.has_exited:
        raise SlimError("cannot trust this run: the tracer ended before the app did", hint="try --tracer=off")
    if mode == "seccomp" and tracer.privilege_gains:
        names = ", ".join(sorted(tracer.privilege_gains)[:3])
        reason = f"{names} needs rights of its own (setuid, capabilities): again, without the filter"
        raise Restart("syscall", reason, tracer.accesses())
    if mode != "off" and tracer.tracers:
        names = ", ".join(sorted(tracer.tracers)[:3])
        reason = f"{names} traces processes itself: running again with the watcher alone"
        raise Restart("off", reason, tracer.accesses())
