"""Compare the results of two runs of the app.

Exit statuses and HTTP statuses must be equal. Outputs (of --exec, of a job that ended, HTTP bodies) that are not equal
are doubtful, because some contain times, pids or nonces. The source is run once more to decide about them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docker_slim_plugin.model.observation import HTTP, SERVICE, SKIPPED, ProbeResult, RunResult

COMPARED = frozenset({"exec", HTTP, SERVICE})
"""Kinds of probes whose outputs are compared."""
OUTPUT = "its output"
END = "its end"
MAX_VARYING = 4
_MAX_EXCERPT = 300
_MASK = "\ufdd0"
"""Not a character (Unicode, chapter 23.7), so no output contains it. With "#", a "#" in place of a number would be
equal."""
_VOLATILE = re.compile(r"0x[0-9a-fA-F]+|[0-9a-f]{8,}|\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences between two runs."""

    certain: tuple[tuple[str, str], ...] = ()
    """For each status that differs: the name of the probe, and a sentence."""
    doubtful: tuple[str, ...] = ()
    """Names of outputs that differ."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The result of a trial of a slim image. All texts are sentences."""

    differences: tuple[str, ...] = ()
    """Differences in behaviour."""
    number_differences: tuple[str, ...] = ()
    """Outputs in which only numbers differ."""
    unstable: tuple[str, ...] = ()
    """Outputs that cannot be compared, because they vary from run to run."""


def compare(original: RunResult, slim: RunResult) -> Comparison:
    """Return the differences between a run of the source and a run of the slim image."""
    before, after = _collect_outputs(original), _collect_outputs(slim)
    doubtful = tuple(name for name, text in before.items() if name in after and after[name] != text)
    return Comparison(tuple(_compare_statuses(original, slim)), doubtful)


def find_chance_differences(again: RunResult, slim: RunResult, certain: Sequence[tuple[str, str]]) -> frozenset[str]:
    """Return the names of differing statuses in which the slim image equals a second run of the source."""
    wrong = {name for name, _ in _compare_statuses(again, slim)}
    return frozenset(name for name, _ in certain if name not in wrong)


def classify_outputs(doubtful: Sequence[str], originals: Sequence[RunResult], slims: Sequence[RunResult]) -> Findings:
    """Decide which of the doubtful outputs really differ.

    Text that is equal in all runs of the source must be equal in one run of the slim image. A number that is not equal
    in all runs of one image is chance.
    """
    source_outputs = [_collect_outputs(one) for one in originals]
    slim_outputs = [_collect_outputs(one) for one in slims]
    texts, number_differences, unstable = [], [], []
    for name in doubtful:
        source_texts = [one.get(name, "") for one in source_outputs]
        slim_texts = [one[name] for one in slim_outputs if name in one]
        same_text = [text for text in slim_texts if mask_numbers(text) == mask_numbers(source_texts[0])]
        if len(set(map(mask_numbers, source_texts))) > 1:
            unstable.append(varies_sentence(name))
        elif not same_text:
            texts.append(_output_sentence(name, source_texts[0], slim_texts[-1]))
        elif _has_other_numbers(source_texts, same_text):
            number_differences.append(_output_sentence(name, source_texts[0], same_text[-1]))
    return Findings(tuple(texts), tuple(number_differences), tuple(unstable))


def varies_sentence(name: str) -> str:
    return f"{name}: the answer varies from run to run, so it was not compared"


def shortened(sentences: Sequence[str]) -> tuple[str, ...]:
    """Return the first of many sentences about answers that vary, and the number of the others."""
    more = len(sentences) - MAX_VARYING
    if more < 2:
        return tuple(sentences)
    return (*sentences[:MAX_VARYING], f"{more} more answers vary from run to run, so they were not compared")


def _has_other_numbers(source_texts: Sequence[str], slim_texts: Sequence[str]) -> bool:
    """Return whether a number has one value in all of `source_texts` and another value in all of `slim_texts`."""
    columns = zip(*map(_VOLATILE.findall, (*source_texts, *slim_texts)), strict=False)
    halves = ((set(column[: len(source_texts)]), set(column[len(source_texts) :])) for column in columns)
    return any(len(one) == len(other) == 1 and one != other for one, other in halves)


def _output_sentence(name: str, source_text: str, slim_text: str) -> str:
    return f"{name}: it is {_excerpt(slim_text, source_text)}, not {_excerpt(source_text, slim_text)}"


def _compare_statuses(original: RunResult, slim: RunResult) -> Iterator[tuple[str, str]]:
    answers = {(probe.kind, probe.target): probe for probe in slim.probes}
    for expected in original.probes:
        actual = answers.get((expected.kind, expected.target))
        if expected.kind == SKIPPED or not expected.ok:
            continue
        if actual is None:
            yield _probe_name(expected), f"{_probe_name(expected)}: never answered, {expected.status} before"
        elif actual.status != expected.status:
            detail = f": {actual.detail}" if actual.detail else ""
            yield _probe_name(expected), f"{_probe_name(expected)}: {actual.status}, not {expected.status}{detail}"
    if slim.exit_status != original.exit_status:
        yield END, f"it {_describe_end(slim)}, where the original {_describe_end(original)}"
    elif original.stop_status is not None and slim.stop_status != original.stop_status:
        yield END, f"it stops with status {slim.stop_status}, not {original.stop_status}"


def _collect_outputs(result: RunResult) -> dict[str, str]:
    """Return the outputs of a run by name."""
    found = {_probe_name(probe): probe.output for probe in result.probes if probe.ok and probe.kind in COMPARED}
    if result.exit_status is not None:
        found[OUTPUT] = result.output
    return found


def _probe_name(probe: ProbeResult) -> str:
    return f"{probe.kind} {probe.target}"


def _describe_end(result: RunResult) -> str:
    return "went on running" if result.exit_status is None else f"ended with status {result.exit_status}"


def _excerpt(text: str, other: str) -> str:
    """Return a part of `text` around the first place at which it differs from `other`."""
    same = next((at for at, (one, two) in enumerate(zip(text, other, strict=False)) if one != two), 0)
    begin = max(0, min(same - _MAX_EXCERPT // 4, len(text) - _MAX_EXCERPT))
    end = begin + _MAX_EXCERPT
    return f"{'...' if begin else ''}{text[begin:end]!r}{'...' if end < len(text) else ''}"


def mask_numbers(output: str) -> str:
    """Return text with all numbers and identifiers masked: times, pids and addresses differ from run to run."""
    return _VOLATILE.sub(_MASK, output)
