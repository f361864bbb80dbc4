"""The plugin handshake and the error boundary, as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

import pytest

from docker_slim_plugin import __main__, __version__, cancel
from docker_slim_plugin.errors import Interrupted, SlimError, UsageError, VerificationFailed


def test_metadata(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["docker-cli-plugin-metadata"]) == 0
    metadata = json.loads(capsys.readouterr().out)
    assert metadata["SchemaVersion"] == "0.1.0"
    assert metadata["Vendor"]
    assert metadata["Version"] == __version__


def test_metadata_imports_nothing() -> None:
    program = (
        "import sys; before = set(sys.modules); from docker_slim_plugin.__main__ import main; "
        "main(['docker-cli-plugin-metadata']); print(sorted(set(sys.modules) - before))"
    )
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout.splitlines()[1] == "['docker_slim_plugin', 'docker_slim_plugin.__main__']"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SlimError("cannot x\ny", hint="do \x1b"), 1),
        (UsageError("cannot x\ny", hint="do \x1b"), 2),
        (VerificationFailed("cannot x\ny", hint="do \x1b"), 3),
    ],
)
def test_what_the_user_can_put_right_is_two_lines(
    error: SlimError, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(_: list[str]) -> int:
        raise error

    monkeypatch.setattr("docker_slim_plugin.cli.app.run", failing)
    monkeypatch.setattr("docker_slim_plugin.cancel.install", cancel.Cancel)
    assert __main__.main([]) == status
    assert capsys.readouterr().err == "docker slim: cannot x\ny\n  try: do \\x1b\n"


def plugin(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "docker_slim_plugin", *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
    )


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        pytest.param(["slim", "--version"], 0, f"docker slim version {__version__}", id="version"),
        pytest.param(["slim"], 0, "Usage: docker slim ", id="nothing is help"),
        pytest.param(
            ["help", "slim", "run"], 0, "Usage: docker slim run [OPTIONS] IMAGE [COMMAND [ARG...]]", id="help"
        ),
        pytest.param(["slim", "nonsense"], 2, "cannot understand the command 'nonsense'", id="no such command"),
        pytest.param(["slim", "run", "--init"], 2, "missing argument 'IMAGE'", id="no image"),
        pytest.param(
            ["slim", "run", "-i", "--help"], 0, "Usage: docker slim run ", id="help among options"
        ),
        pytest.param(["slim", "run", "--timeout", "x", "a"], 2, "--timeout", id="no number"),
        pytest.param(["slim", "run", "--output", "zip=x", "a"], 2, "cannot write zip=x", id="no such output"),
        pytest.param(["slim", "run", "--until", "dawn", "a"], 2, "cannot use --until dawn", id="no such end"),
        pytest.param(["slim", "run", "--http=/", "--no-http", "a"], 2, "together", id="a contradiction"),
        pytest.param(["slim", "run", "--timeout", "-1", "a"], 2, "cannot use --timeout -1", id="no time at all"),
        pytest.param(["slim", "doctor", "--nonsense"], 2, "--nonsense", id="no such option"),
        pytest.param(["slim", "doctor", "--format", "xml"], 2, "cannot use --format xml", id="no such format"),
    ],
)
def test_command_lines(arguments: list[str], status: int, said: str) -> None:
    answer = plugin(*arguments)
    assert (answer.returncode, said in answer.stdout + answer.stderr) == (status, True), answer
    assert "Traceback" not in answer.stderr


USAGES = {
    "attach": "attach [OPTIONS] CONTAINER",
    "base": "base [OPTIONS] IMAGE",
    "build": "build [OPTIONS] --trace FILE... IMAGE",
    "doctor": "doctor [OPTIONS]",
    "layers": "layers [OPTIONS] IMAGE IMAGE...",
    "pack": "pack [OPTIONS] IMAGE PATH...",
    "run": "run [OPTIONS] IMAGE [COMMAND [ARG...]]",
}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("base", "missing argument 'IMAGE'"),
        ("build", "missing argument 'IMAGE'"),
        ("pack", "missing argument 'IMAGE'"),
        ("pack a", "missing argument 'PATH...'"),
        ("attach", "missing argument 'CONTAINER'"),
        ("layers", "missing argument"),
        ("run", "missing argument 'IMAGE'"),
        ("base a b", "got unexpected extra argument"),
        ("base --drop", "option '--drop' requires"),
        ("base --tagg x a", "no such option: --tagg"),
        ("layers --least x a b", "invalid value for '--least'"),
        ("doctor x", "got unexpected extra argument"),
    ],
)
def test_a_wrong_command_line_is_two_lines(
    arguments: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("docker_slim_plugin.cancel.install", cancel.Cancel)
    monkeypatch.setattr("docker_slim_plugin.cli.client.create_flags", dict)
    assert __main__.main(arguments.split()) == 2
    answer = capsys.readouterr()
    first, second = answer.err.splitlines()
    assert (answer.out, first.startswith(f"docker slim: cannot understand the command line: {said}")) == ("", True), first
    command = arguments.split(maxsplit=1)[0]
    assert second == f"  try: docker slim {USAGES[command]}, or: docker slim {command} --help"


@pytest.mark.parametrize("outcome", ["status", "error"])
def test_an_error_of_the_cleanup_does_not_hide_the_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outcome: str
) -> None:
    handler = cancel.Cancel()

    def interrupted(_: Sequence[str]) -> int:
        with suppress(Interrupted):
            handler(signal.SIGTERM, None)
        if outcome == "error":
            raise SlimError("cannot remove the container")
        return 1

    monkeypatch.setattr("docker_slim_plugin.cli.app.run", interrupted)
    monkeypatch.setattr("docker_slim_plugin.cancel.install", lambda: handler)
    assert __main__.main(["doctor"]) == 130
    assert "interrupted by SIGTERM" in capsys.readouterr().err
