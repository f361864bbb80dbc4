from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from docker_slim_plugin.confine.description import describe
from docker_slim_plugin.confine.rules import Rules
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.confinement import Attempt
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.image import LayerBlob, SlimImage
from docker_slim_plugin.model.plan import FilePlan, Group, KeptEntry, Reason, ReasonKind
from docker_slim_plugin.model.verdict import Verdict
from docker_slim_plugin.progress import Silent
from docker_slim_plugin.report.record import Repair, Report
from docker_slim_plugin.report.saving import make_report_path, save, save_or_warn
from tests.observed import execution, observations, probe, run_result, source_image
from tests.schema import SCHEMA, violations

ID = "sha256:" + "a" * 64
SOURCE = source_image(id=ID, tags=("app:1",), size=1000, layers=("x", "y"))


def kept(path: str, kind: EntryKind, *reasons: Reason, package: str = "", size: int = 0) -> KeptEntry:
    entry = Entry(path=RootPath(path), kind=kind, mode=0o755, size=size)
    return KeptEntry(entry=entry, reasons=reasons, group=Group.APP, package=package)


PLAN = FilePlan(
    kept=(
        kept("/", EntryKind.DIRECTORY, Reason(ReasonKind.DIRECTORY, "image", "directories stay")),
        kept("/app", EntryKind.FILE, Reason(ReasonKind.ACCESS, "app", "exec (ptrace)"), package="app", size=90),
        kept("/data\udcff\x1b", EntryKind.FILE, Reason(ReasonKind.ACCESS, "app", "open (ptrace)"), size=10),
    ),
    total_files=77,
    total_bytes=900,
)
REPORT = Report(
    source=SOURCE,
    observations=observations(
        execution("/app"),
        execution("/usr/local/bin/app"),
        result=run_result(
            probe("http", "GET 80/", 200, output="secret"),
            probe("exec", "false", 1, ok=False, detail="exit status 1"),
            stop_status=0,
        ),
        events=9,
    ),
    plan=PLAN,
    images=(
        SlimImage(
            form="layered", reference="app:1-slim", id=ID, size=100,
            layers=(LayerBlob(group="app", file="/tmp/x", diff_id=ID, size=512, files=2),),
        ),
    ),
    verdicts=(
        Verdict(form="layered", mismatches=("a",), behaviour=("b",), warnings=(), files_compared=3, seconds=1.23456),
    ),
    repairs=(Repair(because=("it does not run",), added=("/x", "/y")),),
    confinement=replace(
        describe(Rules(bind=(80,), write=("/run",), udp=True, families=(40,), sysv_ipc=True), 2400),
        attempts=(Attempt(name="bind TCP port 61001", by="Landlock", control="ok", confined="EACCES"),),
    ),
    warnings=("careful",),
    notes=("by the way",),
    seconds=12.34567,
    phases=(("observe", 1.0),),
    outputs=("oci=/tmp/x.tar",),
    file="/var/x.json",
)  # fmt: skip
BARE = Report(source=replace(SOURCE, size=0), observations=observations(), plan=PLAN)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("report", [REPORT, BARE], ids=["full", "bare"])
@pytest.mark.parametrize("files", [True, False])
def test_a_report_is_as_the_schema_says(report: Report, files: bool) -> None:
    document = json.loads(json.dumps(report.to_json(files=files)))
    assert violations(document) == []
    assert ("Files" in document) == files


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    for value in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from objects(value)
    if isinstance(schema, dict) and "properties" in schema:
        yield schema


def test_the_schema_lets_nothing_else_in() -> None:
    found = list(objects(SCHEMA))
    assert len(found) > 8
    assert all(one["additionalProperties"] is False for one in found)
    optional = [set(one["properties"]) - set(one["required"]) for one in found if one is not SCHEMA]
    # What only ptrace has seen.
    assert [one for one in optional if one] == [{"Process", "Seconds", "During"}]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param({"New": 1}, "'New' was unexpected", id="a field that nobody described"),
        pytest.param({"SchemaVersion": 2}, "1 was expected", id="another version"),
        pytest.param({"Images": [{}]}, "'Form' is a required property", id="a field that is missing"),
        pytest.param({"Warnings": "one"}, "is not of type 'array'", id="another type"),
    ],
)
def test_the_schema_can_fail(change: dict[str, Any], complaint: str) -> None:
    assert any(complaint in one for one in violations({**REPORT.to_json(), **change}))


@pytest.mark.parametrize(
    ("place", "values"),
    [
        (("kept", "Kind"), [one.value for one in EntryKind]),
        (("kept", "Group"), [one.value for one in Group]),
        (("kept", "Reasons", "Kind"), [one.value for one in ReasonKind]),
    ],
)
def test_the_schema_knows_all_that_the_model_has(place: tuple[str, ...], values: list[str]) -> None:
    schema = SCHEMA["$defs"][place[0]]
    for name in place[1:]:
        schema = schema.get("items", schema)["properties"][name]
    assert sorted(schema["enum"]) == sorted(values)


def test_what_is_counted() -> None:
    document = REPORT.to_json()
    assert document["Passed"] is False
    assert document["Seconds"] == 12.346
    assert document["Kept"] == {"Files": 2, "Bytes": 100, "Level": "exact", "Rules": []}
    assert document["Source"]["Files"] == 77
    assert document["Images"][0]["Percent"] == 10.0
    assert document["Observed"]["Paths"] == 2
    assert document["Verified"][0]["Differences"] == ["a", "b"]


def test_executed_programs_exist_in_the_image() -> None:
    assert REPORT.to_json()["Observed"]["Executed"] == ["/app"]


def test_the_report_has_no_output_of_the_app() -> None:
    assert "secret" not in json.dumps(REPORT.to_json(files=True))


def test_repair_sentence() -> None:
    assert REPORT.repairs[0].sentence() == "repaired: 2 paths added that only the slim image asked for ('/x', '/y')"
    many = Repair(because=(), added=tuple(f"/{number}" for number in range(9)))
    assert many.sentence().endswith("('/0', '/1', '/2' ...)")


@pytest.mark.parametrize(
    ("reference", "start"),
    [
        pytest.param("nginx", "nginx-2", id="a name"),
        pytest.param("host:5000/a/b:1.2@sha256:ab", "host_5000_a_b_1.2_sha256_ab-2", id="all of one"),
        pytest.param("../../etc/passwd", "_.._etc_passwd-2", id="no way up"),
        pytest.param("\x1b[31m", "_31m-2", id="no escapes"),
        pytest.param("..", "image-2", id="nothing left"),
        pytest.param("x" * 500, "x" * 100 + "-2", id="bounded"),
    ],
)
def test_where_the_report_is_kept(reference: str, start: str) -> None:
    path = make_report_path(reference, {"XDG_STATE_HOME": "/state"})
    assert str(path.parent) == "/state/docker-slim"
    assert path.name.startswith(start)
    assert path.suffix == ".json"


def test_the_newest_reports_stay(tmp_path: Path) -> None:
    others = [f"a-{number}.json" for number in range(3)]
    for name in (*others, *(f"{'zy'[number % 2]}-20260101T{number:06d}-7.json" for number in range(120))):
        (tmp_path / name).touch()
    save(replace(REPORT, file=str(tmp_path / "app-20270101T000000-7.json")))
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == 100 + len(others)
    assert {*others, "app-20270101T000000-7.json", "z-20260101T000118-7.json", "y-20260101T000021-7.json"} <= left


def test_the_newest_report_of_an_image_that_exists_stays(tmp_path: Path) -> None:
    ids = [f"sha256:{digit * 64}" for digit in "123"]
    for number, one in enumerate(ids):
        # The first image was written by two runs, and the last one is gone.
        for again in range(2 if number == 0 else 1):
            text = json.dumps({"Source": {"ID": ids[2]}, "Images": [{"ID": one}]})
            (tmp_path / f"app-2025010{again + 1}T00000{number}-7.json").write_text(text)
    for number in range(100):
        (tmp_path / f"x-20260101T{number:06d}-7.json").touch()
    save(replace(REPORT, file=str(tmp_path / "app-20270101T000000-7.json")), ids[:2])
    assert {path.name for path in tmp_path.glob("app-2025*")} == {"app-20250102T000000-7.json", "app-20250101T000001-7.json"}


def test_saved_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "state" / "docker-slim" / "x.json"
    save(replace(REPORT, file=str(file)))
    assert json.loads(file.read_text(encoding="ascii"))["Files"][2]["Path"] == "/data\udcff\x1b"
    assert [path.name for path in file.parent.iterdir()] == ["x.json"]
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_report_that_cannot_be_saved(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SlimError, match="cannot write the report"):
        save(replace(REPORT, file=str(tmp_path / "file" / "x.json")))


def test_a_report_that_cannot_be_kept_is_a_warning(tmp_path: Path) -> None:
    heard: list[str] = []

    class Heard(Silent):
        def warn(self, text: str) -> None:
            heard.append(text)

    (tmp_path / "file").touch()
    lost = save_or_warn(replace(REPORT, file=str(tmp_path / "file" / "x.json")), (), Heard())
    assert lost == replace(REPORT, file="")
    assert "cannot write the report" in heard[0]
    kept_one = replace(REPORT, file=str(tmp_path / "x.json"))
    assert save_or_warn(kept_one, (), Heard()) == kept_one
    assert len(heard) == 1
