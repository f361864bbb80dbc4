"""Programs that kept shell scripts run."""

from __future__ import annotations

from typing import Any

import pytest

from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.model.plan import Selection
from docker_slim_plugin.resolve.app_level.facts import AppFacts
from docker_slim_plugin.resolve.app_level.rules import AppLevel
from docker_slim_plugin.resolve.packages import ownership
from tests.elves import elf
from tests.observed import access, execution
from tests.rootfs import rootfs
from tests.unit.resolve.app_level.test_rules import ALL, added, status
from tests.unit.resolve.test_plan import Tree, files, plan

PROGRAMS: Tree = {
    "/bin/sh": elf(), "/bin/gzip": elf(), "/bin/never": elf(), "/bin/data": "x", "/opt/tool": elf(), "/usr/bin/second": "#!/bin/sh\nthird\n",
    "/usr/bin/third": "-> ../../opt/tool", "/bin/large": elf() + b"0" * (3 << 20),
}  # fmt: skip


@pytest.mark.parametrize(
    ("script", "config", "kept"),
    [
        pytest.param("#!/bin/sh\n[ -e x ] && gzip -d\n", {}, ["/bin/gzip"], id="in branches that were not taken"),
        pytest.param("#!/bin/sh\nsecond\n", {}, ["/opt/tool", "/usr/bin/second", "/usr/bin/third"], id="scripts that scripts run, and links"),
        pytest.param("#!/bin/sh\n/opt/tool\n", {}, ["/opt/tool"], id="by its path"),
        pytest.param("#!/bin/sh\ntool\n", {"Env": ["PATH=/opt:relative::/gone"]}, ["/opt/tool"], id="in the image's PATH"),
        pytest.param("#!/bin/sh\necho never; data\nlarge\n# never\n", {}, [], id="no words of texts, no data, nothing large"),
        pytest.param("#!/usr/bin/perl\nnever\n", {}, [], id="no shell script"),
        pytest.param("#!/bin/sh\n../../.. \0 \udcff /loop . / ''\n", {"Env": ["PATH"]}, [], id="odd words"),
    ],
)  # fmt: skip
def test_commands(script: str, config: dict[str, Any], kept: list[str]) -> None:
    tree = {**PROGRAMS, "/bin/start": script, "/loop": "-> loop"}
    assert added("commands", tree, execution("/bin/start"), "/bin/sh", config=config) == kept
    assert added("commands", tree, access("/bin/start", AccessKind.STAT), "/bin/sh", config=config) == kept


def test_files_that_a_script_reads() -> None:
    tree: Tree = {
        **PROGRAMS, "/bin/start": '#!/bin/sh\nif true; then . /lib/a.inc; fi\nsource "/lib/b"\n. /gone\n. $X/c\necho . /lib/d\n', "/lib/a.inc": "gzip -d\n",
        "/lib/b": "-> real", "/lib/real": ". /lib/b\n", "/lib/c": "never\n", "/lib/d": "never\n",
    }  # fmt: skip
    assert added("commands", tree, execution("/bin/start"), "/bin/sh") == ["/bin/gzip", "/lib/a.inc", "/lib/b", "/lib/real"]


def test_crontabs_are_read_like_scripts() -> None:
    tree: Tree = {
        **PROGRAMS, "/usr/bin/run-parts": elf(), "/etc/crontab": "PATH=/bin\n* * * * * root never\n17 * * * * root cd / && run-parts --report /etc/cron.hourly\n",
        "/etc/cron.hourly/job": "#!/bin/sh\ngzip\n", "/etc/cron.hourly/data": "x", "/etc/cron.daily/other": "#!/bin/sh\nsecond\n", "/etc/cron.d/other": "* * * * * root second\n",
    }  # fmt: skip
    assert added("commands", tree, "/etc/crontab", "/bin/sh") == ["/bin/gzip", "/bin/never", "/etc/cron.hourly/data", "/etc/cron.hourly/job", "/usr/bin/run-parts"]
    assert added("commands", tree, "/etc/cron.d/other", "/bin/sh") == ["/opt/tool", "/usr/bin/second", "/usr/bin/third"]


def test_scripts_that_only_their_package_brings_get_small_programs_until_something_else_asks() -> None:
    tree: Tree = {
        **PROGRAMS, "/usr/bin/main": elf(), "/usr/bin/helper": "#!/bin/sh\ngzip\nmiddle\nlinked\n", "/bin/middle": elf() + b"0" * (200 << 10),
        "/bin/linked": elf("libbig.so.1"), "/lib/libbig.so.1": elf() + b"0" * (200 << 10),
        "/var/lib/dpkg/info/main.list": "/usr/bin/main\n/usr/bin/helper\n", "/var/lib/dpkg/status": status(main=""),
    }  # fmt: skip
    seen: tuple[Access | str, ...] = (execution("/usr/bin/main"), "/bin/sh")
    for more, kept in (((), ["/bin/gzip"]), ((access("/usr/bin/helper", AccessKind.STAT),), ["/bin/gzip", "/bin/linked", "/bin/middle", "/lib/libbig.so.1"])):
        found = plan(tree, *seen, *more, hints_off=ALL - {"packages", "commands"}, level="app")
        assert files(found) == sorted(["/bin/sh", "/usr/bin/helper", "/usr/bin/main", *kept])


def test_each_word_is_looked_up_once() -> None:
    tree = rootfs({**PROGRAMS, "/a": "#!/bin/sh\ngzip\n", "/b": "#!/bin/sh\ngzip\nsecond\n"})
    facts = AppFacts(rootfs=tree, packages=ownership.Packages(), config={}, accesses=())
    rule = AppLevel(facts, Selection(level="app", hints_off=ALL - {"commands"})).rules["commands"]
    kept = {entry.path: [reason] for entry in tree.entries.values() for reason in plan({"/a": "x"}, "/a").kept[1].reasons}
    assert sorted(rule.find(kept)) == ["/bin/gzip", "/usr/bin/second", "/usr/bin/third"]
    assert list(rule.find(kept)) == []


@pytest.mark.parametrize(
    ("program", "kept"),
    [
        pytest.param("/usr/bin/python3.11", ["/bin/sh", "/usr/bin/env"], id="a runtime"),
        pytest.param("/usr/lib/apache2/modules/libphp8.2.so", ["/bin/sh", "/usr/bin/env"], id="a runtime in a server"),
        pytest.param("/usr/sbin/python-like", [], id="another program"),
    ],
)
def test_shell_of_runtimes(program: str, kept: list[str]) -> None:
    tree: Tree = {program: elf(), "/bin/sh": elf(), "/usr/bin/env": elf(), "/usr/lib/python3/x": "x"}
    assert added("commands", tree, program) == kept
    assert added("commands", tree, access(program, AccessKind.STAT), access("/usr/lib/python3", AccessKind.LIST)) == []
    assert added("commands", {**tree, "/bin/sh": elf() + b"0" * (3 << 20)}, program) == kept[1:]


def test_a_script_without_its_interpreter_runs_nothing() -> None:
    tree: Tree = {**PROGRAMS, "/usr/sbin/update": "#!/bin/sh\ngzip\n"}
    looked_for = access("/usr/sbin/update", AccessKind.STAT)
    assert added("commands", tree, looked_for) == []
    assert added("commands", tree, looked_for, "/bin/sh") == ["/bin/gzip"]
