"""Options, each declared once, and the records that they fill."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest
import typer.main

from docker_slim_plugin.base.file_kinds import DEFAULTS, NAMES
from docker_slim_plugin.cli import options, pack_options
from docker_slim_plugin.cli.app import own_flags
from docker_slim_plugin.cli.arguments import run_arguments
from docker_slim_plugin.cli.declare import OPTIONS, Given, Group
from docker_slim_plugin.cli.help import COMMANDS
from docker_slim_plugin.cli.session import Session, app
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.plan import Selection
from docker_slim_plugin.model.request import BaseSelection, Output, Request
from docker_slim_plugin.resolve.app_level.rules import RULES
from docker_slim_plugin.resolve.presets import PRESETS

GROUPS = {name: one for name, one in vars(options).items() if isinstance(one, Group)}


def given(group: Group[object], **values: object) -> dict[str, object]:
    """Return what Typer hands over: None or the default for what was not said."""
    defaults = {one.name: one.default for one in group.parameters()}
    return {**defaults, **values}


@pytest.mark.parametrize("name", sorted({*GROUPS} - {"DROPPING"}))
def test_without_options_a_record_is_as_by_default(name: str) -> None:
    group = GROUPS[name]
    assert group.filled(given(group)) == group.record(**group.defaults)


def test_kinds_of_files() -> None:
    assert pack_options.DROPPING.filled(given(pack_options.DROPPING)) == BaseSelection(drop=frozenset(DEFAULTS))
    chosen = pack_options.DROPPING.filled(given(pack_options.DROPPING, drop=["all"], no_drop=["docs,man"], purge=["a,b", "a"]))
    assert chosen == BaseSelection(drop=frozenset(NAMES) - {"docs", "man"}, purge=("a", "b"))


@pytest.mark.parametrize("name", GROUPS)
def test_every_option_has_a_field_or_is_taken_out_by_the_check(name: str) -> None:
    group = GROUPS[name]
    beside = set(group.options) - {one.name for one in fields(group.record)}
    assert beside <= {"env_file", "no_drop"}


@pytest.mark.parametrize("verb", OPTIONS)
def test_spellings_are_used_once(verb: str) -> None:
    spellings = [one for option in OPTIONS[verb].values() for one in (option.name, option.short) if one]
    assert len(spellings) == len(set(spellings))


@pytest.mark.parametrize("verb", OPTIONS)
def test_flags_are_those_that_typer_knows(verb: str) -> None:
    command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]
    theirs = {name: not one.is_flag for one in command.params if one.param_type_name == "option" for name in one.opts}
    ours = {name: flag.takes_value for name, flag in own_flags(verb).items() if name != "--help"}
    assert ours == theirs


def test_every_command_stands_in_help() -> None:
    assert sorted(OPTIONS) == sorted(name for names in COMMANDS.values() for name in names)


@pytest.mark.parametrize(
    ("values", "outputs"),
    [
        ({}, ("layered", "squashed")),
        ({"base": "b"}, ("layered",)),
        ({"outputs": ["tar=a,oci=b"]}, ("tar=a", "oci=b")),
        ({"base": "b", "outputs": ["layered", "context=c"]}, ("layered", "context=c")),
    ],
)
def test_what_is_written(values: dict[str, object], outputs: Sequence[str]) -> None:
    assert options.OUTPUT.filled(given(options.OUTPUT, **values)).outputs == outputs


def test_no_squashed_image_on_a_base() -> None:
    with pytest.raises(UsageError, match="cannot squash an image on a base"):
        options.OUTPUT.filled(given(options.OUTPUT, base="b", outputs=["squashed"]))


def test_a_word_that_is_no_choice() -> None:
    with pytest.raises(UsageError) as caught:
        options.OBSERVING.filled(given(options.OBSERVING, watch="closely"))
    assert (str(caught.value), caught.value.hint) == ("cannot use --watch closely", "--watch auto|fanotify|inotify|off")


def test_a_request_is_made_of_records() -> None:
    records = {Output: Output(tag="x", dry_run=True), Selection: Selection(keep=("/a",))}
    request = Given(Session(("--debug",)), records).request(Request, image="i", until="exit")
    assert (request.tag, request.dry_run, request.until, request.image) == ("x", True, "exit", "i")
    assert (request.selection.keep, request.global_options) == (("/a",), ("--debug",))


def test_a_record_has_the_same_fields_in_every_command() -> None:
    """Typer gets one parameter for each option, and no name twice."""
    for group in GROUPS.values():
        assert [one.kind for one in group.parameters()] == [inspect.Parameter.KEYWORD_ONLY] * len(group.options)


def test_options_of_docker_stay_docker_s() -> None:
    found = run_arguments(["--tag=x", "nginx"], own_flags("run"), {}, "run")
    assert (found.own, found.docker, found.image) == (("--tag=x",), (), "nginx")


COMMANDS_TEXT = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()


@pytest.mark.parametrize("verb", OPTIONS)
def test_the_documentation_has_every_option_and_choice(verb: str) -> None:
    for option in OPTIONS[verb].values():
        assert option.name in COMMANDS_TEXT, option.name
        for choice in option.choices:
            assert choice.rstrip("=-").split(",")[0] in COMMANDS_TEXT, (option.name, choice)


def test_the_documentation_names_every_preset_and_rule() -> None:
    (line,) = [line for line in COMMANDS_TEXT.splitlines() if line.startswith("| `--no-hint NAME`")]
    names = set(re.findall(r"`([a-z-]+)`", line))
    assert names == {*PRESETS, *RULES}


def test_a_command_as_one_text() -> None:
    """The field is a tuple, and the option is given once."""
    parameters = {one.name: one for one in pack_options.CONFIG.parameters()}
    assert typing.get_args(parameters["cmd"].annotation)[0] == str | None
    assert pack_options.CONFIG.filled(given(pack_options.CONFIG, cmd="nginx -g 'a b'")).cmd == ("nginx", "-g", "a b")
    assert pack_options.CONFIG.filled(given(pack_options.CONFIG)).cmd is None


@pytest.mark.parametrize(("given", "numbers"), [("", ""), ("0", "0"), ("root", "0"), ("1000:1001", "1000:1001")])
def test_users_of_debug(given: str, numbers: str) -> None:
    assert OPTIONS["debug"]["user"].value(given) == numbers


@pytest.mark.parametrize("given", ["ann", "1000:", ":5", "-1", "1:2:3", "9" * 10, "٣", "0\n"])
def test_names_of_users_are_refused_by_debug(given: str) -> None:
    with pytest.raises(UsageError, match="numbers"):
        OPTIONS["debug"]["user"].value(given)


@pytest.mark.parametrize("width", [80, 110])
@pytest.mark.parametrize("verb", ["", *OPTIONS])
def test_help_fits_the_terminal(verb: str, width: int) -> None:
    top = typer.main.get_command(app)
    one = top.commands[verb] if verb else top  # type: ignore[attr-defined]
    lines = one.get_help(one.context_class(one, terminal_width=width)).splitlines()
    assert [line for line in lines if len(line) > width] == []
