"""Trace files, united runs, exact comparison of outputs, and repair of what a run has missed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_slim_plugin.errors import VerificationFailed
from docker_slim_plugin.model.plan import Selection
from docker_slim_plugin.model.request import Request
from docker_slim_plugin.observe.trace import save
from docker_slim_plugin.progress import Silent
from docker_slim_plugin.report.record import Report
from docker_slim_plugin.workflows.slim import slim
from docker_slim_plugin.workflows.trace import trace
from tests.integration.workflows.test_run import build, kept, remove
from tests.integration.workflows.test_stopped import SLIM, left_behind

pytestmark = pytest.mark.integration

IMAGE = "docker-slim-test/traces"
BLIND = Selection(hints_off=frozenset({"listed", "scripts"}))
DOCKERFILE = """
FROM debian:bookworm
RUN mkdir /data /parts && for i in 1 2 3; do echo $i >/data/$i; echo $i >/parts/$i; done \
 && echo serve >/srv/serve && echo migrate >/srv/migrate && echo fallback >/srv/fallback \
 && echo 'cat /srv/$1' >/usr/local/bin/serve.sh \
 && echo 'set -e; test "$(ls /parts | wc -l)" = 3 || cat /srv/fallback >/dev/null; echo well' >/usr/local/bin/fragile.sh \
 && echo 'ls /data | wc -l; date +%s%N' >/usr/local/bin/count.sh \
 && echo 'set -e; if test -e /state/made; then tac /srv/fallback; else >/state/made; fi' >/usr/local/bin/state.sh \
 && echo 'grep -o overlay2/l/ /proc/self/mountinfo | wc -l' >/usr/local/bin/layers.sh \
 && echo 'test -e /tmp/none; cat /proc/sys/kernel/random/uuid' >/usr/local/bin/chance.sh
CMD ["sh", "/usr/local/bin/serve.sh", "serve"]
"""


@pytest.fixture(scope="module", autouse=True)
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("image"), IMAGE, DOCKERFILE)
    yield
    remove(IMAGE, f"{IMAGE}:latest-slim", f"{IMAGE}:latest-slim-squashed")


def of(script: str, *arguments: str, **fields: object) -> Report:
    command = ("sh", f"/usr/local/bin/{script}.sh", *arguments)
    return slim(Request(image=IMAGE, command=command, **fields), Silent())  # type: ignore[arg-type]


def output_of(image: str, *command: str) -> str:
    return subprocess.run(["docker", "run", "--rm", image, *command], check=True, stdout=subprocess.PIPE, text=True).stdout


def test_one_image_from_two_traces(tmp_path: Path) -> None:
    files = []
    for what in ("serve", "migrate"):
        text, _ = trace(Request(image=IMAGE, command=("sh", "/usr/local/bin/serve.sh", what)), Silent())
        save(tmp_path / what, text)
        files.append(str(tmp_path / what))
    assert (tmp_path / "serve").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "serve").stat().st_size < 20_000
    report = slim(Request(image=IMAGE, traces=tuple(files)), Silent())
    assert report.passed
    assert {"/srv/serve", "/srv/migrate"} <= set(kept(report))
    assert "/srv/fallback" not in kept(report)
    for form in report.images:
        assert output_of(form.reference) == "serve\n"
        assert output_of(form.reference, "sh", "/usr/local/bin/serve.sh", "migrate") == "migrate\n"
    one = slim(Request(image=IMAGE, traces=tuple(files[:1]), outputs=("layered",)), Silent())
    assert "/srv/migrate" not in kept(one)


def test_the_command_line_of_traces(tmp_path: Path) -> None:
    file = tmp_path / "trace"
    made = subprocess.run([*SLIM, "trace", "-q", "-o", file, IMAGE], check=False, capture_output=True, text=True)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    for to in ((), ("-o", "-")):
        piped = subprocess.run([*SLIM, "trace", "-q", *to, IMAGE], check=True, capture_output=True, text=True)
        assert json.loads(piped.stdout)["Source"] == json.loads(file.read_text())["Source"]
    for name, given in ((str(file), ""), ("-", piped.stdout)):
        command = [*SLIM, "build", "-q", "--trace", name, IMAGE]
        built = subprocess.run(command, check=True, capture_output=True, text=True, input=given)
        assert built.stdout.startswith("sha256:")
    for text, said in (("{}", "it is not a trace"), (file.read_text().replace('Version":1', 'Version":7'), "of version 7")):
        file.write_text(text)
        answer = subprocess.run([*SLIM, "build", "--trace", file, IMAGE], check=False, capture_output=True, text=True)
        assert answer.returncode == 1
        assert said in answer.stderr
    answer = subprocess.run([*SLIM, "build", IMAGE], check=False, capture_output=True, text=True)
    assert answer.returncode == 2
    assert "without a trace" in answer.stderr
    assert left_behind() == []


def test_what_only_the_slim_image_asks_for_is_added() -> None:
    report = of("fragile", selection=BLIND)
    assert report.passed
    assert len(report.repairs) == 2
    assert "/usr/bin/cat" in report.repairs[0].added
    assert report.repairs[1].added == ("/srv/fallback",)
    assert {kind for kind, _ in kept(report)["/srv/fallback"]} == {"repair"}
    assert any("ended with status 127" in text for text in report.repairs[0].because)
    assert any("repaired" in warning for warning in report.warnings)
    assert output_of(report.images[1].reference, "sh", "/usr/local/bin/fragile.sh") == "well\n"


def test_what_the_source_does_with_what_it_finds_is_added_at_once(tmp_path: Path) -> None:
    report = of("state", docker_options=(f"--volume={tmp_path}:/state",), selection=BLIND)
    assert report.passed
    assert len(report.repairs) == 1
    assert {"/usr/bin/tac", "/srv/fallback"} <= set(report.repairs[0].added)


def test_without_repair_it_is_refused() -> None:
    with pytest.raises(VerificationFailed, match="status 127"):
        of("fragile", repair=False, selection=BLIND)
    assert left_behind() == []


def test_names_that_are_only_listed_are_there_when_the_output_shows_them() -> None:
    report = of("count")
    assert report.passed
    assert {"/data/1", "/data/2", "/data/3"} <= set(kept(report))
    assert "/parts/1" not in kept(report)
    assert output_of(report.images[0].reference, "sh", "/usr/local/bin/count.sh").split()[0] == "3"


def test_warns_about_a_number_that_no_file_explains() -> None:
    report = of("layers")
    assert report.passed
    assert [warning.endswith("only numbers differ, and no file that it asks for is missing") for warning in report.warnings] == [
        True,
        True,
    ]
    assert [verdict.number_differences for verdict in report.verdicts] == [(), ()]
    with pytest.raises(VerificationFailed, match="its output: it is"):
        of("layers", repair=False)


def test_an_output_that_always_varies_is_not_compared() -> None:
    report = of("chance")
    assert report.passed
    assert report.repairs == ()


def test_runs_are_united() -> None:
    script = "cat /data/$(($(cut -c19 /proc/sys/kernel/random/boot_id | wc -l) + $(date +%N | cut -c9) % 3))"
    request = Request(image=IMAGE, command=("sh", "-c", script), runs=6, verify=False, dry_run=True)
    report = slim(request, Silent())
    assert {"/data/1", "/data/2", "/data/3"} & set(kept(report))
    differ = [warning for warning in report.warnings if "runs only" in warning]
    named = {f"/data/{number}" for number in (1, 2, 3)} & set(kept(report))
    assert bool(differ) == (len(named) > 1)


def test_an_app_that_needs_the_whole_image(tmp_path: Path) -> None:
    name = "docker-slim-test/tiny"
    build(tmp_path, name, 'FROM scratch\nCOPY busybox /busybox.tiny\nCMD ["/busybox.tiny", "echo", "tiny"]\n')
    try:
        report = slim(Request(image=name), Silent())
        assert report.passed
        assert {image.size for image in report.images} == {report.source.size}
        assert any("nothing to leave out" in warning for warning in report.warnings)
    finally:
        remove(name, f"{name}:latest-slim", f"{name}:latest-slim-squashed")
    assert left_behind() == []
