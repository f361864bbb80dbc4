from __future__ import annotations

from pathlib import Path

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.model.report_requests import DiffRequest
from docker_slim_plugin.observe.trace import Trace, dumps
from docker_slim_plugin.report.changes import State
from docker_slim_plugin.workflows.diff_traces import NamedPath, diff_traces
from tests.observed import access, execution, observations, source_image


def trace(file: Path, *accesses: Access) -> str:
    one = Trace(source_id="sha256:1", exercise=None, observations=observations(*accesses))
    file.write_text(dumps(source_image(), [one]))
    return str(file)


def test_what_only_one_of_them_names(tmp_path: Path) -> None:
    old = trace(tmp_path / "old", access("/same"), access("/gone"))
    new = trace(tmp_path / "new", access("/same", argv0="other"), execution("/new", "/bin/sh"), access("/new", AccessKind.OPEN, "cat"))
    assert diff_traces(DiffRequest(image=old, other=new)) == (
        NamedPath("/gone", State.GONE, ("open",), ("app",)), NamedPath("/new", State.NEW, ("exec", "open"), ("cat", "sh")),
    )
    assert diff_traces(DiffRequest(image=old, other=old)) == ()


def test_what_is_no_trace(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("{}")
    with pytest.raises(SlimError, match="it is not a trace"):
        diff_traces(DiffRequest(image=str(tmp_path / "x"), other=str(tmp_path / "x")))
