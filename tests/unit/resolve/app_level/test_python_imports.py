"""Import statements, found in sources that may be anything."""

from __future__ import annotations

import time

import pytest

from docker_slim_plugin.resolve.app_level.python_imports import read_imports


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a", "a"),
        ("import a, b.c as d,e\nimport f as g # import h", "a b.c e f"),
        ("if x: import a; import b", "a b"),
        ("class C:\n\tdef f(self):\n\t\tfrom a.b import c", "a.b a.b.c"),
        ("from a import (b as c,\n  d,  # why\n  e)\n", "a a.b a.d a.e"),
        ("from a import b, \\\n  c\nfrom d import *", "a a.b a.c d"),
        ("from . import a\nfrom .b import c\nfrom ..d import e", ""),
        ("lazy import a\nlazy from b import c", "a b b.c"),
        ("print 'old', x\nexec 'x'\nimport a", "a"),
        ("match x:\n  case {'a': [*_]}: import a", "a"),
        ('"""import a\nimport b"""\nimport c', "c"),
        ("r'''\\''' \nimport a''' ; import b", "b"),
        ("x = '''never ends\nimport a", ""),
        ("x = 'never ends\nimport a", "a"),
        ('f"{x!r:>{y}}" "\\"import z"; import a', "a"),
        ("importlib.import_module('a.b', package=x)\n__import__(name='c')\nimport_string(\"d.e\")", "a.b c d.e"),
        ("import_module(f'a')\nimport_module(a)\nimport_module('.a', 'b')\nimport_module()", ""),
        ("important a\nfrom_ a import b\nx.import a\nimport 1\nfrom a importb", ""),
        ("import é.ü", "é.ü"),
        ("\udc80import a\r\nimport b\r\n", "b"),
        ("\x00\x00import", ""),
        ("", ""),
    ],
)
def test_statements(source: str, names: str) -> None:
    assert " ".join(sorted(read_imports(source).statements)) == names


@pytest.mark.parametrize(
    ("source", "names", "computed"),
    [
        ("MIDDLEWARE = ['a.b.C', \"d.e:f\"]", "a.b.C d.e", 0),
        ("'a' 'a.' '.a' 'a b.c' 'a.b-c' '1.2' 'a..b'", "", 0),
        ("import_module(x)\n__import__(name=x + y)\nimport_module(name='a')\nimport_module( )", "", 2),
        ("# import_module(x)\n'''import_module(y)'''", "", 0),
    ],
)
def test_strings_and_computed_names(source: str, names: str, computed: int) -> None:
    found = read_imports(source)
    assert (" ".join(sorted(found.strings)), found.computed) == (names, computed)


@pytest.mark.parametrize(
    "unit",
    ['"""\\"', "'", '"', "import ", ", a", "from a import (", "\\", "#", ":", "\\\n", "lazy ", "import_module(", "'a.", ".a", " ", "import a,  \n", "'''", "f'{"],
)  # fmt: skip
@pytest.mark.parametrize("begin", ["", "import a", "from a import ", '"""', "'a"])
def test_time_is_linear(begin: str, unit: str) -> None:
    source = begin + unit * (400_000 // len(unit))
    begun = time.process_time()
    read_imports(source)
    assert time.process_time() - begun < 2
