"""Run the image's own package manager in a container of the image. Nothing of it runs on the host."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches

from docker_slim_plugin.base.dpkg_selections import MANAGERS, InstalledPackages
from docker_slim_plugin.engine.container import Container
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.errors import SlimError, VerificationFailed

FORM = "purged"
"""Form of the temporary image: the source without the purged packages."""
_ENVIRONMENT = (
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "LC_ALL=C",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
)
_APT = ("apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0")
# Downloads for the purge do not become part of the image, because volumes are not committed.
_FETCHED = ("--volume=/var/lib/apt/lists", "--volume=/var/cache/apt")
_PURGE = ("--no-install-recommends", "--allow-remove-essential", "purge")
_STEP = re.compile(r"^(Purg|Remv|Inst) ([^\s:]++)(?::\S++)? ", re.MULTILINE)
_MAX_SHOWN = 8
_MAX_LINES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """Packages to remove, and packages that the package manager may install in their place."""

    names: tuple[str, ...]
    replacements: tuple[str, ...] = ()

    @property
    def needs_network(self) -> bool:
        """Whether the package manager has to download something."""
        return bool(self.replacements)


def plan_purge(installed: InstalledPackages, names: Sequence[str], reference: str) -> Purge:
    """Return the purge of these packages.

    Raises SlimError if one is not installed, cannot be removed, or is needed by others.
    """
    requested = tuple(dict.fromkeys(names))
    for name in requested:
        if name not in installed.packages:
            near = get_close_matches(name, installed.packages, 3)
            listed = f"docker run --rm --entrypoint dpkg-query {reference} --show"
            hint = f"--purge {' or '.join(near)}" if near else listed
            raise SlimError(f"cannot purge {name!r}: no such package is installed in {reference}", hint=hint)
        if name in MANAGERS:
            raise SlimError(f"cannot purge {name}: a base has to be able to install packages", hint="leave it out")
        if installed.packages[name].essential:
            raise SlimError(f"cannot purge {name}: the distribution calls it essential", hint="leave it out")
    hard, replacements = installed.find_broken(requested)
    if hard:
        name, dependents = min(hard.items())
        whole = installed.dependent_closure(requested)
        unremovable = installed.find_unremovable(whole)
        if unremovable:
            text = f"cannot purge {name}: it is needed by {_join_names(unremovable)}, which every base needs"
            raise SlimError(text, hint="leave it out")
        more = [*requested, *sorted(whole - set(requested))]
        raise SlimError(
            f"cannot purge {name}: it is needed by {_join_names(sorted(dependents))}",
            hint=f"--purge {','.join(more)}",
        )
    return Purge(names=requested, replacements=tuple(sorted(replacements)))


def _join_names(names: Sequence[str]) -> str:
    more = len(names) - _MAX_SHOWN
    return ", ".join(names if more <= 0 else [*names[:_MAX_SHOWN], f"{more} more"])


def purge(engine: Engine, image: str, requested: Purge) -> tuple[str, ...]:
    """Write the temporary image without these packages. Returns the packages that were installed in their place.

    The container has a network only if the package manager has to download a replacement.
    """
    with start_idle_container(engine, image, needs_network=requested.needs_network) as container:
        if requested.needs_network:
            what = f"{_join_names(requested.names)}: {' or '.join(requested.replacements)} has to replace it, and"
            run_command(container, [*_APT, "update"], f"cannot purge {what} apt-get update fails")
        failed = f"cannot purge {_join_names(requested.names)}: apt-get says"
        planned = _STEP.findall(run_command(container, [*_APT, "--simulate", *_PURGE, *requested.names], failed))
        more = sorted({name for step, name in planned if step != "Inst"} - set(requested.names))
        if more:
            names = ",".join((*requested.names, *more))
            raise SlimError(
                f"cannot purge {_join_names(requested.names)} alone: {_join_names(more)} would go too",
                hint=f"--purge {names}",
            )
        run_command(container, [*_APT, *_PURGE, *requested.names], failed)
        container.commit(engine.temporary_name(FORM))
    return tuple(sorted({name for step, name in planned if step == "Inst"}))


def check_packages(engine: Engine, image: str) -> None:
    """Raise VerificationFailed if the image's package manager finds its packages or its database broken."""
    with start_idle_container(engine, image) as container:
        for argv in (("dpkg", "--audit"), (*_APT, "check")):
            status, output = container.execute([*_ENVIRONMENT, *argv])
            if status or (argv[0] == "dpkg" and output.strip()):
                raise VerificationFailed(
                    f"verification of the base failed, so it was not tagged: {argv[0]} says:\n    "
                    f"{_last_lines(output)}",
                    hint="purge less, or look at the source: docker run --rm IMAGE dpkg --audit",
                )


@contextmanager
def start_idle_container(engine: Engine, image: str, *, needs_network: bool = False) -> Iterator[Container]:
    """Yield a running container of `image` that does nothing, as root, independent of the image's configuration."""
    options = ["--user=0", "--workdir=/", "--entrypoint=/bin/sleep", "--no-healthcheck", "--pull=never", *_FETCHED]
    with engine.container([*options, *([] if needs_network else ["--network=none"])], image, ["infinity"]) as container:
        container.start()
        yield container


def run_command(container: Container, argv: Collection[str], failed: str) -> str:
    """Run a command and return its output.

    Raises SlimError with a text that begins with `failed` if its status is not 0.
    """
    status, output = container.execute([*_ENVIRONMENT, *argv])
    if status:
        raise SlimError(
            f"{failed}:\n    {_last_lines(output)}",
            hint="try the same in a container of the image: docker run -it IMAGE",
        )
    return output


def _last_lines(output: str) -> str:
    return "\n    ".join(output.strip().splitlines()[-_MAX_LINES:]) or "nothing"
