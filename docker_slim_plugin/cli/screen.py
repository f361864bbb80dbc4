"""Progress on standard error: live steps on a terminal, plain lines elsewhere. Also the tables of doctor and prune.

Text that comes from an image or an app passes `printable`; rich's markup is off.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from docker_slim_plugin.cli.text import printable, seconds, table
from docker_slim_plugin.host import output_file
from docker_slim_plugin.workflows.host_checks import Check

LONGEST = 2000
"""Characters of one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How the user wants the result to be shown."""

    form: str = "table"
    """table, json or a template."""
    quiet: bool = False
    verbose: bool = False
    iidfile: str = ""


@dataclass
class Step:
    """One step that is running. It changes while it runs."""

    name: str
    started: float
    depth: int
    """1 for an outer step, more for a step within another of the same thread."""
    thread: int
    counters: dict[str, int]

    def line(self) -> str:
        numbers = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in self.counters.items())
        passed = seconds(time.monotonic() - self.started)
        return f"{self.name}: {passed}" + (f", {numbers}" if numbers else "")


class Screen:
    """A Progress that writes to standard error."""

    def __init__(self, shown: Shown, console: Console | None = None) -> None:
        self._shown = shown
        self._console = console or Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
        self._steps: list[Step] = []
        self._times: list[tuple[int, str, float]] = []
        self._lock = threading.Lock()
        """Not held while printing: rich requests the frame while it holds its own lock, and prints with that lock."""
        self._live: Live | None = None
        self._warned: set[str] = set()

    def __enter__(self) -> Self:
        if self._shown.iidfile:
            # As docker build does: after a failed run, the file must not hold the id of an earlier run.
            with suppress(OSError):
                output_file.remove(self._shown.iidfile)
        is_live = self._console.is_terminal and not self._console.is_dumb_terminal and not self._console.no_color
        if is_live and not self._shown.quiet:
            spinner = Spinner("dots", text="")
            self._live = Live(
                get_renderable=lambda: self._frame(spinner), console=self._console, transient=True, refresh_per_second=8
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        if self._shown.verbose and self._times:
            self._say(_time_table(self._times))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        thread = threading.get_ident()
        with self._lock:
            depth = 1 + sum(other.thread == thread for other in self._steps)
            step = Step(printable(name[:LONGEST]), time.monotonic(), depth, thread, {})
            self._steps.append(step)
            place = len(self._times)
            self._times.append((depth, step.name, 0.0))
        if self._live is None:
            self._say(f"{'  ' * (depth - 1)}{step.name} ...")
        try:
            yield
        finally:
            with self._lock:
                self._times[place] = (depth, step.name, time.monotonic() - step.started)
                self._steps.remove(step)
                line = step.line()
            self._say(f"{'  ' * (depth - 1)}{line}")

    def count(self, **counters: int) -> None:
        thread = threading.get_ident()
        with self._lock:
            if own := [step for step in self._steps if step.thread == thread] or self._steps:
                own[-1].counters.update(counters)

    def warn(self, text: str) -> None:
        if text in self._warned:
            return
        self._warned.add(text)
        self._console.print(Text(f"warning: {printable(text[:LONGEST])}", style="yellow"))

    def note(self, text: str) -> None:
        self._say(printable(text[:LONGEST]))

    def _say(self, text: str) -> None:
        if not self._shown.quiet:
            self._console.print(Text(text))

    def _frame(self, spinner: Spinner) -> Any:
        with self._lock:
            text = "; ".join(step.line() for step in self._steps)
        spinner.update(text=Text(text, no_wrap=True, overflow="ellipsis"))
        return spinner if text else Text("")


def _time_table(times: Sequence[tuple[int, str, float]]) -> str:
    total = sum(spent for depth, _, spent in times if depth == 1) or 1.0
    rows = [("TIME", "SHARE", "STEP")]
    rows += [(seconds(spent), f"{spent / total:.0%}", "  " * (depth - 1) + name) for depth, name, spent in times]
    return table(rows)


def checks(found: Sequence[Check]) -> str:
    """Return the results of doctor as a table."""
    rows = [("", "CHECK", "FOUND")]
    for check in found:
        mark = "ok" if check.ok else "FAIL" if check.required else "warn"
        rows.append((mark, check.name, printable(check.detail)))
        if not check.ok and check.fix:
            rows.append(("", "", f"try: {printable(check.fix)}"))
    return table(rows)


def removed(kinds: Mapping[str, Sequence[str]]) -> str:
    """Return what prune removed and what it did not remove, one line each."""
    gone = [f"removed {kind[:-1]} {printable(name)}" for kind in _REMOVED for name in kinds[kind]]
    failed = [f"cannot remove {printable(text)}" for text in kinds["failures"]]
    left = [f"left alone, as no run of yours is known to have made it: {printable(name)}" for name in kinds["unknown"]]
    return "\n".join([*(gone if gone or failed else ["nothing to remove"]), *failed, *left])


_REMOVED = ("containers", "images", "files")
