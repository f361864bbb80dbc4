"""Perl modules that kept code loads."""

from __future__ import annotations

import pytest

from tests.elves import elf
from tests.observed import execution
from tests.unit.resolve.app_level.test_rules import added
from tests.unit.resolve.test_plan import Tree

TOP = "/usr/share/perl5"
ARCH = "/usr/lib/x86_64-linux-gnu/perl5/5.36"
MODULES: Tree = {f"{TOP}/{name}": "1;\n" for name in ("A.pm", "B/C.pm", "Never.pm", "D.pm", "E.pm", "x.pl")} | {
    f"{ARCH}/auto/A/A.so": elf(), f"{ARCH}/auto/A/More/More.so": elf(), f"{ARCH}/auto/Never/Never.so": elf(), "/usr/bin/perl": elf(),
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        pytest.param("use A;", [f"{ARCH}/auto/A/A.so", f"{TOP}/A.pm"], id="with its compiled parts"),
        pytest.param("\tuse  B::C qw(x);\nno D;\n  require E", [f"{TOP}/B/C.pm", f"{TOP}/D.pm", f"{TOP}/E.pm"], id="each way to load"),
        pytest.param("use B'C;", [f"{TOP}/B/C.pm"], id="the old separator"),
        pytest.param("use parent qw(D E);\nuse base 'B::C';", [f"{TOP}/B/C.pm", f"{TOP}/D.pm", f"{TOP}/E.pm"], id="parents"),
        pytest.param("use parent -norequire, 'Gone';", [], id="a module that is not there"),
        pytest.param("require 'x.pl';\ndo \"x.pl\";", [f"{TOP}/x.pl"], id="a file"),
        pytest.param("require '../../../etc/passwd';\nrequire '/etc/passwd';\nrequire '..';", [], id="a path that leads elsewhere"),
        pytest.param("eval { require E; 1 } or do 'x.pl'; my @l = ('B::C');", [f"{TOP}/B/C.pm", f"{TOP}/E.pm", f"{TOP}/x.pl"], id="in the middle of a line"),
        pytest.param("my $use = 1; # use Never;\nrequire $name; use 5.010; use strict", [], id="what is no bare name at the start of a line"),
        pytest.param("1;\n__END__\nuse Never;", [], id="after the end"),
        pytest.param("\0\udcff\nuse ::;\nuse A::;\nuse '", [f"{ARCH}/auto/A/A.so", f"{TOP}/A.pm"], id="malformed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first_line", ["#!/usr/bin/perl -I/usr/lib", "#!/usr/bin/env perl", "#!/usr/bin/env -S perl -w"])
def test_modules(code: str, kept: list[str], first_line: str) -> None:
    assert added("perl", {**MODULES, "/etc/passwd": "", "/bin/script": f"{first_line}\n{code}\n"}, execution("/bin/script")) == kept


def test_each_compiled_part_once() -> None:
    base, other = "/usr/lib/x86_64-linux-gnu/perl-base", "/usr/lib/x86_64-linux-gnu/perl/5.36"
    tree: Tree = {f"{top}/{name}": elf() for top in (base, other) for name in ("re.pm", "auto/re/re.so")}
    tree |= {f"{other}/auto/re/more.al": "1;\n", "/usr/bin/perl": elf(), "/bin/script": "#!/usr/bin/perl\nuse re;\n"}
    assert added("perl", tree, execution("/bin/script")) == [f"{base}/auto/re/re.so", f"{base}/re.pm", f"{other}/auto/re/more.al"]


def test_only_perl_is_read() -> None:
    assert added("perl", {**MODULES, "/bin/s": "#!/bin/sh\nuse A;\n", "/x": "use A;\n"}, execution("/bin/s"), "/x") == []


@pytest.mark.parametrize(
    ("top", "is_root"),
    [
        ("/etc/perl", True), ("/usr/share/perl5", True), ("/usr/share/perl/5.36.0", True), ("/usr/lib/x86_64-linux-gnu/perl-base", True),
        ("/usr/local/lib/x86_64-linux-gnu/perl/5.36.0", True), ("/usr/local/lib/perl5/5.38.0", True),
        ("/usr/local/lib/perl5/5.38.0/x86_64-linux-gnu", True), ("/usr/local/lib/perl5/site_perl/5.38.0/aarch64-linux-gnu", True),
        ("/usr/share/perl5/vendor_perl", True), ("/usr/lib64/perl5/vendor_perl", True), ("/usr/lib/perl5/core_perl", True),
        ("/opt/perl5", False), ("/usr/share/perl5/B", False),
    ],
)  # fmt: skip
def test_directories(top: str, is_root: bool) -> None:
    tree: Tree = {f"{top}/A.pm": "1;\n", "/x.pl": "use A;\n"}
    assert added("perl", tree, "/x.pl") == ([f"{top}/A.pm"] if is_root else [])


def test_the_first_directory_wins() -> None:
    tree: Tree = {f"/usr/{top}/A.pm": "1;\n" for top in ("share/perl/5.36", "share/perl5", "local/share/perl/5.36")} | {"/x.pl": "use A;\n"}
    assert added("perl", tree, "/x.pl") == ["/usr/local/share/perl/5.36/A.pm"]
