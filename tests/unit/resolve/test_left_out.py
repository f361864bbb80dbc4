"""Programs of used packages that are not kept."""

from __future__ import annotations

from tests.elves import elf
from tests.observed import execution
from tests.unit.resolve.app_level.test_rules import status
from tests.unit.resolve.test_plan import Tree, plan

INFO = "/var/lib/dpkg/info"
TREE: Tree = {
    **{f"/usr/bin/{name}": elf() for name in ("psql", "dump", "base", "restore", "vacuum", "ls", "cat", "other")},
    "/usr/lib/helper": elf(), "/usr/bin/text": "x",
    "/var/lib/dpkg/status": status(client="", coreutils_="", other=""),
    f"{INFO}/client.list": "".join(f"/usr/bin/{name}\n" for name in ("psql", "dump", "base", "restore", "vacuum", "text")) + "/usr/lib/helper\n",
    f"{INFO}/coreutils.list": "/usr/bin/ls\n/usr/bin/cat\n", f"{INFO}/other.list": "/usr/bin/other\n",
}  # fmt: skip


def test_programs_of_used_packages() -> None:
    assert plan(TREE, execution("/usr/bin/psql"), execution("/usr/bin/ls")).notes == (
        "left out of used packages: base, dump, restore, 1 more (--keep or --level package keeps them)",
    )


def test_no_note_without_such_programs() -> None:
    assert plan(TREE, execution("/usr/bin/ls")).notes == ()
    assert plan(TREE, execution("/usr/bin/other")).notes == ()
