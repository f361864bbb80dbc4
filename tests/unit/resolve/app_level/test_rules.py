"""The rules together: levels, --no-hint, reasons, libraries that are too large."""

from __future__ import annotations

import time
from typing import Any

import pytest

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.observation import Access
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.resolve.app_level import rules
from docker_slim_plugin.resolve.app_level.facts import NewPaths, is_kept_beside
from docker_slim_plugin.resolve.app_level.rules import RULES
from docker_slim_plugin.resolve.presets import PRESETS
from tests.elves import GLIBC, elf
from tests.observed import execution
from tests.unit.resolve.test_plan import Tree, files, plan, reasons

ALL = frozenset({*PRESETS, *RULES})


def added(rule: str, tree: Tree, *accesses: str | Access, level: str = "app", **fields: Any) -> list[str]:
    """Return what a rule adds to the plan. Without the rule, and at the level `exact`, nothing is added."""
    exact = files(plan(tree, *accesses, hints_off=ALL - {rule}, **fields))
    assert files(plan(tree, *accesses, hints_off=ALL, level=level, **fields)) == exact
    found = files(plan(tree, *accesses, hints_off=ALL - {rule}, level=level, **fields))
    assert set(exact) <= set(found)
    return [path for path in found if path not in exact]


def status(**depends: str) -> str:
    """Return dpkg's status of packages with what they depend on; "name_" is one of the base."""
    stanzas = (
        f"Package: {name.rstrip('_')}\nStatus: install ok installed\nArchitecture: amd64\n"
        f"Priority: {'required' if name.endswith('_') else 'optional'}\n{fields}"
        for name, fields in depends.items()
    )
    return "\n".join(f"{stanza.rstrip()}\n" for stanza in stanzas)


def test_names() -> None:
    assert list(RULES) == [
        "app-files", "packages", "data", "python", "node", "ruby", "perl", "php", "php-command", "java", "libraries", "library-trees", "links", "commands", "plugins", "threads", "charsets", "pam",
        "config-names", "names", "fonts", "zones", "locales", "authorities",
    ]  # fmt: skip
    assert not set(RULES) & set(PRESETS)


def test_the_reason_is_the_rule() -> None:
    found = plan({"/app/a": "x", "/app/b": "x"}, "/app/a", hints_off=ALL - {"app-files"}, level="app")
    assert reasons(found, "/app/b") == (Reason(ReasonKind.HINT, "app-files", "the app's own files"),)


def test_the_reason_names_the_file_that_calls_for_it() -> None:
    tree: Tree = {
        "/bin/start": "#!/bin/sh\ngzip\n. /lib/part\n", "/lib/part": "never\n", "/bin/sh": elf(), "/bin/gzip": elf(), "/bin/never": elf(),
        "/etc/app.conf": "page /srv/www/page\n", "/srv/www/page": "x",
    }  # fmt: skip
    found = plan(tree, execution("/bin/start"), "/etc/app.conf", hints_off=ALL - {"commands", "config-names"}, level="app")
    causes = {path: reasons(found, path)[0].description for path in ("/bin/gzip", "/lib/part", "/bin/never", "/srv/www/page")}
    assert causes == {
        "/bin/gzip": "programs that kept scripts run: /bin/start", "/lib/part": "programs that kept scripts run: /bin/start",
        "/bin/never": "programs that kept scripts run: /lib/part", "/srv/www/page": "files that configuration names: /etc/app.conf",
    }  # fmt: skip


def test_dropped_files_stay_dropped() -> None:
    found = plan({"/app/a": "x", "/app/b": "x", "/app/c": "x"}, "/app/a", hints_off=ALL - {"app-files"}, level="app", drop=("/app/b",))
    assert files(found) == ["/app/a", "/app/c"]


@pytest.mark.parametrize("level", ["app", "package"])
def test_what_a_rule_adds_is_asked_by_the_others(level: str) -> None:
    tree: Tree = {
        "/app/start": "#!/bin/sh\nother\n", "/app/other.sh": "#!/bin/sh\n", "/bin/sh": elf(), "/usr/bin/other": "#!/usr/bin/perl\nuse Far;\n",
        "/usr/bin/perl": elf(), "/usr/share/perl5/Far.pm": "use Away;\n", "/usr/share/perl5/Away.pm": "1;\n",
    }  # fmt: skip
    found = plan(tree, execution("/app/start"), hints_off=frozenset(PRESETS), level=level)
    assert files(found) == sorted(tree)


def test_a_shell_for_code_is_no_reason_for_scripts_of_packages() -> None:
    tree: Tree = {
        "/usr/bin/python3.11": elf(), "/bin/sh": elf(), "/usr/bin/main": elf(), "/usr/sbin/update": "#!/bin/sh\nother\n", "/usr/bin/other": elf(),
        "/var/lib/dpkg/status": status(main=""), "/var/lib/dpkg/info/main.list": "/usr/bin/main\n/usr/sbin/update\n",
    }  # fmt: skip
    accesses = (execution("/usr/bin/main"), execution("/usr/bin/python3.11"))
    assert files(plan(tree, *accesses, hints_off=frozenset(PRESETS), level="app")) == ["/bin/sh", "/usr/bin/main", "/usr/bin/python3.11"]
    assert "/usr/sbin/update" in files(plan(tree, *accesses, "/bin/sh", hints_off=frozenset(PRESETS), level="app"))


def test_long_chains_take_linear_time() -> None:
    modules: Tree = {f"/usr/share/perl5/A{index}.pm": f"use A{index + 1};\n" for index in range(5000)}
    scripts: Tree = {f"/usr/bin/a{index}": f"#!/bin/sh\na{index + 1}\n" for index in range(5000)}
    begun = time.process_time()
    assert len(added("perl", modules, "/usr/share/perl5/A0.pm")) == 4999
    assert len(added("commands", scripts, execution("/usr/bin/a0"))) == 4999
    assert time.process_time() - begun < 10


LARGE: Tree = {
    "/usr/lib/p/a.so": elf(),
    "/usr/lib/p/b.so": elf("libbig.so"),
    "/usr/lib/p/c.so": elf("libsmall.so"),
    "/lib/libbig.so": elf(),
    "/lib/libsmall.so": elf(),
    GLIBC: elf(),
}


def test_modules_that_need_large_libraries_are_left_out_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(elf())
    tree = {**LARGE, "/lib/libbig.so": elf(soname="x" * 500)}
    monkeypatch.setattr(rules, "MAX_LIBRARIES", size + 100)
    assert added("plugins", tree, "/usr/lib/p/a.so") == ["/lib/libsmall.so", "/usr/lib/p/c.so"]
    found = plan(tree, "/usr/lib/p/a.so", hints_off=ALL - {"plugins"}, level="app")
    assert [note for note in found.notes if "/usr/lib/p/b.so" in note]
    assert added("plugins", tree, "/usr/lib/p/a.so", "/lib/libbig.so") == ["/lib/libsmall.so", "/usr/lib/p/b.so", "/usr/lib/p/c.so"]


def test_what_belongs_to_a_tool_may_bring_larger_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(elf())
    tree: Tree = {
        "/usr/bin/tool": elf(), "/usr/bin/more": elf("libbig.so"), "/usr/bin/huge": elf("libhuge.so"), "/lib/libbig.so": elf(soname="x" * 500),
        "/lib/libhuge.so": elf(soname="x" * 5000), GLIBC: elf(), "/var/lib/dpkg/status": status(tool=""),
        "/var/lib/dpkg/info/tool.list": "/usr/bin/tool\n/usr/bin/more\n/usr/bin/huge\n",
    }  # fmt: skip
    monkeypatch.setattr(rules, "MAX_LIBRARIES", (size + 500) // 3)
    assert added("packages", tree, execution("/usr/bin/tool")) == []
    assert added("packages", tree, execution("/usr/bin/tool"), has_ended=True) == ["/lib/libbig.so", "/usr/bin/more"]


def test_the_size_of_a_program_itself_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_LIBRARIES", 10)
    assert added("app-files", {"/app/bin/a": elf(), "/app/bin/b": elf()}, "/app/bin/a") == ["/app/bin/b"]


def test_new_paths_are_given_once() -> None:
    new = NewPaths()
    assert new.of({RootPath("/a"): ()}) == ["/a"]
    assert new.of({RootPath("/a"): (), RootPath("/b"): (), RootPath("/c"): ()}) == ["/b", "/c"]
    assert new.of({RootPath("/a"): (), RootPath("/b"): (), RootPath("/c"): ()}) == []


def test_links_and_the_rules_themselves_are_no_other_reason() -> None:
    packages, link, access = Reason(ReasonKind.HINT, "packages"), Reason(ReasonKind.SYMLINK, "/l"), Reason(ReasonKind.ACCESS, "app")
    assert not is_kept_beside([packages, link], {"packages"})
    assert is_kept_beside([packages, access], {"packages"})


HOSTILE = ("", "/", ".", "..", "../../..", "relative", "/gone", "/loop", "/app/../..", "/app\0", "\udcff", "/app/file", "x" * 5000)
ODD: Tree = {
    "/loop": "-> loop",
    "/app/file": "#!/bin/sh\n../../.. /loop\n",
    "/app/package.json/": "",
    "/app/node_modules/x/package.json": '{"dependencies": {"": 1, "..": 1, "../..": 1, "/": 1, "x": 1, "@a": 1, "@a/..": 1, "\\ud800": 1}}',
    "/app/node_modules/x/index.js": "x",
    "/app/node_modules/y": "-> y",
    "/usr/lib/python3.11/os.py": "x",
    "/usr/lib/python3.11/site-packages/a-1.dist-info": "-> a-1.dist-info",
    "/usr/lib/python3.11/site-packages/b-1.dist-info/METADATA/": "",
    "/usr/lib/python3.11/site-packages/b-1.dist-info/RECORD/": "",
    "/usr/lib/python3.11/site-packages/c-1.dist-info/METADATA": "Name: c\nRequires-Dist: c\nRequires-Dist: d\n",
    "/usr/lib/python3.11/site-packages/c-1.dist-info/RECORD": "c.py,,\n../../../../../../..,,\n/,,\n,,\n\0,,\n\udcff,,\n/loop,,\n//,,\n",
    "/usr/lib/python3.11/site-packages/c.py": "x",
    "/usr/lib/ruby/gems/gems/x-1/x.rb": "x",
    "/usr/lib/ruby/gems/specifications/x-1.gemspec/": "",
    "/usr/share/perl5/A.pm": "use A;\nrequire '../../../etc/passwd';\nuse parent qw(A ::);\n",
    "/usr/share/perl5/auto": "-> auto",
    "/etc/pam.d/other/other": "pam_a.so",
    "/etc/passwd": "a:x:0:0::/home/../..:/usr/sbin/\0\nb:x:1:1::/home/loop:/loop\nc:::::::\n:\n",
    "/home/loop": "-> loop",
    "/usr/lib/libpam.so.0": "x",
    "/etc/x.conf": "/loop/x /app/file/x /../.. //// /a/",
    "/usr/share/zoneinfo": "-> zoneinfo",
    "/usr/lib/locale": "x",
    "/x.so": "x",
    "/x.py": "x",
    "/x.js": "x",
    "/package.json": "[" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("level", ["app", "package"])
@pytest.mark.parametrize("word", HOSTILE)
def test_nothing_raises(word: str, level: str) -> None:
    fifo = Entry(path=RootPath("/app/fifo"), kind=EntryKind.FIFO, mode=0o777)
    tree = {**ODD, "/app/fifo": fifo, "/var/lib/apt/extended_states": f"Package: {word}\nAuto-Installed: 1", "/var/lib/dpkg/status": status(a=f"Depends: {word}")}
    seen = (*(execution(path) for path in tree if not path.endswith("/")), execution(word or "/"))
    config = {"WorkingDir": word, "Env": [word, f"PATH={word}:/loop"], "User": word}
    assert plan(tree, *seen, config=config, hints_off=frozenset(PRESETS), level=level).kept
