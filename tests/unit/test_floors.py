"""The architecture: a floor imports from the floors below it only, and a foreign library is named in one place."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "docker_slim_plugin"
FLOORS = (
    {"__init__", "children", "descriptors", "errors", "linux", "model", "mountinfo", "records", "tree_records"},
    {"privileges", "runs"},
    {"confinement"},
    {"cancel", "clone_root"},
    {"gate", "httpprobe", "layerfiles", "linux_fanotify", "linux_inotify", "naming", "outfile", "permitted", "progress"}
    | {"request", "rootfs", "rootmount", "tree_channel", "tree_index", "tree_reader", "streams", "upper", "workspace"},
    {"tree_process"},
    {"sandbox"},
    {"engine", "judge", "launch", "redact", "tracefile"},
    {"beside", "doctor", "leftovers", "pristine", "trace", "trust"},
    {"image", "observe", "resolve"},
    {"shell"},
    {"layering"},
    {"job", "replay"},
    {"verify"},
    {"report"},
    {"prove"},
    {"base", "pack", "pipeline", "sharing"},
    {"trial"},
    {"cli", "sandboxed"},
    {"__main__"},
)
HOMES = {
    "docker": {"engine/"},
    "requests": {"engine/", "observe/"},
    "ptrace": {"observe/"},
    "pyseccomp": {"observe/", "confinement.py"},
    "elftools": {"resolve/"},
    "typer": {"cli/"},
    "rich": {"cli/"},
    "click": set[str](),
}
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def group(module: str) -> str:
    """Return the floor's member that a file belongs to: "observe" for observe/gate.py."""
    return module.partition("/")[0].removesuffix(".py")


def imported(module: str) -> set[str]:
    """Return the dotted names that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def test_every_module_has_its_floor() -> None:
    assert {group(module) for module in MODULES} - set().union(*FLOORS) == set()


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_from_below(module: str) -> None:
    floor = next(number for number, members in enumerate(FLOORS) if group(module) in members)
    allowed = set().union(*FLOORS[:floor]) | {group(module), "__version__"}
    ours = {name.split(".")[1] for name in imported(module) if name.startswith("docker_slim_plugin.")}
    assert ours - allowed == set()


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_is_named_in_one_place(library: str) -> None:
    users = {module for module in MODULES if any(name.split(".")[0] == library for name in imported(module))}
    assert {user for user in users if not user.startswith(tuple(HOMES[library]))} == set()


def test_the_tracer_alone_has_python_ptrace() -> None:
    """Its licence (GPL-2.0) stays in that process."""
    code = "import sys, docker_slim_plugin.cli.app, docker_slim_plugin.pipeline; print('ptrace' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    assert answer.stdout == "False\n"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is(module: str) -> None:
    assert ast.get_docstring(ast.parse((PACKAGE / module).read_text()))


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith(("cli/", "__main__"))])
def test_nothing_below_the_command_line_prints(module: str) -> None:
    calls = [node.func for node in ast.walk(ast.parse((PACKAGE / module).read_text())) if isinstance(node, ast.Call)]
    assert not any(isinstance(call, ast.Name) and call.id == "print" for call in calls)
