from __future__ import annotations

from pathlib import Path

import pytest

from docker_slim_plugin.cli import client
from docker_slim_plugin.cli.app import VERBS, own_flags, run
from docker_slim_plugin.cli.completion import UNDESCRIBED, Ours, complete
from docker_slim_plugin.cli.declare import OPTIONS

HELP = (Path(__file__).parents[2] / "data" / "docker-create-help-28.2.txt").read_text()
ANSWERS = {
    "create": HELP,
    "image": "nginx:latest\t100MB\n<none>:<none>\t1MB\nalpine:3\t7MB\n",
    "network": "bridge\nhost\n",
    "container": "web\n",
}


@pytest.fixture(autouse=True)
def docker(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(arguments: list[str], *, timeout: float = 0) -> str | None:
        words = [word for word in arguments if not word.startswith("--context")]
        return ANSWERS[words[0]]

    monkeypatch.setattr(client, "ask", answer)


def completed(*words: str, described: bool = False) -> list[str]:
    return complete(words, Ours(VERBS, own_flags, OPTIONS), described=described).splitlines()


def test_verbs_with_their_descriptions() -> None:
    assert "run\tSlim an image: run it, watch it, write it anew" in completed("slim", "", described=True)
    assert completed("slim", "do") == ["doctor", ":4"]


def test_options_are_ours_and_dockers() -> None:
    assert completed("slim", "run", "--ta") == ["--tag", ":4"]
    assert completed("slim", "run", "--env") == ["--env", "--env-file", ":4"]
    assert "--volume\tBind mount a volume" in completed("slim", "run", "--vol", described=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["slim", "run", ""], ["alpine:3", "nginx", ":4"], id="images"),
        pytest.param(
            ["--context", "x", "slim", "run", "-e", "A", "--init", "ng"], ["nginx", ":4"], id="behind options"
        ),
        pytest.param(["slim", "run", "--network", "b"], ["bridge", ":4"], id="networks"),
        pytest.param(["slim", "run", "--volumes-from", ""], ["web", ":4"], id="containers"),
        pytest.param(["slim", "run", "--tracer=s"], ["--tracer=seccomp", "--tracer=syscall", ":4"], id="behind ="),
        pytest.param(["slim", "run", "--output", "o"], ["oci=", ":6"], id="no space behind ="),
        pytest.param(["slim", "base", "--drop", "ma"], ["man", ":6"], id="kinds"),
        pytest.param(["slim", "base", "--drop", "man,in"], ["man,info", ":6"], id="kinds, behind a comma"),
        pytest.param(["slim", "base", "--no-drop=man,man"], [":6"], id="kinds, each once"),
        pytest.param(["slim", "base", "--no-drop=z"], ["--no-drop=zoneinfo", ":6"], id="kinds behind ="),
        pytest.param(["slim", "run", "--drop", "ma"], [":0"], id="what run drops are files"),
        pytest.param(["slim", "run", "--iidfile", ""], [":0"], id="files"),
        pytest.param(["slim", "run", "-itv", ""], [":0"], id="files, behind a cluster"),
        pytest.param(["slim", "run", "--nonsense", ""], [":4"], id="nonsense"),
        pytest.param(["slim", "run", "nginx", "x"], [":0"], id="the command's own"),
        pytest.param(["slim", "doctor", "--f"], ["--format", ":4"], id="another command"),
        pytest.param(["slim", "nothing", ""], [":4"], id="no such command"),
        pytest.param(["slim", "debug", "w"], ["web", ":4"], id="running containers"),
        pytest.param(["slim", "attach", "-q", ""], ["web", ":4"], id="running containers, behind options"),
        pytest.param(["slim", "debug", "web", "x"], [":0"], id="the command of the tools"),
        pytest.param(["slim", "debug", "--image", "al"], ["alpine:3", ":4"], id="an option's image"),
        pytest.param(["slim", "run", "--base=al"], ["--base=alpine:3", ":4"], id="an option's image behind ="),
        pytest.param(["slim", "squash", "al"], ["alpine:3", ":4"], id="squash"),
        pytest.param(["slim", "layers", "nginx", "al"], ["alpine:3", ":4"], id="a second image"),
        pytest.param(["slim", "diff", "--by", "layer", "nginx", "al"], ["alpine:3", ":4"], id="another image"),
        pytest.param(["slim", "pack", "nginx", "/b"], [":0"], id="paths of no report"),
        pytest.param([], [*sorted(VERBS), ":4"], id="nothing at all"),
    ],
)
def test_words(words: list[str], expected: list[str]) -> None:
    assert completed(*words) == expected


@pytest.mark.parametrize(("value", "described"), [(None, True), ("", True), ("1", False)])
def test_docker_s_switch_for_descriptions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str | None, described: bool
) -> None:
    monkeypatch.delenv(UNDESCRIBED, raising=False)
    if value is not None:
        monkeypatch.setenv(UNDESCRIBED, value)
    assert run(["__complete", "slim", "ru"]) == 0
    assert ("\t" in capsys.readouterr().out) is described


def test_paths_within_a_slim_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = tmp_path / "docker-slim" / "nginx-20260101T000000-1.json"
    report.parent.mkdir()
    files = '{"Path": "/etc", "Kind": "dir"}, {"Path": "/etc/a", "Kind": "file"}, {"Path": "/etc/b", "Kind": "file"}'
    report.write_text(f'{{"Images": [{{"Reference": "nginx:latest-slim", "ID": "x"}}], "Observed": {{}}, "Files": [{files}]}}')
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert completed("slim", "why", "nginx:latest-slim", "/e") == ["/etc/", ":6"]
    assert completed("slim", "why", "nginx:latest-slim", "/none", "/etc/") == ["/etc/a", "/etc/b", ":4"]
    assert completed("slim", "why", "other", "/") == [":4"]
    assert completed("slim", "why", "--report", str(report), "other", "/etc/b") == ["/etc/b", ":4"]
