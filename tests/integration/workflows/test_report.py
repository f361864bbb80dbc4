"""The report of a slim image again: as text, JSON and a page, with the sums of diff. On a real engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cases.harness import SLIM
from tests.integration.workflows.test_run import build, remove
from tests.schema import violations
from tests.unit.cli.page.test_render import Page

pytestmark = pytest.mark.integration
IMAGE, TAG = "docker-slim-test/report", "docker-slim-test/report:made"
APP = r"""
FROM debian:bookworm
RUN mkdir "/srv/<b>" "/srv/<" && cd /srv && echo shown >'"><img src=x onerror=alert(1)>' && echo kept >'<b>/script>' \
 && ln '<b>/script>' link && ln -s link name && head -c 60000 /dev/zero >'<script>alert(1)<' && head -c 60000 /dev/zero >'</script><script>alert(1)' \
 && head -c 60000 /dev/zero >"$(printf 'a\nb\033[31m\342\200\256c\377')"
CMD ["sh", "-c", "cat /srv/*img* '/srv/<b>/script>' /srv/name; : '<script>alert(2)</script>' $KEY; true"]
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Slim the image, and yield the state directory with its report."""
    state = tmp_path_factory.mktemp("state")
    build(tmp_path_factory.mktemp("report"), IMAGE, APP)
    words = ["run", "-q", "--level=exact", f"--tag={TAG}", "--exec", "echo --password hunter22", "-e", "KEY=hunter33-hunter33"]
    subprocess.run([*SLIM, *words, IMAGE], check=True, env={**os.environ, "XDG_STATE_HOME": str(state)}, stdout=subprocess.DEVNULL)
    yield state
    remove(IMAGE, TAG, f"{TAG}-squashed")


def slim(state: Path, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    answer = subprocess.run([*SLIM, *words], check=False, env=environment, capture_output=True, text=True)
    assert answer.returncode == status, answer.stdout + answer.stderr
    return answer


def document(state: Path, *words: str) -> dict[str, Any]:
    return dict(json.loads(slim(state, "report", "--format=json", *words, TAG).stdout))


def only_report(state: Path) -> Path:
    (file,) = (state / "docker-slim").glob("*.json")
    return file


def names(node: list[Any]) -> Iterator[str]:
    """Yield the names of a tree in the page's data."""
    yield node[0]
    for child in node[10]:
        yield from names(child)


def test_the_summary(state: Path) -> None:
    shown = slim(state, "report", f"{TAG}-squashed").stdout
    assert re.search(rf"^{TAG}-squashed .* squashed$", shown, re.MULTILINE)
    assert "verified: layered and squashed: files as in the source, same answers" in shown
    assert f"made by: docker slim run --quiet --level=exact --tag={TAG} '--exec=echo --password ***' -e KEY {IMAGE}\n" in shown
    assert shown.endswith(f"report: {only_report(state)}\n")


def test_no_secret_is_stored(state: Path) -> None:
    text = only_report(state).read_text()
    assert "hunter" not in text
    assert "hunter" not in slim(state, "report", "--html=-", TAG).stdout


def test_the_document_is_that_of_the_run_with_sums(state: Path) -> None:
    found = document(state)
    assert violations(found) == []
    stored = json.loads(only_report(state).read_text())
    assert {name: value for name, value in found.items() if name != "Sums"} == {name: value for name, value in stored.items() if name not in ("Files", "Processes")}
    assert found["Sums"]["SourceRead"] is True


def test_sums_are_the_same_everywhere(state: Path, tmp_path: Path) -> None:
    inspected = int(subprocess.run(["docker", "image", "inspect", "-f", "{{.Size}}", TAG], check=True, stdout=subprocess.PIPE, text=True).stdout)
    found = document(state, "--html", str(tmp_path / "page.html"))
    html = (tmp_path / "page.html").read_text()
    data = Page(html).data()
    assert sum(data["directory"][1:3]) == inspected
    totals = set()
    for by in ("directory", "package", "layer"):
        difference = json.loads(slim(state, "diff", f"--by={by}", "--format=json", TAG).stdout)
        assert difference["Sums"] == found["Sums"][by.capitalize()]
        sums = [sum(row["Bytes"].get(one, 0) for row in difference["Sums"]) for one in ("kept", "generated", "dropped")]
        assert sums[0] + sums[1] == inspected
        totals.add(tuple(sums))
    # Several architectures of libc6 may be installed: what is kept and what is left out have one name all the same.
    (libc,) = [row for row in found["Sums"]["Package"] if row["Name"].startswith("libc6")]
    assert set(libc["Files"]) == {"kept", "dropped"}
    assert totals == {tuple(data["directory"][1:4]), tuple(data["package"][1:4])}
    for table, width in (("package-table", 5), ("directory-table", 5), ("group-table", 4)):
        rows = re.findall(r"<tr>(.*?)</tr>", html.partition(f'id="{table}"')[2].partition("</table>")[0])[1:]
        cells = [[int(number) for number in re.findall(r'<data value="(\d+)">', row)] for row in rows]
        sums = [sum(column) for column in zip(*cells, strict=True)]
        assert len(sums) == width
        assert sums[1] == inspected if table == "group-table" else [tuple(sums[:3])] == list(totals)


def test_the_page(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    shown = slim(state, "report", "--html", str(file), TAG)
    assert shown.stdout.splitlines()[-1].startswith(f"wrote {file}: ")
    html = file.read_text()
    page = Page(html)
    assert len(page.scripts) == 2
    assert "img" not in {tag for tag, _ in page.elements}
    assert not [one for one in html if not one.isprintable() and one != "\n"]
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in html
    assert len(html) < 3_000_000
    data = page.data()
    assert {r"a\nb\x1b[31m\u202ec\xff", "<script>alert(1)<", "script><script>alert(1)"} <= set(names(data["directory"]))
    assert "/srv/</script><script>alert(1)" in set(names(data["package"]))


def test_a_page_on_standard_output(state: Path) -> None:
    answer = slim(state, "report", "--html=/dev/stdout", TAG)
    assert answer.stdout.startswith("<!DOCTYPE html>")
    assert answer.stdout.endswith("</html>")
    assert "report: " in answer.stderr


def test_a_file_that_exists_is_replaced_whole_and_keeps_its_mode(state: Path, tmp_path: Path) -> None:
    file, link = tmp_path / "page.html", tmp_path / "link"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    slim(state, "report", "--html", str(link), TAG)
    assert link.is_symlink()
    assert file.read_text().startswith("<!DOCTYPE html>")
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link", "page.html"]


def test_when_the_source_is_gone(state: Path, tmp_path: Path) -> None:
    damaged = json.loads(only_report(state).read_text())
    damaged["Source"]["ID"] = "sha256:" + "0" * 64
    file = tmp_path / "other.json"
    file.write_text(json.dumps(damaged))
    html = slim(state, "report", "--html=-", "--report", str(file), TAG).stdout
    assert f"The source image was not read: {IMAGE} is not here as it was then" in html
    assert Page(html).data()["directory"][3] == 0
    assert document(state, "--report", str(file))["Sums"]["SourceRead"] is False


@pytest.mark.parametrize(
    ("words", "status", "said", "hint"),
    [
        pytest.param((IMAGE,), 1, "no report of docker slim about it is stored", "docker slim run", id="an image that is not slim"),
        pytest.param(("docker-slim-test/absent",), 1, "cannot find the image", "", id="no image"),
        pytest.param(("--report=/absent", TAG), 1, "cannot read the report /absent", "--report FILE", id="no report"),
        pytest.param(("--html=/absent/page.html", TAG), 2, "there is no such directory", "make the directory first", id="no directory"),
        pytest.param(("--html=/", TAG), 1, "cannot write /", "name another file", id="a directory"),
        pytest.param(("--format=xml", TAG), 2, "cannot use --format xml", "table|json", id="another form"),
        pytest.param((), 2, "missing argument", "report", id="nothing"),
    ],
)
def test_bad_input(state: Path, words: tuple[str, ...], status: int, said: str, hint: str) -> None:
    answer = slim(state, "report", *words, status=status)
    assert answer.stdout == ""
    assert said in answer.stderr.lower() or said in answer.stderr
    assert hint in answer.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda text: text[:-40], "it is not JSON", id="damaged"),
        pytest.param(lambda text: text.replace('"SchemaVersion": 1', '"SchemaVersion": 7'), "it is of version 7, not 1", id="another version"),
        pytest.param(lambda text: text.replace('"Seconds": ', '"Seconds": "x", "Other": ', 1), "Seconds", id="another type"),
    ],
)
def test_a_report_that_cannot_be_used(state: Path, tmp_path: Path, change: Any, said: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(change(only_report(state).read_text()))
    answer = slim(state, "report", "--html", str(tmp_path / "page.html"), "--report", str(file), TAG, status=1)
    assert f"cannot use the report {file}" in answer.stderr
    assert said in answer.stderr
    assert not (tmp_path / "page.html").exists()
