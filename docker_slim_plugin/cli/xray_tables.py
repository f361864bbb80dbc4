"""What `docker slim xray` shows on a terminal. Every text of the image passes `printable`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from docker_slim_plugin.cli.text import counted, printable, size, table
from docker_slim_plugin.workflows.xray import XrayResult
from docker_slim_plugin.xray.contents import Certificate, Contents
from docker_slim_plugin.xray.findings import Findings, days_left
from docker_slim_plugin.xray.layers import Layers, Sum

ROWS = 10
"""Most rows of a table."""
STEP = 60
"""Most characters of the step that made a layer."""
SOON = 90
"""Certificates that end within so many days are shown one by one."""
_NO_PACKAGE = "(no package)"


def summary(result: XrayResult) -> str:
    """Return all findings, the largest or first of each kind."""
    found = result.findings
    contents = found.contents
    stack = f"{size(found.size)} in {counted(len(found.layers.layers), 'layer')}"
    tree = f"{size(contents.size)} in {counted(contents.files, 'file')}"
    parts = [
        f"{printable(found.reference)}: {stack}; a container sees {tree}",
        _layers(found),
        _waste(found.layers),
        *_files(contents),
        *_rights(contents),
        *_secrets(found),
        "\n".join(f"not read: {printable(text)}" for text in contents.unread),
        "\n".join(f"{'ok  ' if rule.is_met else 'FAIL'}  {printable(rule.text())}" for rule in result.rules),
    ]
    return "\n\n".join(filter(None, parts))


def changes(found: Findings) -> str:
    """Return what each layer does to each path, one line each."""
    lines = []
    for number, layer in enumerate(found.layers.layers, 1):
        lines += [
            f"{number:3}  {one.state:7}  {size(one.size or one.before):>7}  {printable(one.path)}"
            for one in layer.changes
        ]
        lines += [f"{number:3}  {counted(layer.omitted, 'more path')}"] if layer.omitted else []
    return "\n".join(lines)


def _layers(found: Findings) -> str:
    rows: list[tuple[str, ...]] = [("LAYER", "SIZE", "ADDED", "CHANGED", "DELETED", "CREATED BY")]
    for number, (layer, step) in enumerate(zip(found.layers.layers, found.created_by, strict=True), 1):
        sums = map(_sum, (layer.added, layer.changed, layer.deleted))
        words = printable(" ".join(step.split()))
        rows.append((str(number), size(layer.size), *sums, words if len(words) <= STEP else f"{words[: STEP - 3]}..."))
    return table(rows)


def _sum(one: Sum) -> str:
    return f"{one.files:,} ({size(one.size)})" if one.files else ""


def _waste(layers: Layers) -> str:
    head = (
        f"efficiency {layers.efficiency:.2%}, {size(layers.wasted)} wasted: "
        f"{layers.user_wasted:.1%} of the {size(layers.upper_size)} above the lowest layer"
    )
    rows = [(size(one.size), f"{one.layers}", printable(one.path)) for one in layers.waste if one.size]
    return "\n".join([head, *_table(("WASTED", "LAYERS", "PATH"), rows)])


def _files(contents: Contents) -> Iterator[str]:
    biggest = [(size(one.size), one.package, printable(one.path)) for one in contents.biggest if one.size]
    yield "\n".join(_table(("BIGGEST", "PACKAGE", "PATH"), biggest))
    if contents.duplicates:
        rows = [
            (size(one.extra), f"{len(one.paths)}", _first(one.paths, len(one.paths))) for one in contents.duplicates
        ]
        head = f"{size(contents.duplicate_size)} in duplicates: files with the same content, and no hard links"
        yield "\n".join([head, *_table(("EXTRA", "FILES", "PATHS"), rows)])
    packages = [
        (size(one.size), f"{one.files:,}", one.system, printable(one.name) or _NO_PACKAGE) for one in contents.packages
    ]
    yield "\n".join(_table(("SIZE", "FILES", "SYSTEM", "PACKAGE"), packages))


def _rights(contents: Contents) -> Iterator[str]:
    privileged = [
        (one.mode, f"{one.uid}:{one.gid}", " ".join(one.capabilities), printable(one.package), printable(one.path))
        for one in contents.privileged
    ]
    yield _listed("file that gives rights", ("MODE", "OWNER", "CAPABILITIES", "PACKAGE", "PRIVILEGED FILE"), privileged)
    writable = [(one.mode, one.kind, printable(one.package), printable(one.path)) for one in contents.writable]
    yield _listed("path that every user may write to", ("MODE", "KIND", "PACKAGE", "WORLD-WRITABLE PATH"), writable)
    shells = [printable(f"{one.path} -> {one.target}" if one.target else one.path) for one in contents.shells]
    yield f"shells: {', '.join(shells[:ROWS])}{_more(len(shells), ROWS)}" if shells else "no shell"


def _secrets(found: Findings) -> Iterator[str]:
    contents = found.contents
    secrets = [
        (one.mode, ", ".join(one.kinds), printable(one.package), printable(one.path)) for one in contents.secrets
    ]
    yield _listed("file that looks like a secret", ("MODE", "KIND", "PACKAGE", "SECRET-LIKE FILE"), secrets)
    if found.variables:
        yield f"variables that look like secrets: {printable(', '.join(found.variables))}"
    if not contents.certificates:
        yield "no certificate"
        return
    soon = [one for one in contents.certificates if days_left(one, found.now) < SOON]
    next_one = next((one for one in contents.certificates if one not in soon), None)
    head = f"{counted(len(contents.certificates), 'certificate')}, {len(soon)} ended or end within {SOON} days"
    head += f"; the next ends on {next_one.not_after[:10]}" if next_one else ""
    rows = [_certificate(one, found) for one in soon]
    yield "\n".join([head, *_table(("ENDS", "DAYS", "SUBJECT", "CERTIFICATE"), rows)])


def _certificate(one: Certificate, found: Findings) -> tuple[str, ...]:
    return (one.not_after[:10], str(days_left(one, found.now)), printable(one.subject), _first(one.paths, one.files))


def _first(paths: Sequence[str], number: int) -> str:
    return ", ".join(map(printable, paths[:2])) + _more(number, 2)


def _more(number: int, shown: int) -> str:
    return f" and {number - shown:,} more" if number > shown else ""


def _listed(what: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a table, or that there is nothing."""
    return "\n".join(_table(heads, rows)) if rows else f"no {what}"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    more = [f"{len(rows) - ROWS:,} more with --format json"] if len(rows) > ROWS else []
    return [table([heads, *rows[:ROWS]]), *more] if rows else []
