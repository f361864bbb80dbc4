"""Records to JSON and back, and where and why data that does not fit is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple, NewType

import pytest

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.observation import Access, AccessKind, Origin, Process
from docker_slim_plugin.typed_json import MAX_DEPTH, Malformed, from_json, from_plain, to_json, to_plain

Name = NewType("Name", str)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    x: int
    y: float = 0.0


@dataclass(frozen=True, slots=True)
class Leaf:
    status: int
    name: Name = Name("")
    colour: Colour = Colour.RED


@dataclass(frozen=True, kw_only=True)
class Tree:
    leaves: tuple[Leaf, ...] = ()
    pair: tuple[str, int] = ("", 0)
    flag: bool = False
    share: float = 0.0
    nothing: None = None
    perhaps: Leaf | None = None
    either: int | str | None = None
    names: frozenset[str] = frozenset()
    numbers: list[int] = field(default_factory=list)
    by_name: Mapping[str, Leaf] = field(default_factory=dict)
    by_colour: dict[Colour, int] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes = b""
    point: Point = field(default_factory=lambda: Point(0))
    choice: Literal["layered", "squashed", 3] = "layered"


@dataclass(frozen=True)
class Even:
    number: int

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError("an even number is wanted")


FULL = Tree(
    leaves=(Leaf(1), Leaf(2, Name("lone \udcff\n\x1b"), Colour.BLUE)),
    pair=("a", -7),
    flag=True,
    share=0.1,
    perhaps=Leaf(3),
    either="x",
    names=frozenset({"b", "a"}),
    numbers=[3, 1],
    by_name={"k": Leaf(4)},
    by_colour={Colour.BLUE: 1},
    config={"Env": ["A=b", None, 1.5, {"x": True}]},
    raw=bytes(range(256)),
    point=Point(1, 2.5),
    choice=3,
)


@pytest.mark.parametrize("value", [Tree(), FULL])
def test_out_and_in_again(value: Tree) -> None:
    assert from_plain(Tree, to_plain(value)) == value
    assert from_json(Tree, to_json(value)) == value
    assert to_json(value).isascii()
    assert "\n" not in to_json(value)


def test_what_comes_in_has_its_own_types() -> None:
    back = from_json(Tree, to_json(FULL))
    assert type(back.leaves[1].colour) is Colour
    assert type(back.point) is Point
    assert next(iter(back.by_colour)) is Colour.BLUE
    assert type(from_plain(float, 1)) is float


def test_what_goes_out_is_of_json() -> None:
    assert to_plain(FULL) == json.loads(json.dumps(to_plain(FULL)))
    assert to_plain(FULL)["names"] == ["a", "b"]
    assert type(to_plain(Colour.RED)) is str


def test_the_model_s_own_records() -> None:
    access = Access("/a\udcff", AccessKind.OPEN, Origin.PTRACE, Process(7, "app"), root="/jail")
    entry = Entry(path=RootPath("/x"), kind=EntryKind.FILE, mode=0o755, xattrs=(("security.capability", b"\0\1"),))
    assert from_json(Access, to_json(access)) == access
    assert from_json(Entry, to_json(entry)) == entry


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"leaves": [{"status": 1}, {"status": "200"}]}, "leaves[1].status: a whole number is wanted"),
        ({"leaves": [{"status": True}]}, "leaves[0].status: a whole number is wanted"),
        ({"leaves": [{"status": 1.0}]}, "leaves[0].status: a whole number is wanted"),
        ({"leaves": [{"status": 1 << 64}]}, "leaves[0].status: a whole number of at most 64 bits is wanted"),
        ({"leaves": [{}]}, "leaves[0].status: this is missing"),
        ({"leaves": [{"status": 1, "z\n": 1}]}, "leaves[0].'z\\n': this name is not known"),
        ({"leaves": {}}, "leaves: a list is wanted"),
        ({"leaves": [[]]}, "leaves[0]: an object is wanted"),
        ({"leaves": [{"status": 1, "colour": "green"}]}, 'leaves[0].colour: one of "red", "blue" is wanted'),
        ({"leaves": [{"status": 1, "colour": []}]}, 'leaves[0].colour: one of "red", "blue" is wanted'),
        ({"pair": ["a"]}, "pair: a list of 2 is wanted"),
        ({"pair": ["a", "b"]}, "pair[1]: a whole number is wanted"),
        ({"flag": 0}, "flag: true or false is wanted"),
        ({"share": True}, "share: a number is wanted"),
        ({"share": float("nan")}, "share: a finite number is wanted"),
        ({"share": float("-inf")}, "share: a finite number is wanted"),
        ({"share": 1 << 2000}, "share: a finite number is wanted"),
        ({"nothing": 0}, "nothing: null is wanted"),
        ({"perhaps": 1}, "perhaps: null or an object is wanted"),
        ({"perhaps": {"status": None}}, "perhaps.status: a whole number is wanted"),
        ({"either": 1.5}, "either: null or a text or a whole number is wanted"),
        ({"names": "ab"}, "names: a list is wanted"),
        ({"names": [1]}, "names[0]: a text is wanted"),
        ({"by_name": {"k\n": {}}}, "by_name['k\\n'].status: this is missing"),
        ({"by_colour": {"green": 1}}, """by_colour['green']: one of "red", "blue" is wanted"""),
        ({"config": []}, "config: an object is wanted"),
        ({"config": {"x": float("inf")}}, "config['x']: a finite number is wanted"),
        ({"config": {"x": {1: 2}}}, "config['x']: names that are texts are wanted"),
        ({"config": {"x": b""}}, "config['x']: bytes is not of JSON"),
        ({"raw": "a"}, "raw: base64 is wanted"),
        ({"raw": "\u00e9"}, "raw: base64 is wanted"),
        ({"raw": 1}, "raw: base64 is wanted"),
        ({"point": [1, "2"]}, "point[1]: a number is wanted"),
        ({"choice": "other"}, 'choice: one of "layered", "squashed", 3 is wanted'),
        ({"choice": 3.0}, 'choice: one of "layered", "squashed", 3 is wanted'),
        ({"q" * 1000: 1}, f"{'q' * 60!r}...: this name is not known"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(change: Mapping[str, Any], said: str) -> None:
    with pytest.raises(Malformed) as raised:
        from_plain(Tree, {**to_plain(FULL), **change})
    assert str(raised.value) == said


def test_what_a_record_itself_refuses() -> None:
    with pytest.raises(Malformed, match=r"\[1\]: an even number is wanted"):
        from_plain(tuple[Even, ...], [{"number": 2}, {"number": 3}])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is not JSON"),
        (b"\xff\xfe\x00", "it is not JSON"),
        ("[" * 200_000, "it nests too deep"),
        ("[NaN]", "NaN is not JSON"),
        ("9" * 5000, "it is not JSON"),
        ("[1e999]", r"\[0\]: a whole number is wanted"),
    ],
)
def test_what_is_no_json_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        from_json(tuple[int, ...], text)


def test_values_of_any_type_do_not_nest_without_end() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH - 2):
        deep = [deep]
    assert from_plain(Tree, {"config": {"x": deep}}).config == {"x": deep}
    with pytest.raises(Malformed, match="it nests too deep"):
        from_plain(Tree, {"config": {"x": [[[deep]]]}})


@pytest.mark.parametrize("kind", [set[str], complex, dict[int, str], Leaf | Tree])
def test_a_type_that_json_cannot_tell_is_a_bug(kind: Any) -> None:
    with pytest.raises(TypeError):
        from_plain(kind, {})


def test_it_is_quick() -> None:
    plain = [to_plain(Access(f"/usr/{n}", AccessKind.OPEN, Origin.PTRACE, Process(n, "app"))) for n in range(20_000)]
    started = time.process_time()
    assert len(from_plain(tuple[Access, ...], plain)) == len(plain)
    assert time.process_time() - started < 0.6
