"""`docker slim prune`: remove what killed runs have left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from docker_slim_plugin.cli import options, screen, template
from docker_slim_plugin.cli.declare import Given, command
from docker_slim_plugin.cli.session import Work


@command("prune", usage="[OPTIONS]", short="Remove what killed runs have left behind")
def prune(given: Given, form: options.Format = "table") -> Work:
    """Remove what runs of docker slim that were killed have left behind; running ones are left alone.

    What bears docker slim's marks, but is of no run that you have started, is listed, and stays.
    """
    return lambda: _prune(given.session.global_options, form)


def _prune(global_options: Sequence[str], form: str) -> int:
    from docker_slim_plugin.engine import leftovers  # noqa: PLC0415
    from docker_slim_plugin.engine.engine import Engine  # noqa: PLC0415

    found = leftovers.prune(Engine.connect(global_options))
    print(template.shown(form, asdict(found)) if form != template.TABLE else screen.removed(asdict(found)))
    return 1 if found.failures else 0
