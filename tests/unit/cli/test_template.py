from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest

from docker_slim_plugin.cli.template import JSON, MAX_DEPTH, check, parse, shown
from docker_slim_plugin.errors import SlimError, UsageError

REPORT: dict[str, Any] = {
    "Source": {"Reference": "nginx", "Size": 7, "Gone": None},
    "Images": [{"ID": "a", "Tags": ["x", "y"]}, {"ID": "b\x1b[2J\n", "Tags": []}],
    "Files": [1, 2, 3],
    "Sums": {"b": 2, "a": 1},
    "Passed": True,
    "Ratio": 0.5,
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{.Source.Reference}}", "nginx"),
        ("{{ .Source.Size }} of {{.Passed}}", "7 of true"),
        (r"{{.Source.Size}}\t{{.Ratio}}\n", "7\t0.5\n"),
        ("{{len .Files}} {{len .Source.Reference}} {{len .Sums}}", "3 5 2"),
        ("{{json .Source}}", json.dumps(REPORT["Source"])),
        ("{{range .Images}}{{.ID}}{{println}}{{end}}", "a\nb\\x1b[2J\\n\n"),
        ("{{range .Images}}{{println .ID}}{{end}}", "a\nb\\x1b[2J\\n\n"),
        ('{{range .Images}}{{.ID}}{{"\\n"}}{{end}}', "a\nb\\x1b[2J\\n\n"),
        ("{{range .Images}}[{{range .Tags}}{{.}} {{end}}]{{end}}", "[x y ][]"),
        ("{{range .Images -}}  {{json .Tags}}  {{- end}}", '["x", "y"][]'),
        ("{{range .Sums}}{{.}},{{end}}{{range .Source.Gone}}never{{end}}", "1,2,"),
        ("{{.Sums}} {{.Files}} {{.Source.Gone}} {{.Source.Gone.More}}", "map[a:1 b:2] [1 2 3] <no value> <no value>"),
        ('{{println .Source.Size "a b" .Passed}}', "7 a b true\n"),
        ("{{json .Images}}", json.dumps(REPORT["Images"])),
    ],
)
def test_what_is_printed(template: str, expected: str) -> None:
    assert check(template) == template
    assert shown(template, REPORT) == expected


def test_json_and_table() -> None:
    assert check("table") == "table"
    assert [check(one) for one in ("json", "{{json .}}", "{{ json . }}", "{{json . -}}")] == [JSON] * 4
    assert shown(JSON, REPORT) == json.dumps(REPORT)
    assert shown(JSON, {"b": 1, "a": 2}, sort=True) == '{"a": 2, "b": 1}'


def test_a_list_is_printed_row_by_row() -> None:
    assert shown("{{.ID}}", [{"ID": 1}, {"ID": 2}]) == "1\n2"
    assert json.loads(shown(JSON, [{"ID": 1}])) == [{"ID": 1}]


@pytest.mark.parametrize(
    "template",
    [
        "csv", "", "{{.A", "{{}}", "{{if .A}}x{{end}}", "{{end}}", "{{range .A}}", "{{range}}{{end}}", "{{.A .B}}",
        "{{.A | json}}", "{{upper .A}}", "{{json}}", "{{len .A .B}}", "{{..A}}", "{{.A..B}}", "{{.A.}}", "{{.1}}", "{{$}}",
        '{{"x}}', '{{"\\x"}}', "{{(.A)}}", "{{.A json}}", '{{range "x"}}{{end}}', "{{`x`}}", "{{range .A}}{{end}}{{end}}",
        "{{range .A}}" * (MAX_DEPTH + 2) + "{{end}}" * (MAX_DEPTH + 2), "{{/* x */}}", "table {{.A",
    ],
)  # fmt: skip
def test_what_is_not_known_is_an_error_of_usage(template: str) -> None:
    with pytest.raises(UsageError):
        check(template)


@pytest.mark.parametrize(
    ("template", "said", "hint"),
    [
        ("{{.Imagse}}", "no field Imagse", "{{.Images}}"),
        ("{{.Source.Zzz}}", "no field Zzz", "{{.Reference}}"),
        ("{{.Images.ID}}", "no fields", "json"),
        ("{{range .Passed}}{{end}}", "no list", "json"),
        ("{{len .Passed}}", "no length", "json"),
    ],
)
def test_what_the_result_does_not_have(template: str, said: str, hint: str) -> None:
    with pytest.raises(SlimError, match=said) as caught:
        shown(template, REPORT)
    assert hint in caught.value.hint


@pytest.mark.parametrize("piece", ["{{", "}}", "{{-", "-}}", "{{range .A}}", '"', "\\", "{{.", ".A", " ", "{{json ", '{{"\\'])
def test_it_stays_linear(piece: str) -> None:
    begun = time.process_time()
    for text in (piece * 50_000, "{{" + piece * 50_000 + "}}", '{{"' + piece * 50_000):
        with contextlib.suppress(UsageError):
            parse(text)
    assert time.process_time() - begun < 5
