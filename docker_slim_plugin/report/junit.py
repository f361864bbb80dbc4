"""The verification and the conditions of the user as JUnit XML, which runners of continuous integration show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

from docker_slim_plugin.report.record import Report

SUITE = "docker slim"
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot have, not even as references."""


class _Case(NamedTuple):
    name: str
    problems: tuple[str, ...]
    """Empty if it passed."""
    seconds: float = 0.0


def to_junit(report: Report, conditions: Sequence[str], *, fail_on_warning: bool) -> bytes:
    """Return a JUnit document: a case for each verified image, one for the gates, one for the warnings.

    `conditions` are the options of the gates as the user gave them. Warnings are failures only with `fail_on_warning`.
    """
    cases = tuple(_cases(report, conditions, fail_on_warning=fail_on_warning))
    suite = _suite(
        report.source.reference, len(cases), report.seconds, failures=sum(bool(one.problems) for one in cases)
    )
    for case in cases:
        element = _case(suite, case.name, case.seconds)
        if case.problems:
            failure = ET.SubElement(element, "failure", message=_text(case.problems[0]), type="failure")
            failure.text = _text("\n".join(case.problems))
    if report.warnings and not fail_on_warning:
        ET.SubElement(suite, "system-err").text = _text("\n".join(report.warnings))
    return _document(suite)


def error_to_junit(image: str, text: str) -> bytes:
    """Return a JUnit document for a run without results."""
    suite = _suite(image, 1, 0.0, errors=1)
    ET.SubElement(_case(suite, "the image can be slimmed"), "error", message=_text(text), type="error")
    return _document(suite)


def _suite(image: str, tests: int, seconds: float, *, failures: int = 0, errors: int = 0) -> ET.Element:
    counts = {"tests": tests, "failures": failures, "errors": errors, "skipped": 0}
    words = {name: str(number) for name, number in counts.items()}
    return ET.Element("testsuite", {"name": _text(f"{SUITE} {image}"), **words, "time": f"{seconds:.3f}"})


def _case(suite: ET.Element, name: str, seconds: float = 0.0) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=SUITE, name=_text(name), time=f"{seconds:.3f}")


def _document(suite: ET.Element) -> bytes:
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _cases(report: Report, conditions: Sequence[str], *, fail_on_warning: bool) -> Iterator[_Case]:
    for verdict in report.verdicts:
        name = f"the {verdict.form} image has the files of the source and answers like it"
        yield _Case(name, () if verdict.passed else tuple(verdict.differences), verdict.seconds)
    if conditions:
        yield _Case(f"gates: {' '.join(conditions)}", report.failed_gates)
    if fail_on_warning:
        yield _Case("there is no warning", tuple(dict.fromkeys(report.warnings)))


def _text(text: str) -> str:
    """Return a text that XML can have: other characters become escapes."""
    return _NO_XML.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
