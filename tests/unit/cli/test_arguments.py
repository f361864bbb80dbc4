from __future__ import annotations

from pathlib import Path

import pytest

from docker_slim_plugin.cli.app import own_flags
from docker_slim_plugin.cli.arguments import (
    Flag,
    Invocation,
    RunArguments,
    docker_flags,
    flags,
    invocation,
    run_arguments,
)
from docker_slim_plugin.errors import UsageError

DATA = Path(__file__).parents[2] / "data"
VERSIONS = ("20.10", "28.2")


def create_help(version: str) -> str:
    return (DATA / f"docker-create-help-{version}.txt").read_text()


def split(*words: str, version: str = "28.2") -> RunArguments:
    return run_arguments(words, own_flags("run"), docker_flags(flags(create_help(version))))


@pytest.mark.parametrize("version", VERSIONS)
def test_flags_of_a_real_client(version: str) -> None:
    found = flags(create_help(version))
    assert found["-e"] == found["--env"] == Flag("--env", takes_value=True)
    assert found["-h"] == Flag("--hostname", takes_value=True)
    assert found["--gpus"] == Flag("--gpus", takes_value=True)
    booleans = {"--init", "--interactive", "--tty", "--privileged", "--publish-all", "--read-only", "--rm", "--help"}
    booleans |= {"--disable-content-trust", "--no-healthcheck", "--oom-kill-disable"}
    assert booleans <= {flag.name for flag in found.values() if not flag.takes_value}
    assert {flag.name for flag in found.values() if not flag.takes_value} <= booleans | {"--quiet", "--use-api-socket"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("nginx", ((), "nginx", ()), id="image alone"),
        pytest.param("nginx -g x --tag y", ((), "nginx", ("-g", "x", "--tag", "y")), id="behind IMAGE all is command"),
        pytest.param("nginx -- x", ((), "nginx", ("--", "x")), id="-- behind IMAGE is the command's"),
        pytest.param("-- nginx -x", ((), "nginx", ("-x",)), id="-- ends the options"),
        pytest.param("-it a", (("--interactive", "--tty"), "a", ()), id="cluster"),
        pytest.param(
            "-itp80:80 a", (("--interactive", "--tty", "--publish=80:80"), "a", ()), id="cluster with a value"
        ),
        pytest.param(
            "-itp 80 a b", (("--interactive", "--tty", "--publish=80"), "a", ("b",)), id="cluster, then value"
        ),
        pytest.param("-eA=b a", (("--env=A=b",), "a", ()), id="-eA=b"),
        pytest.param("-e=A a", (("--env=A",), "a", ()), id="-e=A"),
        pytest.param("-e A=b a", (("--env=A=b",), "a", ()), id="-e A=b"),
        pytest.param("-e -x a", (("--env=-x",), "a", ()), id="a value may look like an option"),
        pytest.param("-t=false a", (("--tty=false",), "a", ()), id="boolean, short, with a value"),
        pytest.param("--env=A=b a", (("--env=A=b",), "a", ()), id="--env=A=b"),
        pytest.param("--entrypoint= a", (("--entrypoint=",), "a", ()), id="an empty value"),
        pytest.param("--init=false a", (("--init=false",), "a", ()), id="boolean, long, with a value"),
        pytest.param("--net host a", (("--network=host",), "a", ()), id="hidden old spelling"),
        pytest.param("-h web a", (("--hostname=web",), "a", ()), id="-h is --hostname"),
        pytest.param("-v /a:/b a", (("--volume=/a:/b",), "a", ()), id="-v is --volume"),
        pytest.param("-d --rm --sig-proxy=false --detach-keys x --restart always a", ((), "a", ()), id="left out"),
        pytest.param("- x", ((), "-", ("x",)), id="a dash is no option"),
        pytest.param("--init", (("--init",), "", ()), id="no image"),
    ],
)
def test_docker_options(words: str, expected: tuple[tuple[str, ...], str, tuple[str, ...]]) -> None:
    found = split(*words.split(" "))
    assert (found.docker, found.image, found.command) == expected
    assert found.own == ()


def test_own_options_stand_between_dockers() -> None:
    found = split(
        "-e", "A", "--tag", "x:y", "-iq", "--http=/a", "--dry-run=true", "--force=false", "--exec", "a b", "img"
    )
    assert found.own == ("--tag=x:y", "--quiet", "--http=/a", "--dry-run", "--exec=a b")
    assert found.docker == ("--env=A", "--interactive")


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        pytest.param(["--htpp", "/", "a"], "cannot understand the option --htpp", "--http, or", id="ours, misspelled"),
        pytest.param(
            ["--volum", "/", "a"], "cannot understand the option --volum", "--volume", id="docker's, misspelled"
        ),
        pytest.param(["-ix", "a"], "cannot understand the option -x in -ix", "--help", id="in a cluster"),
        pytest.param(["--env"], "cannot read --env: it needs a value", "--help", id="no value"),
        pytest.param(["--cidfile", "x", "a"], "cannot use --cidfile here", "--help", id="refused"),
        pytest.param(["--dry-run=maybe", "a"], "cannot read --dry-run=maybe", "--help", id="neither true nor false"),
    ],
)
def test_usage_errors(words: list[str], message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        split(*words)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("argv", "options", "words"),
    [
        pytest.param("slim run nginx", (), ("run", "nginx"), id="plugin"),
        pytest.param("run nginx", (), ("run", "nginx"), id="standalone"),
        pytest.param("--context x -D slim run a", ("--context=x", "--debug"), ("run", "a"), id="global options"),
        pytest.param(
            "-Htcp://h -c=y -l warn slim run a",
            ("--host=tcp://h", "--context=y", "--log-level=warn"),
            ("run", "a"),
            id="short global options",
        ),
        pytest.param("--tls --tlscacert a slim doctor", ("--tls", "--tlscacert=a"), ("doctor",), id="tls"),
        pytest.param("slim -D run -D", ("--debug",), ("run", "-D"), id="global options behind slim"),
        pytest.param("help slim", (), ("--help",), id="docker help slim"),
        pytest.param("help slim run", (), ("run", "--help"), id="docker help slim run"),
        pytest.param("slim help run", (), ("run", "--help"), id="docker slim help run"),
        pytest.param("slim --help", (), ("--help",), id="docker slim --help"),
        pytest.param("slim -h", (), ("--help",), id="docker slim -h"),
        pytest.param("slim", (), ("--help",), id="docker slim"),
        pytest.param("", (), ("--help",), id="nothing"),
        pytest.param("--version", (), ("--version",), id="version"),
        pytest.param("slim -v", (), ("--version",), id="-v before a command is the version"),
        pytest.param("slim run slim", (), ("run", "slim"), id="an image called slim"),
    ],
)
def test_invocation(argv: str, options: tuple[str, ...], words: tuple[str, ...]) -> None:
    assert invocation(argv.split()) == Invocation(options, words)


def test_a_command_behind_a_container_has_its_own_options() -> None:
    words = ("-it", "-u0", "--cap-add=A", "--cap-add", "B", "web", "ls", "-l", "--help")
    found = run_arguments(words, own_flags("debug"), {}, "debug")
    own = ("--interactive", "--tty", "--user=0", "--cap-add=A", "--cap-add=B")
    assert found == RunArguments(own, (), "web", ("ls", "-l", "--help"))
    with pytest.raises(UsageError, match="--privileged"):
        run_arguments(["--privileged", "web"], own_flags("debug"), {}, "debug")
