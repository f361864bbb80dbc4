"""Compare runs: what must be equal, what may vary, and how that is decided."""

from __future__ import annotations

import pytest

from docker_slim_plugin.model.observation import ProbeResult, RunResult
from docker_slim_plugin.verify.compare import (
    END,
    OUTPUT,
    Comparison,
    classify_outputs,
    compare,
    find_chance_differences,
    shortened,
    varies_sentence,
)
from tests.observed import probe


def http(status: int, body: str = "", target: str = "GET 80/") -> ProbeResult:
    return probe("http", target, status, ok=0 < status < 500, output=body)


def job(output: str, status: int = 0) -> RunResult:
    return RunResult(exit_status=status, output=output)


@pytest.mark.parametrize(
    ("original", "slim", "found"),
    [
        pytest.param(job("a"), job("a"), Comparison(), id="the same"),
        pytest.param(job("a"), job("b"), Comparison((), (OUTPUT,)), id="another output is doubtful"),
        pytest.param(
            job(""),
            job("", 2),
            Comparison(((END, "it ended with status 2, where the original ended with status 0"),)),
            id="another exit status",
        ),
        pytest.param(
            job(""),
            RunResult(),
            Comparison(((END, "it went on running, where the original ended with status 0"),)),
            id="no end",
        ),
        pytest.param(
            RunResult(stop_status=0),
            RunResult(stop_status=143),
            Comparison(((END, "it stops with status 143, not 0"),)),
            id="another way to stop",
        ),
        pytest.param(
            RunResult(probes=(http(200),)),
            RunResult(probes=(http(404),)),
            Comparison((("http GET 80/", "http GET 80/: 404, not 200"),)),
            id="another answer",
        ),
        pytest.param(
            RunResult(probes=(http(200),)),
            RunResult(),
            Comparison((("http GET 80/", "http GET 80/: never answered, 200 before"),)),
            id="no answer",
        ),
        pytest.param(RunResult(probes=(http(500),)), RunResult(), Comparison(), id="what failed before may fail"),
        pytest.param(
            RunResult(probes=(http(200, "one"),)),
            RunResult(probes=(http(200, "two"),)),
            Comparison((), ("http GET 80/",)),
            id="another page is doubtful",
        ),
    ],
)
def test_compare(original: RunResult, slim: RunResult, found: Comparison) -> None:
    assert compare(original, slim) == found


def test_a_status_that_varies_in_the_source() -> None:
    def result(status: int, end: int) -> RunResult:
        return RunResult(probes=(http(status), http(200, target="GET 80/a")), stop_status=end)

    def chance(again: RunResult, slim: RunResult) -> frozenset[str]:
        return find_chance_differences(again, slim, compare(result(200, 0), slim).certain)

    assert chance(result(429, 143), result(429, 143)) == {"http GET 80/", END}
    assert chance(result(429, 143), result(404, 0)) == frozenset()
    assert chance(result(200, 0), result(429, 143)) == frozenset()


@pytest.mark.parametrize(
    ("first", "second", "ours", "differs", "varies"),
    [
        pytest.param("3 files", "3 files", "0 files", True, False, id="a steady number is no chance"),
        pytest.param(
            "3 files at 10:00", "3 files at 10:07", "0 files at 10:09", True, False, id="a steady number beside a time"
        ),
        pytest.param("3 files at 10:00", "3 files at 10:07", "3 files at 10:09", False, False, id="only the time"),
        pytest.param("token Zm9v", "token YmFy", "token cXV4", False, True, id="a nonce in letters"),
        pytest.param("at 10:00", "at 10:07", "no clock", True, False, id="alike but for numbers, and ours is not"),
        pytest.param("id 0f3a9c21", "id 77ab01ff", "id 19c0ffee", False, False, id="identifiers"),
        pytest.param("took 2.81 s", "took 2.97 s", "took 1.55 s", False, False, id="a number and its fraction"),
    ],
)
def test_classify_outputs(first: str, second: str, ours: str, differs: bool, varies: bool) -> None:
    found = classify_outputs((OUTPUT,), (job(first), job(second)), (job(ours),))
    assert (bool(found.differences or found.number_differences), bool(found.unstable)) == (differs, varies)


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        pytest.param("pid 14 up 4", "pid 15 up 5", (False, False), id="another number each time"),
        pytest.param("pid 14 up 3", "pid 14 up 5", (False, True), id="the same wrong number twice"),
        pytest.param("pid 15 up 3", "pid 14 up 4", (False, False), id="right once"),
        pytest.param("none", "pid 15 up 3", (False, False), id="other words once"),
        pytest.param("none", "nothing", (True, False), id="other words twice"),
    ],
)
def test_a_slim_image_that_is_run_twice(first: str, second: str, found: tuple[bool, bool]) -> None:
    outputs = classify_outputs((OUTPUT,), (job("pid 15 up 3"),) * 2, (job(first), job(second)))
    assert (bool(outputs.differences), bool(outputs.number_differences)) == found


def test_a_difference_is_shown_where_it_is() -> None:
    text = "x" * 5000
    (sentence,) = classify_outputs((OUTPUT,), (job(text + "old"),) * 2, (job(text + "new"),)).differences
    assert "new'" in sentence
    assert "old'" in sentence
    assert len(sentence) < 1000


def test_many_answers_that_vary() -> None:
    sentences = [varies_sentence(f"http GET 80/{number}") for number in range(30)]
    assert shortened(sentences[:5]) == tuple(sentences[:5])
    assert shortened(sentences) == (*sentences[:4], "26 more answers vary from run to run, so they were not compared")
