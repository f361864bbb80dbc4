"""The check that an exercise from a trace file does nothing to the host without the user's consent.

To verify a slim image, it is started with the options of the trace, and the commands of the trace are run. A file may
come from anywhere, so everything that affects more than the container itself is listed first, and needs the user's
consent on the same command line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.request import Exercise
from docker_slim_plugin.observe.launch import option_pairs

SWITCHES = frozenset((
    "--disable-content-trust", "--init", "--interactive", "--no-healthcheck", "--quiet", "--read-only", "--rm", "--tty",
))  # fmt: skip
VALUES = frozenset((
    "--add-host", "--annotation", "--attach", "--cap-drop", "--cpu-period", "--cpu-quota", "--cpu-shares", "--cpus",
    "--cpuset-cpus", "--dns", "--dns-option", "--dns-search", "--domainname", "--entrypoint", "--env", "--expose",
    "--group-add", "--health-cmd", "--health-interval", "--health-retries", "--health-start-interval",
    "--health-start-period", "--health-timeout", "--hostname", "--label", "--memory", "--memory-reservation",
    "--memory-swap", "--name", "--network-alias", "--pids-limit", "--platform", "--pull", "--shm-size",
    "--stop-signal", "--stop-timeout", "--tmpfs", "--ulimit", "--user", "--workdir",
))  # fmt: skip
"""Options of docker create that affect only the container itself. Any option in neither list may act on the host."""
NETWORKS = frozenset({"bridge", "default", "none"})
_SHOWN = 300


def host_options(exercise: Exercise) -> Iterator[str]:
    """Yield each docker option of an exercise that may act on the host, or that docker may parse differently."""
    for name, value in option_pairs(exercise.docker_options):
        if not _is_container_only(name, value):
            yield name if value is None else f"{name}={value}"


def _is_container_only(name: str, value: str | None) -> bool:
    if name in SWITCHES:
        return value in (None, "true", "false")
    if value is None:
        # docker would take the next word for its value.
        return False
    if name == "--label":
        return not value.startswith("docker-slim.")
    if name == "--network":
        return value in NETWORKS
    if name == "--volume":
        # A path alone is an anonymous volume, removed with the container.
        return value.startswith("/") and ":" not in value
    return name in VALUES


def check_trust(
    exercises: Iterable[Exercise], *, allowed: Collection[str] = (), trusted: bool = False
) -> tuple[str, ...]:
    """Return descriptions of what the exercises do to the host; SlimError when they may not do it.

    `allowed` are the host commands that the user has repeated; with `trusted` everything is allowed.
    """
    all_exercises = tuple(exercises)
    commands = tuple(dict.fromkeys(command for one in all_exercises for command in one.host_exec))
    if unknown := [command for command in allowed if command not in commands]:
        raise SlimError(
            f"cannot find the host command {unknown[0]!r} in a trace", hint="use exactly the text of the trace"
        )
    options = tuple(dict.fromkeys(option for one in all_exercises for option in host_options(one)))
    options_shown = _described("docker option", options)
    refused = (*_described("run on this host", [one for one in commands if one not in allowed]), *options_shown)
    if refused and not trusted:
        raise SlimError(
            "cannot build from the traces without your consent, because they act on this host:\n    "
            + "\n    ".join(refused),
            hint="--trust-trace allows all of it, --host-exec CMD one command, and --no-verify runs nothing",
        )
    return (*_described("run on this host", commands), *options_shown)


def _described(what: str, texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{what}: {text if len(text) <= _SHOWN else f'{text[:_SHOWN]}...'}" for text in texts)
