"""The copies of docker slim on this host: which one runs, which one docker starts, and how docker finds one.

docker starts the first file `docker-slim` in its plugin directories (docker/cli, cli-plugins/manager). Such a file is a
launcher: a script that names the directory of the package, or the environment, that it starts.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import docker_slim_plugin
from docker_slim_plugin.errors import SlimError

NAME = "docker-slim"
MARK = "# launcher of docker-slim-plugin"
"""The second line of launchers that we write; install.sh looks for it too."""
LOCAL = "/usr/local/lib/docker/cli-plugins"
PACKAGED = ("/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins")
SYSTEM = (LOCAL, "/usr/local/libexec/docker/cli-plugins", *PACKAGED)
"""docker's directories for all users, in its order; those of the user come before."""
DISTRIBUTION = "/usr/share/docker-slim-plugin"
"""Where packages of distributions have docker slim."""
PACKAGE_NAME = "docker-slim-plugin"
MAX_CONFIG = 1 << 20
_MAX_LAUNCHER = 4096


@dataclass(frozen=True, slots=True)
class Launcher:
    """A file that docker, or a shell, finds as docker slim."""

    path: str
    is_running: bool
    """Whether it starts the copy that runs now."""


@dataclass(frozen=True, slots=True)
class Copies:
    """The copy that runs now, and all launchers."""

    version: str
    directory: str
    """Where the package docker_slim_plugin is."""
    installed_by: str
    python: str
    python_version: str
    launchers: tuple[Launcher, ...]
    """In the order in which docker looks for them; docker starts the first."""

    @property
    def is_first(self) -> bool:
        """Whether docker starts the copy that runs now, or none."""
        return not self.launchers or self.launchers[0].is_running

    @property
    def others(self) -> tuple[str, ...]:
        return tuple(one.path for one in self.launchers if not one.is_running)


def find_copies() -> Copies:
    """Return the copy that runs now, and what else is there."""
    return Copies(
        docker_slim_plugin.__version__,
        _directory(),
        _installed_by(),
        sys.executable,
        "{}.{}.{}".format(*sys.version_info),
        tuple(Launcher(path, _starts_this(path)) for path in _launchers()),
    )


def install(*, for_all: bool) -> str:
    """Write a launcher of this copy where docker finds it, and return its path. SlimError when that cannot be."""
    if _directory() == DISTRIBUTION:
        raise SlimError(
            "cannot install the plugin: it is installed by the distribution's package", hint="docker slim version"
        )
    for place in PACKAGED:
        if os.path.lexists(other := os.path.join(place, NAME)):
            raise SlimError(
                f"cannot install the plugin: the distribution's package has it already ({other}), and docker would "
                "start this copy in its place",
                hint=f"use that one, or remove the package first: apt-get remove {PACKAGE_NAME}",
            )
    path = _path(for_all=for_all)
    if os.path.lexists(path) and not _is_ours(path):
        raise SlimError(f"cannot install the plugin: {path} belongs to something else", hint="remove or rename it")
    for needed in (_directory(), sys.executable, os.path.realpath(sys.executable)) if for_all else ():
        if hidden := _hidden(needed):
            raise SlimError(
                f"cannot install the plugin for all users: they cannot read {hidden}",
                hint=f"pipx install --global {PACKAGE_NAME}",
            )
    start = (
        f"import sys; sys.path.append({_directory()!r}); from docker_slim_plugin.__main__ import main; sys.exit(main())"
    )
    command = f"exec {shlex.quote(sys.executable)} -IS -c {shlex.quote(start)}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        new = f"{path}.new"
        with open(new, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\n{MARK}\n{command} "$@"\n')
        os.chmod(new, 0o755)  # noqa: S103 (a program for all users)
        os.replace(new, path)
    except OSError as error:
        raise _failed("install", path, error) from error
    return path


def uninstall(*, for_all: bool) -> str:
    """Remove the launcher that `install` has written, and return its path; "" if there is none."""
    path = _path(for_all=for_all)
    if not os.path.lexists(path):
        return ""
    if not _is_ours(path) or not _starts_this(path):
        raise SlimError(f"cannot uninstall the plugin: {path} does not start this copy", hint="docker slim version")
    try:
        os.unlink(path)
    except OSError as error:
        raise _failed("uninstall", path, error) from error
    with suppress(OSError):  # directories that hold anything stay
        os.removedirs(os.path.dirname(path))
    return path


def _failed(what: str, path: str, error: OSError) -> SlimError:
    hint = "run it as root" if isinstance(error, PermissionError) else ""
    return SlimError(f"cannot {what} the plugin: {path}: {error.strerror}", hint=hint)


def _directory() -> str:
    """Return the directory on Python's path that has this copy."""
    return os.path.dirname(os.path.dirname(os.path.abspath(docker_slim_plugin.__file__)))


def _installed_by() -> str:
    if _directory() == DISTRIBUTION:
        return f"the distribution's package {PACKAGE_NAME}"
    if sys.prefix in ("/usr/local/lib/docker-slim", os.path.expanduser("~/.local/lib/docker-slim")):
        return "install.sh"
    return f"the Python environment {sys.prefix}" if sys.prefix != sys.base_prefix else "a checkout, or by hand"


def _user_directory() -> str:
    return os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")


def _path(*, for_all: bool) -> str:
    return os.path.join(LOCAL if for_all else os.path.join(_user_directory(), "cli-plugins"), NAME)


def _launchers() -> Iterator[str]:
    """Yield the paths of all launchers, in docker's order."""
    user = _user_directory()
    for place in (*_extra_directories(user), os.path.join(user, "cli-plugins"), *SYSTEM):
        if os.path.exists(path := os.path.join(place, NAME)):
            yield path


def _extra_directories(user: str) -> list[str]:
    """Return the directories of `cliPluginsExtraDirs` in docker's configuration."""
    try:
        with open(os.path.join(user, "config.json"), encoding="utf-8") as file:
            config = json.loads(file.read(MAX_CONFIG))
    except (OSError, ValueError, RecursionError):
        return []
    given = config.get("cliPluginsExtraDirs") if isinstance(config, dict) else None
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []


def _is_ours(path: str) -> bool:
    return MARK in _read(path)


def _starts_this(path: str) -> bool:
    """Tell whether a launcher names the directory of this copy, or its environment."""
    environment = rf"|{re.escape(sys.prefix)}/" if sys.prefix != sys.base_prefix else ""
    return bool(re.search(rf"{re.escape(_directory())}[\"'\s]{environment}", _read(path)))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_MAX_LAUNCHER)
    except OSError:
        return ""


def _hidden(path: str) -> str:
    """Return the first directory on the way to `path` that other users may not enter; "" if there is none."""
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & 0o001:
            return path
    return ""
