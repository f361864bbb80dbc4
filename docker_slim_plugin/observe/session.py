"""The entry point of observation: starts the app in a container that waits in the gate, runs it, returns what was seen.

The control of the running app is in driver.py.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace

from docker_slim_plugin.engine.container import Container
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.gate import GATE_NAME, GATE_PATH, find_gate, hide_gate, write_gate
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host.workspace import workspace
from docker_slim_plugin.model.observation import Access, Observations, Peaks, RunResult
from docker_slim_plugin.observe.driver import RunMonitor, RunPlan, last_log_lines, run
from docker_slim_plugin.observe.peaks import PeakReader
from docker_slim_plugin.observe.restart import merge_second_start, needs_second_start, second_start_plan
from docker_slim_plugin.observe.timeline import add_times
from docker_slim_plugin.observe.tracer.client import TracerClient
from docker_slim_plugin.observe.watcher.watcher import open_watcher
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.rootfs.pristine import PristineTree

START_SECONDS = 20.0


class Restart(Exception):
    """The run must be repeated in another tracing mode, because tracing has changed what the app does."""

    def __init__(
        self, mode: str, reason: str, accesses: tuple[Access, ...], privilege_gains: tuple[str, ...] = ()
    ) -> None:
        super().__init__(reason)
        self.mode = mode
        self.privilege_gains = privilege_gains
        self.accesses = accesses
        """The accesses seen until then: the app made them in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Runs apps and observes them, always with the same settings."""

    engine: Engine
    tree: PristineTree
    progress: Progress
    tracer: str
    """auto, seccomp, syscall or off."""
    watch: str
    """auto, fanotify, inotify or off."""
    uses: bool = False
    """Whether it is recorded what the app uses beside files."""
    record_calls: bool = False
    """Whether the system calls are recorded. The app then stops at each of them."""

    def observe(self, image: str, plan: RunPlan, *, allow_failure: bool = False) -> Observations:
        """Run `image` as `plan` says and return everything that was seen.

        With `allow_failure`, an app that cannot be run is a result and no error.
        """
        mode = "seccomp" if self.tracer == "auto" else self.tracer
        warnings: list[str] = []
        earlier_accesses: tuple[Access, ...] = ()
        gains: tuple[str, ...] = ()
        while True:
            try:
                seen = self._observe_once(image, plan, mode, allow_failure=allow_failure)
            except Restart as restart:
                warnings.append(str(restart))
                self.progress.note(str(restart))
                mode = restart.mode
                earlier_accesses += restart.accesses
                gains += restart.privilege_gains
                continue
            return replace(
                seen,
                accesses=(*earlier_accesses, *seen.accesses),
                warnings=(*warnings, *seen.warnings),
                privilege_gains=gains,
            )

    def _observe_once(self, image: str, plan: RunPlan, mode: str, *, allow_failure: bool) -> Observations:
        options, argv = plan.launch.gated_arguments()
        with contextlib.ExitStack() as stack:
            if plan.launch.read_only:
                gate_file = stack.enter_context(workspace(self.engine.run_id)) / GATE_NAME
                write_gate(gate_file)
                options = (*options, f"--volume={gate_file}:{GATE_PATH}:ro")
            container = stack.enter_context(
                self.engine.container(options, image, argv, remove_in_background=plan.launch.shareable)
            )
            if not plan.launch.read_only:
                container.put_first_gate()
            monitor, first = self._run_monitored(container, plan, mode, allow_failure=allow_failure)
            if allow_failure or not needs_second_start(first.result, monitor.startup_accesses):
                return first
            try:
                with self.progress.step("observe a second start"):
                    container.wait(START_SECONDS)
                    container.put_gate()
                    _, second = self._run_monitored(
                        container, second_start_plan(plan, first.result), mode, allow_failure=True
                    )
            except SlimError as error:
                text = f"the second start of the container was not observed: {error}"
                return replace(first, warnings=(*first.warnings, text))
            return merge_second_start(first, second)

    def _run_monitored(
        self, container: Container, plan: RunPlan, mode: str, *, allow_failure: bool
    ) -> tuple[RunMonitor, Observations]:
        """Start a container that has the gate; return the monitor and the observations of its run."""
        with contextlib.ExitStack() as stack:
            client = TracerClient(
                use_filter=mode == "seccomp",
                detach=mode == "off",
                record_calls=self.record_calls and mode == "syscall",
                uses=self.uses,
            )
            tracer = stack.enter_context(client)
            container.start()
            self.tree.when_ready(lambda rootfs: tracer.set_path_filter(lambda path: rootfs.walk(path).end is not None))
            init = container.pid()
            gate = find_gate(init, time.monotonic() + START_SECONDS) if init else None
            if gate is None:
                text = f"cannot find the container's process on this host: {last_log_lines(container)}"
                raise SlimError(text, hint="docker slim doctor")
            hide_gate(gate)
            watcher = stack.enter_context(open_watcher(gate, self.watch, alone=mode == "off"))
            seen = RunMonitor(tracer if mode != "off" else None, watcher)
            tracer.origin = seen.started
            if self.record_calls:
                # Only a profile needs them.
                seen.peaks = PeakReader(init)

            def attach(pid: int) -> None:
                waiting = find_gate(pid, time.monotonic() + START_SECONDS)
                if waiting is not None:
                    hide_gate(waiting)
                    tracer.attach(waiting)

            started = time.monotonic()
            try:
                tracer.attach(gate)
                seen.show_progress(self.progress)
                result = run(container, init, plan, seen, attach=attach, progress=self.progress)
            except SlimError as error:
                if not allow_failure:
                    raise
                result = RunResult(output=str(error))
            _check_tracing(tracer, mode)
            tracer.wait(lambda: gate in tracer.wait_statuses or mode == "off", 1.0)
            watcher.drain()
            seen.show_progress(self.progress)
            result, accesses = add_times(result, seen.accesses(), seen.started)
            return seen, Observations(
                accesses=accesses,
                result=replace(result, seconds=time.monotonic() - started),
                lost=tracer.lost + watcher.lost,
                events=tracer.events + watcher.events,
                warnings=(*tracer.warnings, *watcher.warnings, *(() if seen.tracer else watcher.accuracy_warnings())),
                mode=mode,
                watch=watcher.name,
                uses=frozenset(tracer.uses),
                calls=tracer.calls(),
                processes=tracer.processes(),
                peaks=seen.peaks.peaks if seen.peaks else Peaks(),
            )


def _check_tracing(tracer: TracerClient, mode: str) -> None:
    """Raise Restart when tracing has changed what the app could do."""
    if tracer.has_exited:
        raise SlimError("cannot trust this run: the tracer ended before the app did", hint="try --tracer=off")
    if mode == "seccomp" and tracer.privilege_gains:
        names = ", ".join(sorted(tracer.privilege_gains)[:3])
        reason = f"{names} gains privileges (setuid, capabilities): running again without the seccomp filter"
        raise Restart("syscall", reason, tracer.accesses(), tuple(sorted(tracer.privilege_gains)))
    if mode != "off" and tracer.tracers:
        names = ", ".join(sorted(tracer.tracers)[:3])
        reason = f"{names} traces processes itself: running again with the watcher only"
        raise Restart("off", reason, tracer.accesses())
