"""What `docker slim diff` prints."""

from __future__ import annotations

import pytest

from docker_slim_plugin.cli.diff import _diff
from docker_slim_plugin.model.report_requests import DiffRequest
from docker_slim_plugin.workflows import diff
from docker_slim_plugin.workflows.diff import Difference


@pytest.mark.parametrize(
    ("form", "files", "printed"),
    [("table", True, "a:slim has the same files as b:slim\n"), ("table", False, "a:slim has the same files as b:slim\n"), ("json", True, "")],
)
def test_no_differences(form: str, files: bool, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(diff, "diff", lambda *_: Difference(before="b:slim", after="a:slim", changes=()))
    assert _diff(DiffRequest(image="b:slim", other="a:slim"), "directory", form, files=files) == 0
    assert capsys.readouterr().out == printed
