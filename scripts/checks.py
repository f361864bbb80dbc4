"""Checks that run in a tree, one after the other, and how each has ended; for scripts/package and scripts/matrix."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from trees import PROCESSES, Failed, Tree, say


@dataclass(frozen=True)
class Result:
    """How one check has ended."""

    name: str
    what: str
    passed: bool
    seconds: float
    said: tuple[str, ...]

    def __str__(self) -> str:
        closing = self.said[-1] if self.said else ""
        if self.what == "versions":
            closing = ", ".join(self.said)
        kept = (line for line in self.said if line.startswith("kept "))
        word = "ok" if self.passed else "FAILED"
        return f"{self.name:14}  {self.what:14}  {word:6}  {self.seconds:5.1f} s  {next(kept, closing)}"


CHECK = """
check() {
    echo "@@ $1"
    begun=$(date +%s.%N)
    timeout -k 5 300 sh -c "$2" </dev/null 2>&1 && status=0 || status=$?
    echo
    echo "@@ end $status $begun $(date +%s.%N)"
}
"""


def tried(tree: Tree, own: Path, wanted: Iterable[tuple[str, str]], *before: str, alone: bool = True) -> list[Result]:
    """Try what is wanted, (what, shell command), in a tree, in one go; return how each check has ended."""
    script = CHECK + "\n".join(f"check {shlex.quote(what)} {shlex.quote(command)}" for what, command in wanted)
    found: list[Result] = []
    what, lines = "", list[str]()
    for line in tree.enter(own, [*before, "sh", "-c", script], alone=alone).splitlines():
        if line.startswith("@@ end "):
            status, begun, ended = line.split()[2:]
            said = tuple(one for one in lines if one.strip())
            found.append(Result(own.name, what, status == "0", float(ended) - float(begun), said))
        elif line.startswith("@@ "):
            what, lines = line.removeprefix("@@ "), []
        else:
            lines.append(line)
    return found


def told(jobs: Callable[[ThreadPoolExecutor], Iterable[Future[list[Result]]]]) -> int:
    """Run jobs at the same time, print what each has found, and return the exit status: 1 when a check has failed."""
    begun = time.monotonic()
    found: list[Result] = []
    with ThreadPoolExecutor(10) as pool:
        try:
            for job in as_completed([*jobs(pool)]):
                try:
                    results = job.result()
                except Failed as error:
                    results = [Result("", "a step", passed=False, seconds=0, said=tuple(str(error).split("\n")))]
                for one in results:
                    say(str(one) if one.passed else "\n".join([*(f"    {line}" for line in one.said[-40:]), str(one)]))
                    found.append(one)
        finally:
            PROCESSES.end()
    failed = sum(not one.passed for one in found)
    say(f"{len(found) - failed} passed, {failed} failed in {time.monotonic() - begun:.0f} s")
    return 1 if failed or not found else 0
