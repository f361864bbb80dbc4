"""The architecture: a floor imports from the floors below it only, and a foreign library is named in one place."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "docker_slim_plugin"
FLOORS = (
    {"__init__", "errors", "kernel", "model", "progress", "typed_json"},
    {"cancel", "host", "services"},
    {"engine"},
    {"report", "rootfs"},
    {"confine", "image", "observe", "resolve"},
    {"base", "profile", "sbom", "sharing", "verify", "xray"},
    {"workflows"},
    {"__main__", "cli", "sandbox_main"},
)
"""The architecture, lowest floor first."""
ENTRY = {"__main__": {"cli"}}
"""Python demands the name and the place of a package's entry: it may import from its own floor."""
MOST_FLOORS, MOST_AT_THE_ROOT, MOST_LINES, MOST_LONG_FILES, MOST_PARAMETERS = 8, 9, 350, 3, 8
HOMES = {
    "docker": {"engine/"},
    "requests": {"engine/", "observe/"},
    "ptrace": {"observe/"},
    "pyseccomp": {"observe/", "host/confinement.py"},
    "elftools": {"resolve/"},
    "typer": {"cli/"},
    "jinja2": {"cli/page/"},
    "markupsafe": {"cli/page/"},
    "rich": {"cli/"},
    "cyclonedx": {"sbom/"},
    "license_expression": {"sbom/"},
    "packageurl": {"sbom/"},
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
    allowed = set().union(*FLOORS[:floor], ENTRY.get(group(module), ())) | {group(module), "__version__"}
    ours = {name.split(".")[1] for name in imported(module) if name.startswith("docker_slim_plugin.")}
    assert ours - allowed == set()


def test_the_root_is_small() -> None:
    assert len(FLOORS) <= MOST_FLOORS
    assert len([module for module in MODULES if "/" not in module]) <= MOST_AT_THE_ROOT


def test_files_are_short() -> None:
    """One that is longer says why in its docstring, in a sentence with "one file"."""
    long = [module for module in MODULES if len((PACKAGE / module).read_text().splitlines()) > MOST_LINES]
    assert len(long) <= MOST_LONG_FILES
    silent = [one for one in long if "one file" not in (ast.get_docstring(ast.parse((PACKAGE / one).read_text())) or "")]
    assert silent == []


@pytest.mark.parametrize("module", MODULES)
def test_functions_take_few_parameters(module: str) -> None:
    found = {
        node.name: count
        for node in ast.walk(ast.parse((PACKAGE / module).read_text()))
        if isinstance(node, ast.FunctionDef)
        for arguments in [node.args]
        for count in [len([one for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs) if one.arg != "self"])]
        if count > MOST_PARAMETERS
    }
    assert found == {}


def named(module: str) -> str:
    """Return a file's dotted name in the package: "observe.launch", "engine" for engine/__init__.py."""
    return module.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def test_no_circle() -> None:
    """Files that import each other, wherever in them, could only be understood together."""
    modules = {named(module): module for module in MODULES}
    needs = {}
    for name, module in modules.items():
        ours = {one.removeprefix("docker_slim_plugin.") for one in imported(module) if one.startswith("docker_slim_plugin.")}
        needs[name] = {one if one in modules else one.rpartition(".")[0] for one in ours} & set(modules) - {name}
    # Raises CycleError with the circle.
    assert set(graphlib.TopologicalSorter(needs).static_order()) == set(modules)


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_is_named_in_one_place(library: str) -> None:
    users = {module for module in MODULES if any(name.split(".")[0] == library for name in imported(module))}
    assert {user for user in users if not user.startswith(tuple(HOMES[library]))} == set()


def test_the_tracer_alone_has_python_ptrace() -> None:
    """Its licence (GPL-2.0) stays in that process."""
    code = "import sys, docker_slim_plugin.cli.app, docker_slim_plugin.workflows.slim; print('ptrace' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    assert answer.stdout == "False\n"


@pytest.mark.parametrize("module", ["cli.app", "sandbox_main", "observe.tracer.program", "rootfs.mount_clone", "rootfs.reader_program"])
def test_the_sdk_is_loaded_only_where_the_engine_is_asked(module: str) -> None:
    """It takes longer to import than all else, and has no business in a process that reads foreign bytes."""
    code = f"import sys, docker_slim_plugin.{module}; print({{'docker', 'requests'}} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    assert answer.stdout == "set()\n"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is(module: str) -> None:
    assert ast.get_docstring(ast.parse((PACKAGE / module).read_text()))


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith(("cli/", "__main__"))])
def test_nothing_below_the_command_line_prints(module: str) -> None:
    calls = [node.func for node in ast.walk(ast.parse((PACKAGE / module).read_text())) if isinstance(node, ast.Call)]
    assert not any(isinstance(call, ast.Name) and call.id == "print" for call in calls)
