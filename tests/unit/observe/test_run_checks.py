from __future__ import annotations

from typing import Any

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.observation import ProbeResult
from docker_slim_plugin.model.request import Exercise
from docker_slim_plugin.observe.run_checks import check_run
from tests.observed import execution, observations, probe, run_result, source_image

NOTHING_ASKED = (
    "the app was not asked anything, and was still running when it was stopped: --exec CMD asks it, --until exit "
    "waits for its end, --service FILE knows its protocol"
)


def run_warnings(
    *probes: ProbeResult,
    exercise: Exercise | None = None,
    executed: tuple[str, ...] = ("/app",),
    exit_status: int | None = None,
    output: str = "",
    ports: tuple[int, ...] = (),
    **config: Any,
) -> tuple[str, ...]:
    image = source_image({"Cmd": ["/app"], **config})
    result = run_result(*probes, exit_status=exit_status, output=output, ports=ports)
    return check_run(image, exercise or Exercise(), observations(*(execution(path, path) for path in executed), result=result))


PAGE = probe("http", "GET 80/", 200)
WEB = {"ExposedPorts": {"80/tcp": {}}}


@pytest.mark.parametrize(
    ("given", "warnings"),
    [
        pytest.param(run_warnings(PAGE, ports=(80,), **WEB), (), id="a server needs no warning"),
        pytest.param(run_warnings(exit_status=0), (), id="nor does a job that ends"),
        pytest.param(
            run_warnings(PAGE, ports=(80,), ExposedPorts={"80/tcp": {}, "443/tcp": {}, "53/udp": {}}),
            ("nothing listened on port 443", "port 53/udp was not probed: --exec CMD can do that"),
            id="a port where nothing listens",
        ),
        pytest.param(
            run_warnings(PAGE, probe("exec", "x", 1, ok=False, detail="exit status 1")),
            ("exec x failed on the original too: exit status 1",),
            id="a probe that failed",
        ),
        pytest.param(
            run_warnings(probe("http-skip", "25", -1, detail="port 25 does not speak HTTP: not probed"), ports=(25,), ExposedPorts={"25/tcp": {}}),
            ("port 25 does not speak HTTP: not probed", NOTHING_ASKED),
            id="a port that speaks something else",
        ),
        pytest.param(
            run_warnings(),
            (NOTHING_ASKED,),
            id="cut off",
        ),
        pytest.param(
            run_warnings(ExposedPorts={"53/udp": {}}), ("port 53/udp was not probed: --exec CMD can do that",), id="UDP alone"
        ),
        pytest.param(
            run_warnings(probe("service", "dns port 53/udp: x", 0), ExposedPorts={"53/udp": {}}), (), id="UDP that a service was asked by"
        ),
        pytest.param(
            run_warnings(probe("exec", "dig", 0), exercise=Exercise(exec_=("dig",)), ExposedPorts={"53/udp": {}}), (), id="UDP that was asked"
        ),
        pytest.param(run_warnings(exercise=Exercise(until="5")), (), id="stopped when the user said"),
        pytest.param(
            run_warnings(exercise=Exercise(exec_=("x",)), exit_status=0),
            ("the app ended before it could be probed",),
            id="ended too early",
        ),
        pytest.param(
            run_warnings(probe("http", "GET 80/", 404), probe("http", "GET 80/favicon.ico", 401), ports=(80,), **WEB),
            ("port 80: GET / was answered with 401, 404 only, so little of the app was seen: request other pages with --http",),
            id="nothing but refusals",
        ),
        pytest.param(
            run_warnings(probe("http", "GET 80/", 404), probe("http-status", "GET 80/docs", 200), ports=(80,), **WEB), (), id="a document is a page"
        ),
        pytest.param(
            run_warnings(PAGE, probe("http", "GET 80/favicon.ico", 404), ports=(80,), **WEB), (), id="some refusals are no reason"
        ),
        pytest.param(
            run_warnings(probe("http", "GET 80/x", 404), exercise=Exercise(http=("/x",)), ports=(80,), **WEB),
            (),
            id="who asks for a refusal gets it",
        ),
        pytest.param(
            run_warnings(probe("http", "GET 80/", 400), probe("exec", "x", 0), exercise=Exercise(exec_=("x",)), ports=(80,), **WEB),
            (),
            id="who asks by other means knows what it speaks",
        ),
    ],
)
def test_warnings(given: tuple[str, ...], warnings: tuple[str, ...]) -> None:
    assert given == warnings


def test_an_app_that_fails_is_refused_with_its_last_log_lines() -> None:
    with pytest.raises(SlimError, match="status 1:\n    line 2\n") as caught:
        run_warnings(exit_status=1, output="".join(f"line {number}\n" for number in range(12)))
    assert "docker run" in caught.value.hint
    with pytest.raises(SlimError, match="status 127, and wrote nothing"):
        run_warnings(exit_status=127)


USAGE = "Usage: tool FILE\n"
ADVICE = "the app only said how it is used: give it something to do: docker slim run app:1 COMMAND"


@pytest.mark.parametrize(
    ("config", "exercise", "works"),
    [
        pytest.param({"Entrypoint": ["tool"], "Cmd": None}, Exercise(), True, id="an entrypoint alone"),
        pytest.param({"Entrypoint": ["tini", "--", "tool"], "Cmd": ["help"]}, Exercise(), True, id="a word for help"),
        pytest.param({"Cmd": ["tool", "--help"]}, Exercise(), True, id="a command alone"),
        pytest.param({"Cmd": ["tool", "in.txt"]}, Exercise(), False, id="something to do"),
        pytest.param({"Entrypoint": ["tool"], "Cmd": None}, Exercise(command=("-x",)), False, id="something to do from the user"),
        pytest.param({"Entrypoint": ["tool"], "Cmd": None}, Exercise(docker_options=("-v=/a:/a",)), False, id="options from the user"),
    ],
)
def test_a_tool_that_only_says_how_it_is_used(config: dict[str, Any], exercise: Exercise, works: bool) -> None:
    def warnings() -> tuple[str, ...]:
        return run_warnings(exercise=exercise, exit_status=1, output=USAGE, **config)

    if works:
        assert warnings() == (ADVICE,)
    else:
        with pytest.raises(SlimError, match="status 1"):
            warnings()


def test_no_probe_succeeded() -> None:
    with pytest.raises(SlimError, match="no probe succeeded: http GET 80/: HTTP 500"):
        run_warnings(probe("http", "GET 80/", 500, ok=False, detail="HTTP 500"), ports=(80,), **WEB)


SH = ("/usr/bin/dash", "/lib64/ld-linux-x86-64.so.2")


@pytest.mark.parametrize(
    ("config", "command", "executed", "refused"),
    [
        pytest.param({"Cmd": ["bash"]}, (), ("/usr/bin/bash",), True, id="a base image"),
        pytest.param({"Cmd": ["/bin/sh"]}, (), SH[:1], True, id="dash by its own name"),
        pytest.param({"Cmd": ["/bin/sh"]}, (), ("/bin/sh", SH[1]), True, id="its loader does not count"),
        pytest.param({"Cmd": ["sh", "-l"]}, (), ("/bin/sh",), True, id="options are nothing to do"),
        pytest.param({"Cmd": ["sh", "-c", "echo x"]}, (), ("/bin/sh",), False, id="a shell with work to do"),
        pytest.param({"Entrypoint": ["/entry.sh"], "Cmd": ["bash"]}, (), ("/entry.sh", "/bin/bash", "/bin/id"), False, id="more was run"),
        pytest.param({"Cmd": ["bash"]}, ("sh",), ("/bin/sh",), False, id="the user asked for it"),
    ],
)
def test_a_lone_shell(config: dict[str, Any], command: tuple[str, ...], executed: tuple[str, ...], refused: bool) -> None:
    def run() -> None:
        run_warnings(exercise=Exercise(command=command), executed=executed, exit_status=0, **config)

    if refused:
        with pytest.raises(SlimError, match="looks like a base image"):
            run()
    else:
        run()


def asked(*http: str) -> Exercise:
    return Exercise(http=http)


@pytest.mark.parametrize(
    ("http", "answers", "said", "hint"),
    [
        ("/x", [probe("http", "GET 80/x", 404, ok=False, detail="HTTP 404")], "--http GET 80/x: HTTP 404$", "--http 404:/x"),
        (
            "POST:200:80/x",
            [PAGE, probe("http", "POST 80/x", 401, ok=False, detail="HTTP 401")],
            "--http POST 80/x: HTTP 401, not 200$",
            "--http POST:401:80/x",
        ),
        ("/x", [PAGE, probe("http", "GET 80/x", -1, ok=False, detail="no answer within 20 s")], "no answer within 20 s$", "--timeout"),
        ("81/x", [PAGE, probe("http", "GET 81/x", -1, ok=False, detail="nothing listens on 81")], "nothing listens on 81$", "--timeout"),
    ],
)
def test_a_requested_page_that_fails_ends_the_run(http: str, answers: list[ProbeResult], said: str, hint: str) -> None:
    with pytest.raises(SlimError, match=said) as raised:
        run_warnings(*answers, exercise=asked(http), ports=(80,), **WEB)
    assert hint in raised.value.hint
    assert raised.value.status == 1


def test_the_response_is_shown() -> None:
    wrong = probe("http", "GET 80/x", 500, ok=False, detail="HTTP 500", output="Oops\nline two\n")
    with pytest.raises(SlimError, match=r"HTTP 500\n    Oops\n    line two$"):
        run_warnings(wrong, exercise=asked("/x"))


def test_without_a_port_one_server_has_to_answer() -> None:
    right = probe("http", "GET 80/x", 200)
    wrong = probe("http", "GET 81/x", 404, ok=False, detail="HTTP 404")
    assert run_warnings(right, wrong, exercise=asked("/x"), ports=(80, 81)) == ("http GET 81/x failed on the original too: HTTP 404",)


def test_the_target_of_a_redirect_may_fail() -> None:
    wrong = probe("http", "GET 80/elsewhere", 404, ok=False, detail="HTTP 404")
    assert len(run_warnings(probe("http", "GET 80/x", 302), wrong, exercise=asked("/x"), ports=(80,))) == 1
