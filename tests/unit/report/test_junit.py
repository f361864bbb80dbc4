from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

from docker_slim_plugin.model.verdict import Verdict
from docker_slim_plugin.report.junit import to_junit
from docker_slim_plugin.report.record import Report
from tests.unit.report.test_record import REPORT

GOOD = Verdict(form="layered", mismatches=(), behaviour=(), warnings=(), files_compared=1, seconds=1.5)
BAD = replace(GOOD, form="squashed", mismatches=("/etc/\x1bx\udcff<y>: mode is 1, not 2", "more"))
PLAIN = replace(REPORT, verdicts=(GOOD,), failed_gates=(), warnings=())


def suite(report: Report, *conditions: str, fail_on_warning: bool = False) -> ET.Element:
    root = ET.fromstring(to_junit(report, conditions, fail_on_warning=fail_on_warning))
    assert root.tag == "testsuites"
    (found,) = root
    return found


def failures(found: ET.Element) -> dict[str, str]:
    return {case.attrib["name"]: failure.text or "" for case in found.iter("testcase") for failure in case.iter("failure")}


def test_what_passed() -> None:
    found = suite(PLAIN, "--fail-over 1GB", fail_on_warning=True)
    assert (found.attrib["tests"], found.attrib["failures"]) == ("3", "0")
    assert [case.attrib["name"] for case in found.iter("testcase")] == [
        "the layered image has the files of the source and answers like it", "gates: --fail-over 1GB", "there is no warning",
    ]


def test_what_failed() -> None:
    report = replace(PLAIN, verdicts=(GOOD, BAD), failed_gates=("too large",), warnings=("hm", "hm"))
    found = suite(report, "--fail-over 1kB", fail_on_warning=True)
    assert found.attrib["failures"] == "3"
    assert failures(found) == {
        "the squashed image has the files of the source and answers like it": "/etc/\\x1bx\\udcff<y>: mode is 1, not 2\nmore",
        "gates: --fail-over 1kB": "too large",
        "there is no warning": "hm",
    }


def test_warnings_are_told_beside_the_cases() -> None:
    found = suite(replace(PLAIN, warnings=("hm",)))
    assert failures(found) == {}
    assert found.findtext("system-err") == "hm"
