"""Rules of --ci: limits on what an image contains. Those of dive have its names, its defaults and its file format."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from docker_slim_plugin.errors import SlimError, UsageError
from docker_slim_plugin.model.sizes import parse_size
from docker_slim_plugin.xray.findings import Findings, days_left

FILE = ".dive-ci"
"""The file that is read if no other is named, and if it exists."""
MAX_FILE = 64 << 10
OFF = ("", "disabled", "off", "false")
_PLAIN = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,20})?")


class Kind(StrEnum):
    """What a limit is."""

    RATIO = "0 to 1"
    SIZE = "SIZE"
    COUNT = "N"


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit on one figure of an image."""

    name: str
    kind: Kind
    measure: Callable[[Findings], float | None]
    """None: the image has nothing of that kind, and the rule is met."""
    meaning: str
    default: str = ""
    """Empty: it is off."""
    is_lowest: bool = False
    """Whether the figure must not be lower, in place of not higher."""


def _days(found: Findings) -> int | None:
    return min((days_left(one, found.now) for one in found.contents.certificates), default=None)


RULES = (
    Rule("lowestEfficiency", Kind.RATIO, lambda found: found.layers.efficiency, "efficiency", "0.9", is_lowest=True),
    Rule("highestWastedBytes", Kind.SIZE, lambda found: found.layers.wasted, "wasted bytes"),
    Rule(
        "highestUserWastedPercent",
        Kind.RATIO,
        lambda found: found.layers.user_wasted,
        "wasted part of the bytes above the lowest layer",
        "0.1",
    ),
    Rule("highestSize", Kind.SIZE, lambda found: found.size, "bytes of the image"),
    Rule("highestDuplicateBytes", Kind.SIZE, lambda found: found.contents.duplicate_size, "bytes of duplicates"),
    Rule("highestPrivileged", Kind.COUNT, lambda found: len(found.contents.privileged), "privileged files"),
    Rule("highestWorldWritable", Kind.COUNT, lambda found: len(found.contents.writable), "world-writable paths"),
    Rule("highestShells", Kind.COUNT, lambda found: len(found.contents.shells), "shells"),
    Rule(
        "highestSecrets",
        Kind.COUNT,
        lambda found: len(found.contents.secrets) + len(found.variables),
        "files and variables that look like secrets",
    ),
    Rule("lowestCertificateDays", Kind.COUNT, _days, "days until a certificate ends", is_lowest=True),
)
BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in RULES}


@dataclass(frozen=True, slots=True)
class Checked:
    """A rule, and what an image has."""

    name: str
    limit: str
    """As the user wrote it."""
    found: float | None
    meaning: str
    is_met: bool

    def text(self) -> str:
        """Return the rule, its limit, and what the image has."""
        if self.found is None:
            return f"{self.name}={self.limit}: no {self.meaning}"
        figure = f"{self.found:,}" if isinstance(self.found, int) else f"{self.found:.4f}"
        return f"{self.name}={self.limit}: {figure} {self.meaning}"


def read_rules(file: str, given: Iterable[str]) -> dict[str, str]:
    """Return the limits by the names of their rules: defaults, those of the file, those that are given as NAME=VALUE.

    Rules that are off are left out. Raises UsageError for unknown rules and wrong limits, SlimError for the file.
    """
    limits = {rule.name: rule.default for rule in RULES}
    if file or os.path.exists(FILE):
        limits |= _of_file(file or FILE)
    for word in given:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"cannot use --rule {word}: it has no value", hint=f"--rule {RULES[0].name}=0.95")
        limits |= [(_known(name), value)]
    on = {name: limit.strip() for name, limit in limits.items() if limit.strip().lower() not in OFF}
    for name, limit in on.items():
        _limit(BY_NAME[name], limit)
    return on


def _of_file(file: str) -> dict[str, str]:
    import yaml  # noqa: PLC0415 (only this option needs it)

    try:
        with open(file, "rb") as opened:
            text = opened.read(MAX_FILE + 1)
        if len(text) > MAX_FILE:
            raise SlimError(f"cannot use {file}: it has more than {MAX_FILE:,} bytes", hint="--ci-config FILE")
        # Each scalar is a text: "off" is a word, and 20Mb is no number.
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (it makes nothing but texts, lists and mappings)
    except OSError as error:
        raise SlimError(f"cannot read {file}: {error.strerror}", hint="--ci-config FILE") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SlimError(f"cannot read {file}: it is not YAML", hint="rules: {lowestEfficiency: 0.95}") from error
    rules = document.get("rules") if isinstance(document, dict) else None
    if not isinstance(rules, dict) or not all(isinstance(one, str) for pair in rules.items() for one in pair):
        raise SlimError(
            f"cannot use {file}: it has no 'rules' with names and limits", hint="rules: {lowestEfficiency: 0.95}"
        )
    return {_known(name): value for name, value in rules.items()}


def _known(name: str) -> str:
    """Return the name of a rule, which may also be written in words with hyphens. Raises UsageError."""
    first, *rest = name.split("-")
    camel = first + "".join(word.capitalize() for word in rest)
    if camel not in BY_NAME:
        near = difflib.get_close_matches(camel, BY_NAME, 1) or list(BY_NAME)
        raise UsageError(f"cannot use the rule {name!r}: there is none of that name", hint=", ".join(near))
    return camel


def _limit(rule: Rule, text: str) -> float:
    """Return a limit as a number. Raises UsageError."""
    try:
        if rule.kind is Kind.SIZE:
            return parse_size(text)
        if not _PLAIN.fullmatch(text) or (rule.kind is Kind.RATIO and float(text) > 1):
            raise ValueError(text)  # noqa: TRY301
        return float(text)
    except ValueError as error:
        hint = {Kind.RATIO: "a number from 0 to 1", Kind.SIZE: "20MB, 800kB, 1GiB", Kind.COUNT: "a number"}[rule.kind]
        raise UsageError(f"cannot use the limit {text!r} of the rule {rule.name}", hint=hint) from error


def check_rules(limits: Mapping[str, str], found: Findings) -> tuple[Checked, ...]:
    """Return each rule that is on, with what the image has."""
    checked = []
    for name, text in limits.items():
        rule, limit = BY_NAME[name], _limit(BY_NAME[name], text)
        figure = rule.measure(found)
        is_met = figure is None or (figure >= limit if rule.is_lowest else figure <= limit)
        checked.append(Checked(name, text, figure, rule.meaning, is_met))
    return tuple(checked)
