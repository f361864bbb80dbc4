"""The screen: live steps on a terminal, plain lines elsewhere, and the result; stderr for words, stdout for results.

Whatever comes from an image or an app passes `printable` before it gets here; rich's markup is off.
"""

from __future__ import annotations

import json
import shlex
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from docker_slim_plugin.cli.text import printable, seconds, size, table
from docker_slim_plugin.doctor import Check
from docker_slim_plugin.model import FilePlan, SlimImage, SourceImage

STDOUT = "-"
"""As a report's outputs spell it."""
LONGEST = 2000
"""Characters of one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How the user wants to see it."""

    form: str = "table"
    """table or json."""
    quiet: bool = False
    verbose: bool = False
    iidfile: str = ""


class Asked(Protocol):
    """What the screen needs of a request."""

    @property
    def global_options(self) -> tuple[str, ...]: ...
    @property
    def docker_options(self) -> tuple[str, ...]: ...
    @property
    def command(self) -> tuple[str, ...]: ...
    @property
    def dry_run(self) -> bool: ...


class Outcome(Protocol):
    """What the screen needs of a report."""

    @property
    def images(self) -> tuple[SlimImage, ...]: ...
    @property
    def source(self) -> SourceImage: ...
    @property
    def plan(self) -> FilePlan: ...
    @property
    def seconds(self) -> float: ...
    @property
    def file(self) -> Any: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def outputs(self) -> tuple[str, ...]: ...
    def to_json(self) -> Mapping[str, Any]: ...


@dataclass
class Step:
    """One step under way; changes while it runs."""

    name: str
    started: float
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
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._warned: set[str] = set()

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._console.is_dumb_terminal and not self._shown.quiet:
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
            self._say(_where_the_time_went(self._times))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        step = Step(printable(name[:LONGEST]), time.monotonic(), {})
        with self._lock:
            self._steps.append(step)
            place = len(self._times)
            self._times.append((len(self._steps), step.name, 0.0))
            if self._live is None:
                self._say(f"{step.name} ...")
        try:
            yield
        finally:
            with self._lock:
                self._times[place] = (len(self._steps), step.name, time.monotonic() - step.started)
                self._steps.remove(step)
                self._say(f"{'  ' * len(self._steps)}{step.line()}")

    def count(self, **counters: int) -> None:
        with self._lock:
            if self._steps:
                self._steps[-1].counters.update(counters)

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
            text = " > ".join(step.line() for step in self._steps)
        spinner.update(text=Text(text, no_wrap=True, overflow="ellipsis"))
        return spinner if text else Text("")


def _where_the_time_went(times: Sequence[tuple[int, str, float]]) -> str:
    total = sum(spent for depth, _, spent in times if depth == 1) or 1.0
    rows = [("TIME", "SHARE", "STEP")]
    rows += [(seconds(spent), f"{spent / total:.0%}", "  " * (depth - 1) + name) for depth, name, spent in times]
    return table(rows)


def main_image(report: Outcome) -> SlimImage:
    """Return the image that -q and --iidfile name: the layered one, else the first there is."""
    return next((image for image in report.images if image.form == "layered"), report.images[0])


def tell(report: Outcome, progress: Screen) -> None:
    """Say what the user should know besides the result."""
    for note in report.notes:
        progress.note(f"note: {note}")
    for warning in report.warnings:
        progress.warn(warning)


def finish(report: Outcome, request: Asked, shown: Shown) -> None:
    """Leave the result: on standard output, unless an image or a tar has gone there."""
    if shown.iidfile and report.images:
        Path(shown.iidfile).write_text(main_image(report).id, encoding="ascii")
    text = result(report, request, shown)
    if text:
        print(text, file=sys.stderr if STDOUT in report.outputs else sys.stdout)


def result(report: Outcome, request: Asked, shown: Shown) -> str:
    """Return what there is to show in the end."""
    if shown.form == "json":
        return json.dumps(report.to_json(), sort_keys=True)  # ASCII: no escape can hide in it
    if shown.quiet:
        return main_image(report).id if report.images else ""
    before = report.source
    rows = [("IMAGE", "ID", "SIZE", "LAYERS", "FORM")]
    rows.append((printable(before.reference), short(before.id), size(before.size), str(len(before.layers)), "source"))
    for image in report.images:
        count = str(len(image.layers)) if image.form == "layered" else "1"
        rows.append((printable(image.reference), short(image.id), size(image.size), count, image.form))
    lines = [table(rows), "", _summary(report)]
    lines += [f"wrote {printable(place)}" for place in report.outputs if place != STDOUT]
    lines += [f"report: {printable(str(report.file))}"] if report.file else []
    if report.images:
        words = ["docker", *request.global_options, "run", *request.docker_options, main_image(report).reference]
        lines.append(f"run it: {printable(shlex.join([*words, *request.command]))}")
    elif request.dry_run:
        lines.append("nothing was written (--dry-run)")
    return "\n".join(lines)


def _summary(report: Outcome) -> str:
    files = report.plan.files()
    kept = f"kept {len(files):,} of {report.plan.total_files:,} files"
    smallest = min((image.size for image in report.images), default=sum(entry.size for entry in files))
    before = max(report.source.size, 1)
    less = f"{size(smallest)} of {size(report.source.size)}, {1 - smallest / before:.1%} less"
    return f"{kept}; {less}; {seconds(report.seconds)}"


def short(identity: str) -> str:
    """Return the beginning of an image's id, as docker shows it."""
    return printable(identity.removeprefix("sha256:")[:12])


def checks(found: Sequence[Check]) -> str:
    """Return the doctor's findings as a table."""
    rows = [("", "CHECK", "FOUND")]
    for check in found:
        mark = "ok" if check.ok else "FAIL" if check.required else "warn"
        rows.append((mark, check.name, printable(check.detail)))
        if not check.ok and check.fix:
            rows.append(("", "", f"try: {printable(check.fix)}"))
    return table(rows)


def removed(kinds: Mapping[str, Sequence[str]]) -> str:
    """Return what prune removed, one line each."""
    lines = [f"removed {kind[:-1]} {printable(name)}" for kind, names in kinds.items() for name in names]
    return "\n".join(lines or ["nothing to remove"])
