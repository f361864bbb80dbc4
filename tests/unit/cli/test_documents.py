"""Documents about an image are written beside the images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.cli.options import on_base
from docker_slim_plugin.cli.pack_options import PACK_OUTPUT
from docker_slim_plugin.cli.values import input_file
from docker_slim_plugin.errors import UsageError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"outputs": ("sbom=x",)}, ("layered", "squashed", "sbom=x")),
        ({"outputs": ("sbom=x", "spdx=y"), "base": "b"}, ("layered", "sbom=x", "spdx=y")),
        ({"outputs": ("layered", "sbom=x")}, ("layered", "sbom=x")),
        ({"outputs": ("tar=-", "sbom=x")}, ("tar=-", "sbom=x")),
        ({"outputs": ("vex=x",), "vex_for": "/r"}, ("layered", "squashed", "vex=x")),
        ({"outputs": ("layered",)}, ("layered",)),
        ({}, None),
    ],
)
def test_forms(given: dict[str, Any], expected: tuple[str, ...] | None) -> None:
    assert on_base(given).get("outputs") == expected


def test_pack_writes_one_image_beside_them() -> None:
    assert PACK_OUTPUT.check({"outputs": ("sbom=x",)})["outputs"] == ("layered", "sbom=x")


@pytest.mark.parametrize(("given", "hint"), [({"outputs": ("vex=x",)}, "--vex-for FILE"), ({"vex_for": "/r"}, "--output vex=FILE")])
def test_a_vex_file_and_its_vulnerabilities_belong_together(given: dict[str, Any], hint: str) -> None:
    with pytest.raises(UsageError) as error:
        on_base(given)
    assert hint in error.value.hint


def test_the_report_must_be_a_file(tmp_path: Path) -> None:
    for name in (str(tmp_path), str(tmp_path / "none")):
        with pytest.raises(UsageError, match="cannot read"):
            input_file(name)
    assert input_file("") == ""
