"""`--format` as docker has it: table, json, or a template on the JSON document.

Of Go's text/template: fields (`{{.Source.Reference}}`), `{{json .Images}}`, `{{len .Files}}`, `{{println .ID}}`,
`{{"text"}}`, `{{range .Images}}...{{end}}`, and `{{- -}}`. Anything else is an error, before any work.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from docker_slim_plugin.cli.text import printable
from docker_slim_plugin.errors import SlimError, UsageError

TABLE, JSON = "table", "json"
FUNCTIONS = ("json", "len", "println")
MAX_DEPTH = 20
"""Of ranges within each other."""
_WORD = re.compile(r"""\s*(?:(?P<path>\.[\w.]*)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<name>[A-Za-z]\w*))(?=\s|$)""")
_PATH = re.compile(r"\.|(?:\.[^\W\d]\w*)+")


@dataclass(frozen=True, slots=True)
class Text:
    """Text that is printed as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Path:
    """Names of fields, each within the one before; none for the document itself."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function of FUNCTIONS with its arguments, or "" to print the only one."""

    name: str
    arguments: tuple[Text | Path, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """What is printed for each element of a list."""

    over: Path
    body: tuple[Node, ...]


Node = Text | Call | Range


def check(value: str) -> str:
    """Return the value of --format; UsageError if it is none. `{{json .}}` is json."""
    if "{{" in value:
        return JSON if parse(value) == (Call("json", (Path(()),)),) else value
    if value not in (TABLE, JSON):
        raise UsageError(f"cannot use --format {value}", hint="--format table|json, or '{{.Field}}'")
    return value


def shown(form: str, document: Any, *, sort: bool = False) -> str:
    """Return a document as JSON or by a template, which is applied to each element of a list.

    SlimError for a field that it does not have.
    """
    if form == JSON:
        return json.dumps(document, sort_keys=sort)  # ASCII: no escape can hide in it
    nodes = parse(form)
    rows = document if isinstance(document, list) else [document]
    return "\n".join("".join(_printed(nodes, row)) for row in rows)


def parse(template: str) -> tuple[Node, ...]:
    """Return the parts of a template; UsageError where it is none, or uses what is not known here."""
    pieces = list(_pieces(template))
    nodes, end = _parsed(pieces, 0, 0)
    if end < len(pieces):
        _refuse("there is an {{end}} without {{range}}")
    return nodes


def _pieces(template: str) -> Iterator[tuple[bool, str]]:
    """Yield (is an action, text) in turn; white space beside {{- and -}} is left out.

    As docker does, a backslash before t or n outside of actions is a tab or a line end.
    """
    first, *others = template.split("{{")
    trims = False
    for index, part in enumerate([f"}}}}{first}", *others]):
        inside, closed, after = part.partition("}}")
        if not closed:
            _refuse("{{ without }}")
        if index:
            trims = re.search(r"\s-$", inside) is not None
            inside = inside[1:] if re.match(r"-\s", inside) else inside
            yield True, (inside[:-1] if trims else inside).strip()
        after = after.lstrip() if trims else after
        after = after.rstrip() if index < len(others) and re.match(r"-\s", others[index]) else after
        if after:
            yield False, after.replace("\\t", "\t").replace("\\n", "\n")


def _parsed(pieces: Sequence[tuple[bool, str]], index: int, depth: int) -> tuple[tuple[Node, ...], int]:
    """Return the nodes up to the end of a range, and the index of that end."""
    nodes: list[Node] = []
    if depth > MAX_DEPTH:
        _refuse(f"more than {MAX_DEPTH} ranges within each other")
    while index < len(pieces):
        is_action, text = pieces[index]
        if not is_action:
            nodes.append(Text(text))
        elif text == "end":
            break
        else:
            name, arguments = _words(text)
            if name == "range":
                if len(arguments) != 1 or not isinstance(arguments[0], Path):
                    _refuse(f"{{{{{text}}}}}: range takes one field")
                body, index = _parsed(pieces, index + 1, depth + 1)
                if index == len(pieces):
                    _refuse("a {{range}} has no {{end}}")
                nodes.append(Range(arguments[0], body))
            else:
                nodes.append(_call(name, arguments, text))
        index += 1
    return tuple(nodes), index


def _call(name: str, arguments: tuple[Text | Path, ...], text: str) -> Node:
    if name != "println" and len(arguments) != 1:
        _refuse(f"{{{{{text}}}}}: one field is wanted")
    if not name and isinstance(arguments[0], Text):
        return arguments[0]
    return Call(name, arguments)


def _words(action: str) -> tuple[str, tuple[Text | Path, ...]]:
    """Return the function of an action, "" for none, and its arguments."""
    name, index = "", 0
    arguments: list[Text | Path] = []
    while index < len(action):
        match = _WORD.match(action, index)
        if not match:
            _refuse(f"{{{{{action}}}}} is not known here")
        path, quoted, word = match["path"], match["quoted"], match["name"]
        if word:
            if index or word not in (*FUNCTIONS, "range"):
                _refuse(f"{{{{{action}}}}}: {word} is not known here")
            name = word
        elif quoted:
            arguments.append(Text(_unquoted(quoted)))
        else:
            if not _PATH.fullmatch(path):
                _refuse(f"{{{{{action}}}}}: {path} is no field")
            arguments.append(Path(tuple(one for one in path.split(".") if one)))
        index = match.end()
    return name, tuple(arguments)


def _unquoted(quoted: str) -> str:
    try:
        return str(json.loads(quoted))
    except ValueError:
        _refuse(f"{quoted} is no text")


def _refuse(why: str) -> NoReturn:
    raise UsageError(
        f"cannot read the template of --format: {why}",
        hint="'{{.Field}}', '{{json .Field}}', '{{len .Field}}', '{{range .Field}}...{{end}}'; or json and jq",
    )


def _printed(nodes: Sequence[Node], here: Any) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Text):
            yield node.text
        elif isinstance(node, Range):
            yield from _repeated(node, here)
        else:
            yield _result(node, here)


def _repeated(node: Range, here: Any) -> Iterator[str]:
    over = _value(node.over, here)
    if isinstance(over, Mapping):  # Go has the values in the order of the keys
        over = [over[key] for key in sorted(over)]
    if over is not None and not isinstance(over, list | tuple):
        raise _mismatch(f"range over .{'.'.join(node.over.names)}: it is no list")
    for one in over or ():
        yield from _printed(node.body, one)


def _result(call: Call, here: Any) -> str:
    values = [one.text if isinstance(one, Text) else _value(one, here) for one in call.arguments]
    if call.name == "json":
        return json.dumps(values[0])
    if call.name == "println":
        return " ".join(map(_go, values)) + "\n"
    if call.name == "len":
        if not isinstance(values[0], str | Mapping | list | tuple):
            raise _mismatch(f"len of {_go(values[0])}: it has no length")
        return str(len(values[0].encode()) if isinstance(values[0], str) else len(values[0]))
    return _go(values[0])


def _value(path: Path, here: Any) -> Any:
    for name in path.names:
        if here is None:
            return None
        if not isinstance(here, Mapping):
            raise _mismatch(f".{'.'.join(path.names)}: what is before {name} has no fields; {{{{range}}}} is for lists")
        if name not in here:
            nearest = difflib.get_close_matches(name, map(str, here), 1) or sorted(map(str, here))[:8]
            raise _mismatch(f"it has no field {name}", hint=f"'{{{{.{'}}, {{.'.join(map(printable, nearest))}}}}}'")
        here = here[name]
    return here


def _mismatch(why: str, hint: str = "--format json shows all fields") -> SlimError:
    return SlimError(f"cannot show the result by this template: {why}", hint=hint)


def _go(value: Any) -> str:
    """Return a value as Go's fmt prints it, safe for a terminal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{printable(str(key))}:{_go(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list | tuple):
        return f"[{' '.join(map(_go, value))}]"
    if value is None:
        return "<no value>"
    return printable(str(value))
