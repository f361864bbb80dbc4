"""Rules of --ci: their file, their limits, and images that meet them or do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from docker_slim_plugin.errors import SlimError, UsageError
from docker_slim_plugin.model.request import XRAY_RULES
from docker_slim_plugin.xray.rules import MAX_FILE, RULES, Kind, check_rules, read_rules
from tests.xrayed import findings

DIVE = """\
rules:
  # If the efficiency is measured below X%, mark as failed.
  # Expressed as a ratio between 0-1.
  lowestEfficiency: 0.95

  # If the amount of wasted space is at least X or larger than X, mark as failed.
  # Expressed in B, KB, MB, and GB.
  highestWastedBytes: 20MB

  # Note: the base image layer is NOT included in the total image size.
  highestUserWastedPercent: 0.20
"""
"""The example in dive's documentation."""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_line_names_all() -> None:
    assert tuple(rule.name for rule in RULES) == XRAY_RULES


def test_defaults_are_those_of_dive() -> None:
    assert read_rules("", ()) == {"lowestEfficiency": "0.9", "highestUserWastedPercent": "0.1"}


def test_the_file_of_dive_is_read(directory: Path) -> None:
    rules = {"lowestEfficiency": "0.95", "highestWastedBytes": "20MB", "highestUserWastedPercent": "0.20"}
    (directory / "rules.yaml").write_text(DIVE)
    assert read_rules("rules.yaml", ()) == rules
    (directory / ".dive-ci").write_text(DIVE)
    assert read_rules("", ()) == rules
    (directory / ".dive-ci").write_text("rules: {highest-wasted-bytes: 1GiB, lowestEfficiency: disabled, highestUserWastedPercent: false, highest-secrets: 0}")
    assert read_rules("", ()) == {"highestWastedBytes": "1GiB", "highestSecrets": "0"}


def test_the_command_line_comes_last(directory: Path) -> None:
    (directory / ".dive-ci").write_text(DIVE)
    given = ("lowestEfficiency=off", "highestWastedBytes=1kB", "highest-shells=3")
    assert read_rules("", given) == {"highestWastedBytes": "1kB", "highestUserWastedPercent": "0.20", "highestShells": "3"}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("lowestEfficiency", "has no value"),
        ("lowestEficiency=1", "none of that name"),
        ("lowestEfficiency=1.1", "limit '1.1'"),
        ("lowestEfficiency=-1", "limit '-1'"),
        ("lowestEfficiency=nan", "limit 'nan'"),
        ("highestWastedBytes=much", "limit 'much'"),
        ("highestSecrets=1e9", "limit '1e9'"),
    ],
)
def test_wrong_rules(rule: str, text: str) -> None:
    with pytest.raises(UsageError, match=text) as caught:
        read_rules("", (rule,))
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    ["", "[", "rules: 1", "rules: [1]", "rules: {lowestEfficiency: [1]}", "rules: {lowestEfficiency: {}}", "1", "rules: {none: 1}", "\0", "[" * 5000,
     "a: &a [x]\nrules: {lowestEfficiency: *a}", "!!python/object/apply:os.system [true]", "#" * (MAX_FILE + 1)],
)  # fmt: skip
def test_wrong_files(directory: Path, text: str) -> None:
    (directory / "file").write_text(text)
    with pytest.raises(SlimError) as caught:
        read_rules("file", ())
    assert caught.value.hint


def test_a_file_that_cannot_be_read(directory: Path) -> None:
    for name in ("none", str(directory)):
        with pytest.raises(SlimError, match="cannot read"):
            read_rules(name, ())


def test_every_rule_has_a_figure() -> None:
    """Met at the figure itself, and not beyond."""
    found = findings()
    for rule in RULES:
        figure = rule.measure(found)
        assert figure is not None
        if figure <= 1 or rule.kind is not Kind.RATIO:
            assert check_rules({rule.name: str(figure)}, found)[0].is_met
        if figure > 0:
            beyond = min(figure * 1.5, 1) if rule.kind is Kind.RATIO and rule.is_lowest else figure * 2 if rule.is_lowest else figure / 2
            (wrong,) = check_rules({rule.name: str(min(beyond, 1) if rule.kind is Kind.RATIO else int(beyond))}, found)
            assert not wrong.is_met, rule.name
            assert wrong.text().startswith(f"{rule.name}=")


def test_no_certificate_meets_the_rule() -> None:
    (rule,) = check_rules({"lowestCertificateDays": "30"}, findings({}))
    assert (rule.is_met, rule.text()) == (True, "lowestCertificateDays=30: no days until a certificate ends")
