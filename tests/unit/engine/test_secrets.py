"""Masking of variables' values, and their restoration when a trace is run again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from docker_slim_plugin.engine.environment import pass_environment
from docker_slim_plugin.engine.secrets import (
    MAX_FOUND,
    Secrets,
    fill_values,
    mask_result,
    masked_errors,
    repeatable_options,
    secrets_of,
    strip_values,
)
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.request import Exercise
from tests.observed import probe, run_result

SECRET = "planted-secret"
OPTIONS = (f"--env=PASSWORD={SECRET}", "--env=MODE=prod", "--env=N=1", "--env=PORT=8080", "--env=FROM", "--init")
SECRETS = secrets_of(OPTIONS, {"FROM": "the-callers-own"})


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"login {SECRET}!", "login ***!"),
        (f"x{SECRET}y", "x***y"),
        ("the-callers-own", "***"),
        ("in prod, product", "in ***, product"),
        ("exit status 1 on 8080", "exit status 1 on 8080"),
        ("", ""),
    ],
)
def test_values_are_masked(text: str, hidden: str) -> None:
    assert SECRETS.mask(text) == hidden


@pytest.mark.parametrize(
    ("command", "hidden"),
    [
        ("mysql --password hunter2 -e x", "mysql --password *** -e x"),
        ("mysql --password=hunter2", "mysql --password=***"),
        ("mysql --password='hunter2 x' -e y", "mysql --password=*** -e y"),
        ("mysql --password -e x", "mysql --password -e x"),
        ("redis-server --requirepass hunter2", "redis-server --requirepass ***"),
        ("x --db-password hunter2 --api-key=k1 --token t --client-secret s", "x --db-password *** --api-key=*** --token *** --client-secret ***"),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=*** psql"),
        ("env MYSQL_PWD=hunter2 mysql", "env MYSQL_PWD=*** mysql"),
        ("curl -H 'Authorization: Bearer abc' x", "curl -H 'Authorization: Bearer ***' x"),
        ("curl -u me:hunter2 x", "curl -u me:*** x"),
        ("curl http://me:hunter2@host/x", "curl http://me:***@host/x"),
        ("GET 80/login?token=abc", "GET 80/login?token=***"),
        ("nginx -t -c /etc/passwd", "nginx -t -c /etc/passwd"),
        ("cat /run/secrets/key --keys 2", "cat /run/secrets/key --keys 2"),
        ("docker run -u 7:7 --user=app:app -p 80:80 x", "docker run -u 7:7 --user=app:app -p 80:80 x"),
    ],
)  # fmt: skip
def test_commands_are_masked(command: str, hidden: str) -> None:
    assert Secrets().mask_command(command) == hidden


@pytest.mark.parametrize("token", ["-", "--password ", "--password=", "a" * 9, "pass", "-u ", "://", ":", "'", '"', "authorization: ", " "])
def test_it_is_linear(token: str) -> None:
    started = time.process_time()
    SECRETS.mask_command(token * (100_000 // len(token)))
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("argv", "hidden"),
    [
        (["redis-server", "--requirepass", "pa;ss&word9x"], ["redis-server", "--requirepass", "***"]),
        (["x", "--password", "my secret pw", "--host", "db"], ["x", "--password", "***", "--host", "db"]),
        (["x", "--password", ";abc"], ["x", "--password", "***"]),
        (["x", "--password", "\"'quoted"], ["x", "--password", "***"]),
        (["x", "--password", "two\nlines"], ["x", "--password", "***"]),
        (["x", "--password", "-starts-dash"], ["x", "--password", "***"]),
        (["x", "--password", "--secret"], ["x", "--password", "***"]),
        (["mysql", "--password", "-e", "x"], ["mysql", "--password", "-e", "x"]),
        (["x", "--token", "t"], ["x", "--token", "***"]),
        (["x", "--password", "", "y"], ["x", "--password", "", "y"]),
        (["x", "--password"], ["x", "--password"]),
        (["java", "-Dx.keyStorePassword=abc def", "-jar"], ["java", "-Dx.keyStorePassword=***", "-jar"]),
        (["env", "PGPASSWORD=a'b c", "psql"], ["env", "PGPASSWORD=***", "psql"]),
        (["/bin/sh", "-ec", "PGPASSWORD=hunter2 psql"], ["/bin/sh", "-ec", "PGPASSWORD=*** psql"]),
        (["sh", "-c", "x --password 'a b' --host c"], ["sh", "-c", "x --password *** --host c"]),
        (["x", "-c", "password=a;b c"], ["x", "-c", "password=***"]),
        (["curl", "-u", "me:hun;ter '2", "x"], ["curl", "-u", "me:***", "x"]),
        (["docker", "-u", "7:7"], ["docker", "-u", "7:7"]),
        (["curl", "-H", "Authorization: Bearer abc"], ["curl", "-H", "Authorization: Bearer ***"]),
        (["x", "authorization:", "Bearer", "abc", "d"], ["x", "authorization:", "Bearer", "***", "d"]),
        (["curl", "https://me:pw@host/?token=abc&x=1"], ["curl", "https://me:***@host/?token=***&x=1"]),
        (["x", "-qprod", f"-p{SECRET}", SECRET], ["x", "-q***", "-p***", "***"]),
        (["cat", "/etc/passwd", "--keys", "2"], ["cat", "/etc/passwd", "--keys", "2"]),
        ([], []),
    ],
)  # fmt: skip
def test_arguments_are_masked_one_by_one(argv: list[str], hidden: list[str]) -> None:
    assert list(SECRETS.mask_arguments(argv)) == hidden


def test_what_one_command_line_tells_is_masked_in_all() -> None:
    lines = (
        ["redis-server", "--requirepass", "pa;ss&word9x"],
        ["sh", "-c", "x --token='hunter 22' --password $REFERENCE --pass abc; curl http://me:other-one@host"],
        ["chown", "-u", "user:staff-of-it"],
        ["x", "--password=hunter3"],
    )
    found = SECRETS.with_arguments(lines)
    assert {value for name, value in found.values if not name} == {"pa;ss&word9x", "hunter 22", "other-one", "hunter3"}
    assert found.mask_arguments(["redis-cli", "-a", "pa;ss&word9x"]) == ("redis-cli", "-a", "***")
    assert found.mask_arguments(["mysql", "-phunter3"]) == ("mysql", "-p***")
    assert found.mask(f"hunter3 {SECRET}") == "*** ***"


def test_what_is_found_is_bounded() -> None:
    found = Secrets().with_arguments([["x", "--password", "a" * 5000], *(["x", "--password", f"value-{number}"] for number in range(1000))])
    assert len(found.values) == MAX_FOUND
    assert found.mask("value-0 value-999") == "*** value-999"


@pytest.mark.parametrize("text", ["a" * 1000, "-" * 1000, "'" * 1000, "--password", "-u", "authorization:", "bearer", "sh", "-c"])
def test_masking_of_arguments_is_linear(text: str) -> None:
    started = time.process_time()
    found = SECRETS.with_arguments([[text] * 1000, ["--password", "a" * 1001 + "b"]])
    found.mask_arguments([text] * 1000)
    assert time.process_time() - started < 20


def test_options_can_be_repeated() -> None:
    assert list(repeatable_options((*OPTIONS[:1], "--env-file=/x y", "--init"))) == ["-e", "PASSWORD", "--env-file", "/x y", "--init"]


def test_a_result_contains_no_secret() -> None:
    probes = (
        probe("exec", "x --password a", 1, ok=False, output=f"{SECRET}\n", detail=f"exit status 1: {SECRET}"),
        probe("exec", "x --password b"),
        probe("http", f"GET 80/?x={SECRET}", 200, output=SECRET),
    )
    found = mask_result(run_result(*probes, output=f"log {SECRET}"), SECRETS)
    assert [probe.target for probe in found.probes] == ["x --password ***", "x --password *** #2", f"GET 80/?x={SECRET}"]
    assert SECRET not in "".join(probe.output + probe.detail for probe in found.probes) + found.output
    assert found.probes[0].detail == "exit status 1: ***"


def test_errors_contain_no_secret() -> None:
    with pytest.raises(SlimError, match=r"^its last words: \*\*\*$") as raised, masked_errors(SECRETS):
        raise SlimError(f"its last words: {SECRET}", hint=f"-e {SECRET}")
    assert raised.value.hint == "-e ***"


def test_an_exercise_is_kept_without_values_and_filled_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("# comment\n\n  SPACED=two words \nBARE\nFROM\nKEY=line-of-a-key\n")
    exercise = Exercise(
        command=("serve", SECRET),
        docker_options=(*OPTIONS, f"--env-file={tmp_path}/file", f"--label=x={SECRET}"),
        exec_=(f"login {SECRET}", "echo ***OTHER***"),
        host_exec=("curl line-of-a-key",),
        http=(f"/?t={SECRET}",),
    )
    caller = {"FROM": "the-callers-own"}
    small = strip_values(exercise, caller)
    assert small.docker_options == (
        "--env=PASSWORD", "--env=MODE", "--env=N", "--env=PORT", "--env=FROM", "--init",
        "--env=SPACED", "--env=FROM", "--env=KEY", "--label=x=***PASSWORD***",
    )  # fmt: skip
    assert small.exec_ == ("login ***PASSWORD***", "echo ***OTHER***")
    assert SECRET not in repr(small)
    values = {"PASSWORD": SECRET, "MODE": "prod", "N": "1", "PORT": "8080", "SPACED": "two words ", "KEY": "line-of-a-key", **caller}
    again = fill_values(small, values)
    assert (again.command, again.exec_, again.host_exec, again.http) == (
        exercise.command, exercise.exec_, exercise.host_exec, exercise.http,
    )  # fmt: skip
    assert "--env=SPACED=two words " in again.docker_options
    assert f"--label=x={SECRET}" in again.docker_options


def test_missing_variables_are_named() -> None:
    with pytest.raises(SlimError, match="without PASSWORD, MODE, N, FROM: a trace contains no values") as raised:
        fill_values(strip_values(Exercise(docker_options=OPTIONS), {"FROM": "x"}), {"PORT": "1"})
    assert raised.value.status == 1
    assert fill_values(Exercise(docker_options=("--env=A=old",)), {}).docker_options == ("--env=A=old",)


@pytest.mark.parametrize(
    ("options", "said", "environment", "lines"),
    [
        pytest.param(["--env=A=b c", "--init"], ["--env=A", "--init"], {"A": "b c"}, "", id="in the environment"),
        pytest.param(["--env=A=1\n2"], ["--env=A"], {"A": "1\n2"}, "", id="of several lines"),
        pytest.param(["--env=A=1", "--env=A=2"], ["--env=A", "--env=A"], {"A": "2"}, "", id="the last one holds"),
        pytest.param(["--env=A=1", "--env=A"], ["--env=A=1", "--env=A"], {}, "", id="and the caller's own"),
        pytest.param(["--env=A="], ["--env=A"], {"A": ""}, "", id="empty"),
        pytest.param(["--env=A"], ["--env=A"], {}, "", id="the caller's"),
        pytest.param(["--env=PATH=/x", "--env=https_proxy=p"], [], {}, "PATH=/x\nhttps_proxy=p\n", id="the client's own"),
        pytest.param(["--env=DOCKER_HOST=x", "--env=A=1"], ["--env=A"], {"A": "1"}, "DOCKER_HOST=x\n", id="both"),
        pytest.param(["--env=PATH=a\nb"], ["--env=PATH=a\nb"], {}, "", id="what neither can carry"),
        pytest.param(["--env=a.b=c", "--env=1=x"], ["--env=a.b=c", "--env=1=x"], {}, "", id="odd names"),
        pytest.param(["--env=GODEBUG=\udcff"], ["--env=GODEBUG=\udcff"], {}, "", id="no UTF-8"),
        pytest.param(["--env=LABEL=x", "--env=GOAL=y"], ["--env=LABEL"], {"LABEL": "x"}, "GOAL=y\n", id="names that only begin so"),
    ],
)  # fmt: skip
def test_values_are_on_no_command_line(options: list[str], said: list[str], environment: dict[str, str], lines: str) -> None:
    with pass_environment(options) as found:
        assert found.environment == environment
        file = [one for one in found.options if one.startswith("--env-file=")]
        assert [one for one in found.options if one not in file] == said
        assert [Path(one.partition("=")[2]).read_text() for one in file] == ([lines] if lines else [])
