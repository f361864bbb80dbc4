"""Render the page: one HTML file that loads nothing, and in which nothing runs but its own script.

Each text that the template shows passes `printable`, then HTML's escapes. The page's Content-Security-Policy names the
hashes of its style sheet and its script, and allows nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker_slim_plugin.cli import outcome
from docker_slim_plugin.cli.text import command_line, counted, printable, seconds, size
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.report.changes import State
from docker_slim_plugin.report.page import run, tables, tree
from docker_slim_plugin.report.page.drawing import Shape, draw
from docker_slim_plugin.report.page.squarify import Box

if TYPE_CHECKING:
    import jinja2

    from docker_slim_plugin.workflows.report import FoundReport

FILES = Path(__file__).parent
MAP = Box(0, 0, 960, 600)
"""Where the treemap is drawn; the script draws it as large as there is room."""
MAX_NAME, MAX_COMMAND, MAX_TEXT = 100, 10_000, 2000
"""Characters of a name in the treemap, of a command line, and of any other text of the report."""
MAX_LISTED = 400
"""Probes, warnings, notes, differences that are listed."""


def require_library() -> None:
    """Raise SlimError if jinja2 is missing: only the page needs it."""
    if importlib.util.find_spec("jinja2") is None:
        raise SlimError(
            "cannot write a page: the Python library jinja2 is missing",
            hint="apt-get install python3-jinja2, or pip install jinja2 where docker slim is installed",
        )


def render(found: FoundReport) -> str:
    """Return the page as HTML."""
    environment = make_environment()
    style, script = (FILES.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    is_kept_alone = bool(found.unread)
    directories = tree.by_directory(found.changes)
    packages = tree.by_package(found.changes)
    processes, more_processes = run.process_tree(found.report)
    libraries, library_count = tables.library_rows(found.report.Files)
    return environment.get_template("page.jinja").render(
        found=found,
        report=found.report,
        totals=directories,
        drop_count=sum(one.state is State.DROPPED for one in found.changes),
        is_kept_alone=is_kept_alone,
        shapes=list(draw(directories, MAP)),
        map=MAP,
        groups=tables.group_rows(found.changes),
        packages=tables.sum_rows(found.changes, "package"),
        directories=tables.sum_rows(found.changes, "directory"),
        processes=processes,
        more_processes=more_processes,
        timeline=run.make_timeline(found.report),
        libraries=libraries,
        library_count=library_count,
        limit=MAX_LISTED,
        data={"directory": _plain(directories), "package": _plain(packages)},
        style=_markup(style),
        script=_markup(script),
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
    )


def draw_svg(found: FoundReport) -> str:
    """Return the treemap alone, as an SVG file."""
    directories = tree.by_directory(found.changes)
    template = make_environment().get_template("picture.svg")
    return template.render(found=found, totals=directories, shapes=list(draw(directories, MAP)), map=MAP)


def make_environment() -> jinja2.Environment:
    """Return the environment of the templates."""
    import jinja2  # noqa: PLC0415 (optional, and not for --help)

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FILES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "size": size,
        "seconds": seconds,
        "counted": counted,
        "count": lambda number: f"{number:,}",
        "short": outcome.short,
        "command": _command,
        "name": _name,
        "words": _words,
    }
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    return environment


def _finalize(value: Any) -> Any:
    """Return what an expression of the template shows; only our own markup stays as it is."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return printable(value if len(value) <= MAX_TEXT else f"{value[: MAX_TEXT - 1]}…")
    return value


def _command(words: tuple[str, ...]) -> Any:
    """Return a command line whole, to be copied."""
    import markupsafe  # noqa: PLC0415

    return markupsafe.escape(command_line(words)[:MAX_COMMAND])


def _markup(text: str) -> Any:
    import markupsafe  # noqa: PLC0415 (jinja2's)

    return markupsafe.Markup(text)  # noqa: S704 (a file of ours)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _name(text: str) -> str:
    """Return a name of a bounded length that can be shown; of a path, the end."""
    if text.startswith("/"):
        shown = printable(text[-4 * MAX_NAME :])
        return shown if len(shown) <= MAX_NAME else f"…{shown[1 - MAX_NAME :]}"
    shown = printable(text[: 4 * MAX_NAME])
    return shown if len(shown) <= MAX_NAME else f"{shown[: MAX_NAME - 1]}…"


def _words(shape: Shape) -> str:
    """Say what a box of the treemap is."""
    sizes = zip(tree.STATES, shape.node.sizes, strict=True)
    parts = ", ".join(
        f"{size(number)} {'left out' if one is State.DROPPED else one}" for one, number in sizes if number
    )
    return f"{_name(shape.path)}: {parts}"


def _plain(node: tree.Node) -> list[Any]:
    """Return a node for the script: name, bytes by state, files, box, state or "", children."""
    state = str(node.state or "")
    return [_name(node.name), *node.sizes, node.files, *node.box, state, [_plain(one) for one in node.children]]
