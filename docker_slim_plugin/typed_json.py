"""Conversion of typed records to JSON and back. Every value that comes in is checked against its declared type.

The input comes from a file or from a process that reads foreign bytes. A value of another type raises Malformed, which
names the place and the type that is wanted. Nothing is coerced. A dataclass is an object by its fields' names, a
NamedTuple is an array, bytes are base64. Each type is compiled to a closure once. Decoder and
encoder stand in one file, as each must take what the other gives.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Literal, NewType, TypeVar, Union

MAX_DEPTH = 64
"""Nesting depth of values of type Any. Other types nest as deep as they are declared."""
MAX_NAME = 60
"""Characters of a foreign name that an error quotes."""
MIN_INT, MAX_INT = -(1 << 63), (1 << 64) - 1

T = TypeVar("T")
_Decode = Callable[[Any], Any]
_JSON: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}
"""JSON's types by the names that errors use."""


class Malformed(ValueError):
    """The data does not have the declared type. The text names the place: "probes[2].status: a number is wanted"."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.place = ""

    def __str__(self) -> str:
        return f"{self.place.lstrip('.')}: {self.wanted}" if self.place else self.wanted

    def at(self, step: str) -> Malformed:
        """Add `step` in front of the place, and return the error."""
        self.place = step + self.place
        return self


def from_plain(kind: type[T], data: Any) -> T:
    """Return `data`, of JSON's types, as a value of `kind`. Raises Malformed."""
    of_kind: Any = kind
    value: T = _decoder(of_kind)[1](data)
    return value


def to_plain(value: Any) -> Any:
    """Return a value as JSON's types; from_plain is the inverse."""
    kind: Any = type(value)
    return _encoder(kind)(value)


def from_json(kind: type[T], text: str | bytes) -> T:
    """Return JSON text as a value of `kind`. Raises Malformed."""
    return from_plain(kind, parsed(text))


def to_json(value: Any) -> str:
    """Return a value as one line of JSON in ASCII. Lone surrogates (names that are not UTF-8) stay escapes."""
    return json.dumps(to_plain(value), separators=(",", ":"), allow_nan=False)


def parsed(text: str | bytes) -> Any:
    """Return the content of JSON text. Raises Malformed for other text, deep nesting, NaN and infinities."""
    try:
        return json.loads(text, parse_constant=_constant)
    except RecursionError as error:
        raise Malformed("it nests too deep") from error
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed("it is not JSON") from error


def _constant(name: str) -> Any:
    raise Malformed(f"{name} is not JSON")


def _wrong(kinds: Collection[type]) -> Malformed:
    return Malformed(f"{' or '.join(_JSON[kind] for kind in kinds)} is wanted")


@cache
def _decoder(kind: Any) -> tuple[tuple[type, ...], _Decode]:
    """Return the JSON types that `kind` accepts, and the function that converts them."""
    if isinstance(kind, NewType):
        return _decoder(kind.__supertype__)
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is Literal:
        return _chosen({(type(value), value): value for value in arguments})
    if origin in (tuple, frozenset, list):
        return _row(arguments) if origin is tuple and arguments[-1] is not ... else _sequence(origin, arguments[0])
    if origin in (dict, Mapping):
        return _mapping(*arguments)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _chosen({(str, member.value): member for member in kind})
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _record(kind)
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _named(kind)
    raise TypeError(f"records of {kind!r} are not known here")


def _of(wanted: type) -> tuple[tuple[type, ...], _Decode]:
    """Return the decoder of a type that is the same in JSON and Python."""

    def decode(data: Any) -> Any:
        if type(data) is not wanted:
            raise _wrong((wanted,))
        return data

    return (wanted,), decode


def _whole(data: Any) -> int:
    if type(data) is not int:
        raise _wrong((int,))
    if not MIN_INT <= data <= MAX_INT:
        raise Malformed("a whole number of at most 64 bits is wanted")
    return data


def _number(data: Any) -> float:
    if type(data) is not float and type(data) is not int:
        raise _wrong((float,))
    if not MIN_INT <= data <= MAX_INT and (type(data) is int or not math.isfinite(data)):
        raise Malformed("a finite number is wanted")
    return float(data)


def _bytes(data: Any) -> bytes:
    if type(data) is not str:
        raise Malformed("base64 is wanted")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("base64 is wanted") from error


def _any(data: Any) -> Any:
    """Return `data` if it consists of JSON's types and does not nest too deep."""
    level = [data]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for value in level:
            if type(value) is dict:
                if not all(type(name) is str for name in value):
                    raise Malformed("names that are texts are wanted")
                inner += value.values()
            elif type(value) is list:
                inner += value
            elif type(value) is float and not math.isfinite(value):
                raise Malformed("a finite number is wanted")
            elif type(value) not in _JSON:
                raise Malformed(f"{type(value).__name__} is not of JSON")
        if not inner:
            return data
        level = inner
    raise Malformed("it nests too deep")


_PLAIN: dict[Any, tuple[tuple[type, ...], _Decode]] = {
    str: _of(str),
    bool: _of(bool),
    None: _of(type(None)),
    type(None): _of(type(None)),
    int: ((int,), _whole),
    float: ((float, int), _number),
    bytes: ((str,), _bytes),
    Any: (tuple(_JSON), _any),
}


def _union(members: Collection[Any]) -> tuple[tuple[type, ...], _Decode]:
    by_type: dict[type, _Decode] = {}
    for takes, decode in map(_decoder, members):
        if clash := [_JSON[one] for one in takes if one in by_type and decode is not _number]:
            raise TypeError(f"{clash[0]} may be more than one of {members!r}")
        by_type = dict.fromkeys(takes, decode) | by_type

    def decode_union(data: Any) -> Any:
        chosen = by_type.get(type(data))
        if chosen is None:
            raise _wrong(by_type)
        return chosen(data)

    return tuple(by_type), decode_union


def _chosen(choices: Mapping[tuple[type, Any], Any]) -> tuple[tuple[type, ...], _Decode]:
    wanted = f"one of {', '.join(json.dumps(value) for _, value in choices)} is wanted"

    def decode(data: Any) -> Any:
        if type(data) in takes and (value := choices.get((type(data), data))) is not None:
            return value
        raise Malformed(wanted)

    takes = tuple(dict.fromkeys(kind for kind, _ in choices))
    return takes, decode


def _sequence(make: Callable[[list[Any]], Any], inner: Any) -> tuple[tuple[type, ...], _Decode]:
    of_one = _decoder(inner)[1]

    def decode(data: Any) -> Any:
        if type(data) is not list:
            raise _wrong((list,))
        values: list[Any] = []
        try:
            for one in data:
                values.append(of_one(one))  # noqa: PERF401 (its length is the index of the wrong value)
        except Malformed as error:
            raise error.at(f"[{len(values)}]") from None
        return make(values)

    return (list,), decode


def _row(inner: tuple[Any, ...]) -> tuple[tuple[type, ...], _Decode]:
    of_each = tuple(_decoder(one)[1] for one in inner)

    def decode(data: Any) -> Any:
        if type(data) is not list:
            raise _wrong((list,))
        if len(data) != len(of_each):
            raise Malformed(f"a list of {len(of_each)} is wanted")
        values: list[Any] = []
        try:
            for of_one, one in zip(of_each, data, strict=True):
                values.append(of_one(one))
        except Malformed as error:
            raise error.at(f"[{len(values)}]") from None
        return tuple(values)

    return (list,), decode


def _mapping(name_kind: Any, inner: Any) -> tuple[tuple[type, ...], _Decode]:
    (takes, of_name), of_one = _decoder(name_kind), _decoder(inner)[1]
    if takes != (str,):
        raise TypeError(f"names in JSON are texts, not {name_kind!r}")

    def decode(data: Any) -> Any:
        if type(data) is not dict:
            raise _wrong((dict,))
        values: dict[Any, Any] = {}
        name = ""
        try:
            for name, one in data.items():
                values[of_name(name)] = of_one(one)
        except Malformed as error:
            raise error.at(f"[{_short(name)}]") from None
        return values

    return (dict,), decode


def _record(kind: Any) -> tuple[tuple[type, ...], _Decode]:
    hints = typing.get_type_hints(kind)
    fields = [field for field in dataclasses.fields(kind) if field.init]
    decoders = {field.name: _decoder(hints[field.name])[1] for field in fields}
    nothing = dataclasses.MISSING
    needed = frozenset(one.name for one in fields if one.default is nothing and one.default_factory is nothing)

    def decode(data: Any) -> Any:
        if type(data) is not dict:
            raise _wrong((dict,))
        if not data.keys() <= decoders.keys():
            raise Malformed("this name is not known").at(f".{_short(min(map(str, data.keys() - decoders.keys())))}")
        if not needed <= data.keys():
            raise Malformed("this is missing").at(f".{min(needed - data.keys())}")
        values: dict[str, Any] = {}
        name = ""
        try:
            for name, one in data.items():
                values[name] = decoders[name](one)
        except Malformed as error:
            raise error.at(f".{name}") from None
        return _made(kind, values)

    return (dict,), decode


def _named(kind: Any) -> tuple[tuple[type, ...], _Decode]:
    hints = typing.get_type_hints(kind)
    takes, of_row = _row(tuple(hints[name] for name in kind._fields))

    def decode(data: Any) -> Any:
        return kind._make(of_row(data))

    return takes, decode


def _made(kind: Any, values: dict[str, Any]) -> Any:
    """Return the record. A ValueError of its __post_init__ becomes Malformed."""
    try:
        return kind(**values)
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed(str(error)) from error


def _short(name: str) -> str:
    """Return a foreign name, quoted and bounded, for an error."""
    return repr(name) if len(name) <= MAX_NAME else f"{name[:MAX_NAME]!r}..."


@cache
def _encoder(kind: Any) -> Callable[[Any], Any]:
    """Return the function that converts values of this class to JSON's types."""
    if kind in (bool, type(None), float):
        return _same
    if issubclass(kind, str):
        return str.__str__
    if issubclass(kind, int):
        return int
    if issubclass(kind, bytes):
        return lambda value: base64.b64encode(value).decode("ascii")
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind) if field.init)
        return lambda value: {name: to_plain(getattr(value, name)) for name in names}
    if issubclass(kind, tuple | list):
        return lambda value: [to_plain(one) for one in value]
    if issubclass(kind, frozenset | set):
        return lambda value: sorted((to_plain(one) for one in value), key=json.dumps)
    if issubclass(kind, Mapping):
        return lambda value: {str.__str__(name): to_plain(one) for name, one in value.items()}
    raise TypeError(f"records of {kind!r} are not known here")


def _same(value: Any) -> Any:
    return value
