"""Try in a container of a confined image what its launcher must refuse, each thing first without the launcher."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from docker_slim_plugin.confine.attempts import attempts_program, holder, results
from docker_slim_plugin.confine.launcher import LAUNCHER_PATH
from docker_slim_plugin.confine.rules import Rules
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.confinement import Attempt
from docker_slim_plugin.observe.launch import option_pairs, option_words

HOLDER_PATH, ATTEMPTS_PATH = "/.docker-slim-holder", "/.docker-slim-attempts"
KEPT_OPTIONS = frozenset(
    {"--cap-add", "--cap-drop", "--group-add", "--read-only", "--security-opt", "--tmpfs", "--user", "--userns"}
)
"""Options of the run that decide what a process may do. Nothing of the host is in the container of the attempts."""


def try_attempts(
    engine: Engine, image: str, options: Sequence[str], rules: Rules, machine: str, directory: Path
) -> tuple[Attempt, ...]:
    """Return what was tried; SlimError when the attempts cannot run. `directory` is for their programs."""
    mounts = []
    for path, content in ((HOLDER_PATH, holder(machine)), (ATTEMPTS_PATH, attempts_program(rules, machine))):
        file = directory / path.removeprefix("/.")
        file.write_bytes(content)
        file.chmod(0o755)
        mounts.append(f"--volume={file}:{path}:ro")
    given = (*_kept(options), *mounts, "--network=none", "--entrypoint", HOLDER_PATH)
    with engine.container(given, image) as container:
        container.start()
        control, confined = (container.execute(argv)[1] for argv in ([ATTEMPTS_PATH], [LAUNCHER_PATH, ATTEMPTS_PATH]))
    try:
        return results(rules, control, confined)
    except ValueError as error:
        raise SlimError(f"cannot try what the confined image refuses: the attempts wrote {error}") from error


def _kept(options: Sequence[str]) -> Iterator[str]:
    for name, value in option_pairs(options):
        if name in KEPT_OPTIONS:
            yield from option_words(name, value)


def failures(attempts: Sequence[Attempt]) -> tuple[str, ...]:
    """Return a sentence for each attempt that the image should refuse, and does not."""
    return tuple(
        f"{one.name}: {one.confined} behind the launcher, {one.control} without it; {one.by} should refuse it"
        for one in attempts
        if one.has_failed
    )


def unenforced(attempts: Sequence[Attempt]) -> tuple[str, ...]:
    """Return the names of what the Landlock of this kernel cannot refuse."""
    return tuple(one.name for one in attempts if not one.is_enforceable)
