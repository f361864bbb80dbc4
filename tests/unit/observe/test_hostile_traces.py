"""Hostile trace files: damaged ones are refused with one sentence, and none acts on the host without consent."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.errors import SlimError, UsageError
from docker_slim_plugin.model.observation import AccessKind, Origin
from docker_slim_plugin.model.request import Exercise, Request
from docker_slim_plugin.observe import trace_trust
from docker_slim_plugin.observe.probes.probe import replayable_requests
from docker_slim_plugin.observe.trace import Trace, dumps, load, merge_observations, restrict_to_image
from docker_slim_plugin.progress import Silent
from docker_slim_plugin.resolve.plan import resolve
from docker_slim_plugin.verify.compare import compare
from docker_slim_plugin.workflows.steps.given_traces import load_traces
from docker_slim_plugin.workflows.steps.job import make_run_plan
from tests.directly import DIRECTLY
from tests.observed import access, observations, probe, run_result, source_image
from tests.rootfs import rootfs

IMAGE = source_image({"Cmd": ["app"], "ExposedPorts": {"80/tcp": {}}})
EXERCISE = Exercise(
    command=("serve", "-x"),
    docker_options=("--env=MODE=prod", "--init", "--publish=127.0.0.1::80", "--network=bridge", "--user=7"),
    http=("/health", "POST:401:8080/login"),
    exec_=("id",),
    host_exec=("curl -fs 127.0.0.1:$DOCKER_SLIM_PORT_80",),
    until="12.5",
)
PROBES = (
    probe("http", "GET 80/health", 200, output="fine"),
    probe("http-skip", "25", -1, detail="port 25 does not speak HTTP: not probed"),
    probe("exec", "id", 1, ok=False, detail="exit status 1"),
)
ACCESSES = tuple(
    access(path, kind, f"/usr/bin/app{number}", number, origin, "/jail" if number > 2 else "/")
    for number, kind in enumerate(AccessKind)
    for origin in (Origin.PTRACE, Origin.FANOTIFY)
    for path in ("/usr/bin/app", "/etc/na\udcffme", "/etc/passwd", "/etc/../etc/passwd")
)
TREE = rootfs({"/usr/bin/app": "#!/bin/sh\n", "/etc/passwd": "root:x:0:0::/root:/bin/sh\n", "/bin": "-> usr/bin"})
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, -0.0, 1 << 63, 1 << 64, 10**400, "", "x", "\0", "\ud800", "\udcff", "/", "--", "-v/:/host",
    "/" * 20_000, "9" * 5000, "$(id)", "\x1b[2J\n", [], {}, [[]], [None], [1], ["x"], {"x": 1}, [{}], float("inf"), float("nan"),
)  # fmt: skip


@pytest.fixture(scope="module")
def document() -> Any:
    result = run_result(*PROBES, stop_status=0, ports=(80,), ready=0.5)
    seen = observations(*ACCESSES, result=result, events=9, warnings=("careful",))
    other = replace(seen, accesses=ACCESSES[:3], result=run_result(exit_status=0, output="done"))
    traces = (Trace(source_id="sha256:1", exercise=EXERCISE, observations=seen), Trace(source_id="x", exercise=None, observations=other))
    return json.loads(dumps(IMAGE, traces))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each value of a document."""
    inner: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    for name, one in inner:
        yield (*path, name)
        yield from places(one, (*path, name))


def mutated(document: Any, chance: random.Random) -> bytes:
    """Return the document with one value changed, removed or added, or truncated."""
    changed = copy.deepcopy(document)
    for _ in range(chance.randrange(1, 3)):
        *way, last = chance.choice(list(places(changed)) or [(0,)])
        there = changed
        for step in way:
            there = there[step]
        match chance.randrange(6):
            case 0:
                del there[last]
            case 1 if isinstance(there, dict):
                there[chance.choice(("x", "Path", "docker-options", "\n", "a" * 200))] = chance.choice(ODD)
            case 2 if isinstance(there, list):
                there.insert(last, chance.choice(ODD))
            case 3 if isinstance(there[last], str) and there[last]:
                at = chance.randrange(len(there[last]))
                there[last] = there[last][:at] + chance.choice(("\0", "\ud800", "-", "é", "\n", "=")) + there[last][at + 1 :]
            case _:
                there[last] = chance.choice(ODD)
    text = json.dumps(changed).encode()
    if chance.random() < 0.1:
        at = chance.randrange(len(text))
        text = text[:at] + chance.randbytes(1) + text[at + chance.randrange(2) :] if chance.random() < 0.5 else text[:at]
    return text


def use(name: str) -> None:
    """Do with a trace everything that `build` does with it before it uses the engine."""
    traces = load(name)
    if not traces:
        return
    for one in traces:
        if one.exercise:
            make_run_plan(IMAGE, one.exercise, DIRECTLY)
            list(trace_trust.host_options(one.exercise))
        replayable_requests(one.observations.result.probes, ended=one.observations.result.exit_status is not None)
        compare(one.observations.result, traces[0].observations.result)
    together = merge_observations(traces)
    resolve(TREE, together, Request(image="x").selection, IMAGE)
    dumps(IMAGE, [replace(one, observations=restrict_to_image(TREE, one.observations)) for one in traces])


def test_a_valid_trace_is_used(tmp_path: Path, document: Any) -> None:
    (tmp_path / "t").write_text(json.dumps(document))
    use(str(tmp_path / "t"))
    first, _ = load(str(tmp_path / "t"))
    assert first.exercise == replace(EXERCISE, docker_options=("--env=MODE", *EXERCISE.docker_options[1:]))
    assert set(first.observations.accesses) == set(ACCESSES)


@pytest.mark.parametrize("seed", range(15))
def test_damaged_traces_are_refused_or_used(tmp_path: Path, document: Any, seed: int) -> None:
    """A hundred variants per seed: any error is a SlimError with the file name, one line, and exit status 1."""
    chance = random.Random(seed)
    file = tmp_path / "t"
    refused: list[SlimError] = []
    for _ in range(100):
        file.write_bytes(mutated(document, chance))
        try:
            use(str(file))
        except SlimError as error:
            refused.append(error)
    assert len(refused) > 50
    assert {(error.status, "\n" in str(error)) for error in refused} == {(1, False)}
    assert {str(error).partition(str(file))[0] for error in refused} <= {"cannot read ", "cannot run app:1: the image has no command"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"docker_options": ["image"]}, r"Runs\[0\].Exercise.docker_options\[0\]: --NAME or --NAME=VALUE is wanted"),
        ({"docker_options": ["--"]}, r"docker_options\[0\]: --NAME"),
        ({"docker_options": ["-v/:/host"]}, r"docker_options\[0\]: --NAME"),
        ({"docker_options": ["--user=\0"]}, r"docker_options\[0\]: an argument of a program"),
        ({"host_exec": ["\ud800"]}, r"host_exec\[0\]: an argument of a program"),
        ({"http": ["x"]}, r"http\[0\]: \[METHOD:\]"),
        ({"until": "soon"}, "until: probes, exit, enter or seconds"),
        ({"timeout": 1e300}, "timeout: a number of seconds"),
        ({"exec_": "id"}, "exec_: a list is wanted"),
        ({"volumes": []}, "'volumes': this name is not known"),
    ],
)
def test_an_exercise_that_no_command_line_could_have_asked_for(tmp_path: Path, document: Any, change: Any, said: str) -> None:
    changed = copy.deepcopy(document)
    changed["Runs"][0]["Exercise"] |= change
    (tmp_path / "t").write_text(json.dumps(changed))
    with pytest.raises(SlimError, match=said) as raised:
        load(str(tmp_path / "t"))
    assert not isinstance(raised.value, UsageError)


@pytest.mark.parametrize(
    ("option", "acts"),
    [
        ("--env=A=b", False),
        ("--init", False),
        ("--init=true", False),
        ("--network=none", False),
        ("--volume=/data", False),
        ("--tmpfs=/run", False),
        ("--user=0", False),
        ("--volume=/:/host", True),
        ("--volume=name:/data", True),
        ("--volume=name", True),
        ("--mount=type=bind,src=/,dst=/host", True),
        ("--device=/dev/sda", True),
        ("--privileged", True),
        ("--network=host", True),
        ("--network=container:db", True),
        ("--network=lan", True),
        ("--net=host", True),
        ("--pid=host", True),
        ("--cap-add=SYS_ADMIN", True),
        ("--security-opt=seccomp=unconfined", True),
        ("--publish=80:80", True),
        ("--publish-all", True),
        ("--env-file=/etc/shadow", True),
        ("--label-file=/etc/shadow", True),
        ("--volumes-from=db", True),
        ("--cgroup-parent=/", True),
        ("--runtime=other", True),
        ("--label=docker-slim.run=1-1", True),
        ("--user", True),
        ("--init=--privileged", True),
        ("--what-comes-next=x", True),
    ],
)  # fmt: skip
def test_options_that_act_on_the_host(option: str, acts: bool) -> None:
    assert list(trace_trust.host_options(Exercise(docker_options=(option,)))) == ([option.replace("--net=", "--network=")] if acts else [])


HOST = Exercise(host_exec=("curl x", "date"), docker_options=("--volume=/:/host", "--init"))


def test_nothing_of_a_trace_acts_on_the_host_by_itself() -> None:
    with pytest.raises(SlimError, match="consent") as raised:
        trace_trust.check_trust([HOST])
    for act in ("run on this host: curl x", "run on this host: date", "docker option: --volume=/:/host"):
        assert f"\n    {act}" in str(raised.value)
    assert "--init" not in str(raised.value)
    assert all(way in raised.value.hint for way in ("--trust-trace", "--host-exec", "--no-verify"))
    assert raised.value.status == 1


def test_repeated_host_commands_are_allowed() -> None:
    with pytest.raises(SlimError) as raised:
        trace_trust.check_trust([HOST], allowed=["curl x"])
    assert "curl" not in str(raised.value)
    commands = replace(HOST, docker_options=())
    assert trace_trust.check_trust([commands], allowed=["date", "curl x"]) == ("run on this host: curl x", "run on this host: date")
    with pytest.raises(SlimError, match="date; id"):
        trace_trust.check_trust([commands], allowed=["date; id"])
    assert len(trace_trust.check_trust([HOST], trusted=True)) == 3
    assert trace_trust.check_trust([Exercise(docker_options=("--init",))]) == ()


@pytest.mark.parametrize(("options", "refused"), [({}, True), ({"verify": False}, False), ({"dry_run": True}, False), ({"trust": True}, False)])
def test_trust_is_checked_before_anything_is_started(tmp_path: Path, options: dict[str, bool], refused: bool) -> None:
    (tmp_path / "t").write_text(dumps(IMAGE, [Trace(source_id="sha256:1", exercise=HOST, observations=observations())]))
    request = Request(image="x", traces=(str(tmp_path / "t"),), **options)  # type: ignore[arg-type]
    if refused:
        with pytest.raises(SlimError, match="consent"):
            load_traces(request, Silent())
    else:
        assert len(load_traces(request, Silent())) == 1
