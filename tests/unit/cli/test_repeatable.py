"""The command line in a report can be repeated, and has no values of variables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docker_slim_plugin.cli.app import own_flags
from docker_slim_plugin.cli.arguments import RunArguments
from docker_slim_plugin.cli.repeatable import docker_line, plain_line
from docker_slim_plugin.cli.text import command_line
from docker_slim_plugin.engine.secrets import secrets_of
from docker_slim_plugin.model.observation import RunProcess
from docker_slim_plugin.report.run_log import RunLog
from tests.unit.report.test_record import REPORT


def test_options_of_docker_without_values() -> None:
    given = RunArguments(("--http=/a b", "--tag=x"), ("--env=KEY=value", "--env-file=f", "--volume=/a:/b", "--init"), "nginx", ("sh", "-c", "id"))
    assert docker_line(("--host=unix:///x",), "run", given) == (
        "docker", "--host=unix:///x", "slim", "run", "--http=/a b", "--tag=x", "-e", "KEY", "--env-file", "f", "--volume=/a:/b", "--init", "nginx", "sh", "-c", "id",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["pack", "--cmd", "nginx -g", "-e", "A=secret", "img", "/x", "--env=B"], "pack '--cmd=nginx -g' --env=A img /x --env=B"),
        (["pack", "img", "--", "-x", "--env=A=b"], "pack img -- -x --env=A=b"),
        (["build", "-qe", "A=secret", "--trace=t", "img"], "build --quiet --env=A --trace=t img"),
        (["build", "--trace"], "build"),
        (["build", "--absent", "img"], "build"),
    ],
)
def test_other_commands(words: list[str], line: str) -> None:
    assert command_line(plain_line((), words, own_flags(words[0]))) == f"docker slim {line}"


def test_secrets_are_masked() -> None:
    line = ("docker", "slim", "run", "--exec=curl -u a:hunter22 x", "-e", "KEY", "nginx", "--password", "hunter33", "hunter44-hunter44")
    secrets = secrets_of(["--env=KEY=hunter44-hunter44"], {})
    shown = replace(REPORT, command=line).redact(secrets).to_json()["Command"]
    assert shown == ["docker", "slim", "run", "--exec=curl -u a:*** x", "-e", "KEY", "nginx", "--password", "***", "***"]


def test_a_password_is_masked_in_the_whole_report() -> None:
    words = ("redis-server", "--requirepass", "pa;ss&word9x")
    log = RunLog(processes=(RunProcess(1, 0, 7, words, 0.1), RunProcess(2, 0, 8, ("redis-cli", "-a", words[2]), 0.2)))
    shown = replace(REPORT, command=("docker", *words), run_log=log, warnings=(f"said {words[2]}",)).redact(secrets_of((), {}))
    document = shown.to_json(files=True)
    assert document["Command"] == ["docker", "redis-server", "--requirepass", "***"]
    assert [one["Arguments"] for one in document["Processes"]] == [["redis-server", "--requirepass", "***"], ["redis-cli", "-a", "***"]]
    assert document["Warnings"] == ["said ***"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("a", "b c", ""), "a 'b c' ''"),
        (("it's\n", "\\\x1b[0m"), r"$'it\'s\n' $'\\\x1b[0m'"),
        (("\u202e",), r"$'\u202e'"),
        (("\udcff",), r"$'\xff'"),
    ],
)
def test_words_for_a_shell(words: tuple[str, ...], line: str) -> None:
    assert command_line(words) == line
