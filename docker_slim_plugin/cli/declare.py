"""How a command's options are declared: once each, in groups, and handed to the command as typed records.

An `Option` is the spelling, the help, the choices and the check of one option. A `Group` is the options that fill one
record of `model/request.py`: the field says the type and the default. A command names its groups:

    @command("trace", EXERCISE, OBSERVING, usage="[OPTIONS] IMAGE", short="...")
    def trace(given: Given, image: Image) -> Work:
        request = given.request(Request, image=image)

`command` gives Typer the function that it wants, with one parameter for each option.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Annotated, Any, Generic, TypeVar

import typer

from docker_slim_plugin.cli.help import spelled
from docker_slim_plugin.cli.session import Session, Work, app
from docker_slim_plugin.errors import UsageError

R = TypeVar("R")
SHOW = "Options"
"""Title of the options that belong to no group; --help is among them."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a command."""

    name: str
    """Long spelling: "--env"."""
    help: str
    metavar: str | None = None
    short: str = ""
    """Short spelling: "-e"."""
    read: Callable[[Any], Any] | None = None
    """Check the value and return what goes into the record; a repeated option is a tuple. Raises UsageError."""
    choices: tuple[str, ...] = ()
    """For completion. Without `read`, the value must be one of them."""
    is_list: bool = False
    """Whether the value is several of the choices, with commas between."""
    negates: bool = False
    """A flag that turns its field off: --no-verify."""
    has_default: bool = True
    """Whether help shows the default."""

    def value(self, given: Any) -> Any:
        """Return what goes into the record; UsageError when `given` cannot."""
        if self.read:
            return self.read(given)
        if self.choices and not self.is_list:
            for word in given if isinstance(given, tuple) else (given,):
                if word not in self.choices:
                    raise UsageError(f"cannot use {self.name} {word}", hint=f"{self.name} {'|'.join(self.choices)}")
        return not given if self.negates else given

    def parameter(self, name: str, kind: Any, default: Any, title: str = SHOW) -> inspect.Parameter:
        """Return what Typer makes the option of; `kind` is the type of its value, `default` that of its record."""
        repeats = typing.get_origin(kind) in (tuple, frozenset)
        if not repeats and any(typing.get_origin(one) is tuple for one in typing.get_args(kind)):
            kind = str | None  # one text, of which `read` makes the words
        given = None if repeats else (not default if self.negates else default)
        shows = self.has_default and not isinstance(given, bool) and given not in (None, "")
        declared = typer.Option(
            self.name,
            *([self.short] if self.short else []),
            metavar=self.metavar,
            help=self.help,
            show_default=shows,
            rich_help_panel=title,
        )
        typed = Annotated[list[str] | None if repeats else kind, declared]  # type: ignore[valid-type]
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=given, annotation=typed)


@dataclass(frozen=True, slots=True)
class Group(Generic[R]):
    """The options that fill one record."""

    title: str
    """As help shows it."""
    record: type[R]
    options: Mapping[str, Option]
    """By field of the record; `check` takes out what is no field."""
    check: Callable[[dict[str, Any]], dict[str, Any]] = dict
    """Look at all values that were given, by field; return those of the record. Raises UsageError."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Where a command's defaults are other than the record's."""

    def without(self, *names: str) -> Group[R]:
        """Return the group without these fields' options; the record has its defaults there."""
        return replace(self, options={name: one for name, one in self.options.items() if name not in names})

    def changed(self, defaults: Mapping[str, Any] | None = None, **options: Option) -> Group[R]:
        """Return the group with other options for some fields, and other defaults."""
        return replace(self, options={**self.options, **options}, defaults={**self.defaults, **(defaults or {})})

    def parameters(self) -> Iterator[inspect.Parameter]:
        """Yield what Typer makes the options of."""
        kinds = typing.get_type_hints(self.record)
        known = {one.name: one for one in fields(self.record)}  # type: ignore[arg-type]
        for name, option in self.options.items():
            default = self.defaults.get(name, known[name].default if name in known else ())
            default = None if default is MISSING else default
            yield option.parameter(name, kinds.get(name, tuple[str, ...]), default, self.title)

    def filled(self, given: Mapping[str, Any]) -> R:
        """Return the record of what the command line gave; what it did not give has the record's default."""
        said = {name: given[name] for name in self.options if given[name] is not None}
        values = {
            name: self.options[name].value(tuple(one) if isinstance(one, list) else one) for name, one in said.items()
        }
        return self.record(**{**self.defaults, **self.check(values)})


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line gave to a command."""

    session: Session
    records: Mapping[type, Any]
    """The record of each group, by its type."""

    def __getitem__(self, kind: type[R]) -> R:
        record: R = self.records[kind]
        return record

    def request(self, kind: type[R], **others: Any) -> R:
        """Return a request of `kind`: of the records that it inherits from or has as fields, and of `others`."""
        values: dict[str, Any] = {"global_options": self.session.global_options}
        values |= {"line": self.session.line} if any(one.name == "line" for one in fields(kind)) else {}  # type: ignore[arg-type]
        of_type = {hint: name for name, hint in typing.get_type_hints(kind).items() if hint in self.records}
        for record_kind, record in self.records.items():
            if issubclass(kind, record_kind):
                values |= {one.name: getattr(record, one.name) for one in fields(record)}
            elif record_kind in of_type:
                values[of_type[record_kind]] = record
        return kind(**{**values, **others})


OPTIONS: dict[str, dict[str, Option]] = {}
"""The options of each command, {command: {parameter: option}}; filled when the commands' files are imported."""


def command(
    name: str, *groups: Group[Any], usage: str, short: str, epilog: str | None = None
) -> Callable[[Callable[..., Work]], Callable[..., Work]]:
    """Register a function as `docker slim NAME`; its docstring is the help, its first parameter what was given.

    Its other parameters are single options (an Option in their `Annotated` metadata) and arguments (Typer's own). The
    function checks what the options mean together, and returns the work.
    """

    def register(function: Callable[..., Work]) -> Callable[..., Work]:
        hints = typing.get_type_hints(function, include_extras=True)
        grouped = {one: option for group in groups for one, option in group.options.items()}
        parameters = [one for group in groups if group.title != SHOW for one in group.parameters()]
        single: dict[str, Option] = {}
        for one in list(inspect.signature(function).parameters.values())[1:]:
            declared = hints[one.name].__metadata__[0]
            if isinstance(declared, Option):
                single[one.name] = declared
                parameters.append(declared.parameter(one.name, hints[one.name].__origin__, one.default))
            else:
                parameters.append(one.replace(kind=one.KEYWORD_ONLY, annotation=hints[one.name]))
        # Help has them behind the arguments.
        parameters += [one for group in groups if group.title == SHOW for one in group.parameters()]

        def run(context: typer.Context, **values: Any) -> None:
            given = Given(context.obj, {group.record: group.filled(values) for group in groups})
            rest = {one: value for one, value in values.items() if one not in grouped}
            context.obj.work = function(
                given, **{one: single[one].value(value) if one in single else value for one, value in rest.items()}
            )

        first = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        run.__signature__ = inspect.Signature([first, *parameters])  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in (first, *parameters)}
        run.__doc__ = function.__doc__
        OPTIONS[name] = {**grouped, **single}
        app.command(name, cls=spelled(usage), short_help=short, epilog=epilog)(run)
        return function

    return register
