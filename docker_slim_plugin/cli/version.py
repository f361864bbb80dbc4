"""`docker slim version`: tell which copy of docker slim runs, and from where."""

from __future__ import annotations

from dataclasses import asdict

from docker_slim_plugin.cli import options, template
from docker_slim_plugin.cli.declare import Given, command
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.cli.text import printable
from docker_slim_plugin.workflows.plugin_copies import Copies, find_copies


@command("version", usage="[OPTIONS]", short="Tell which copy of docker slim runs, and from where")
def version(given: Given, form: options.Format = "table") -> Work:  # noqa: ARG001
    """Tell which copy of docker slim runs, from where, and which others docker can find.

    docker starts the first one that it finds: those of the user come before those of all users, and /usr/local before
    the distribution's packages.
    """
    return lambda: _version(form)


def _version(form: str) -> int:
    found = find_copies()
    print(template.shown(form, asdict(found)) if form != template.TABLE else "\n".join(_lines(found)))
    return 0


def _lines(found: Copies) -> list[str]:
    lines = [
        f"docker slim version {found.version}",
        f"installed by   {printable(found.installed_by)}",
        f"runs from      {printable(found.directory)}",
        f"Python         {found.python_version}, {printable(found.python)}",
    ]
    for number, launcher in enumerate(found.launchers):
        word = "docker starts" if number == 0 else "also there"
        whose = "this copy" if launcher.is_running else "another copy"
        lines.append(f"{word:13}  {printable(launcher.path)} ({whose})")
    return lines
