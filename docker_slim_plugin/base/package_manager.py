"""The image's own package manager, at work in a container of the image; nothing of it runs on the host."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches

from docker_slim_plugin.base.dpkg_selections import MANAGERS, Selections
from docker_slim_plugin.engine import Container, Engine
from docker_slim_plugin.errors import SlimError, VerificationFailed

FORM = "purged"
"""Of the temporary image that is the source without the purged packages."""
_ENVIRONMENT = (
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "LC_ALL=C",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
)
_APT = ("apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0")
# What the package manager fetches for the purge is no part of the image: volumes are not committed.
_FETCHED = ("--volume=/var/lib/apt/lists", "--volume=/var/cache/apt")
_PURGE = ("--no-install-recommends", "--allow-remove-essential", "purge")
_STEP = re.compile(r"^(Purg|Remv|Inst) ([^\s:]++)(?::\S++)? ", re.MULTILINE)
_SHOWN = 8
_LINES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """What is to go, and what the package manager may put in its place."""

    names: tuple[str, ...]
    instead: tuple[str, ...] = ()

    @property
    def online(self) -> bool:
        """Whether the package manager has to fetch something for it."""
        return bool(self.instead)


def allowed(selections: Selections, names: Sequence[str], reference: str) -> Purge:
    """Return the purge of these packages; SlimError for what is not there, cannot go, or is needed by others."""
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in selections.packages:
            near = get_close_matches(name, selections.packages, 3)
            listed = f"docker run --rm --entrypoint dpkg-query {reference} --show"
            hint = f"--purge {' or '.join(near)}" if near else listed
            raise SlimError(f"cannot purge {name!r}: no such package is installed in {reference}", hint=hint)
        if name in MANAGERS:
            raise SlimError(f"cannot purge {name}: the base is to be able to install packages", hint="leave it out")
        if selections.packages[name].essential:
            raise SlimError(f"cannot purge {name}: the distribution calls it essential", hint="leave it out")
    hard, instead = selections.lacking(wanted)
    if hard:
        name, needers = min(hard.items())
        whole = selections.with_needers(wanted)
        for_good = selections.kept_for_good(whole)
        if for_good:
            text = f"cannot purge {name}: {_listed(for_good)} cannot do without it, and no base without them"
            raise SlimError(text, hint="leave it out")
        more = [*wanted, *sorted(whole - set(wanted))]
        raise SlimError(
            f"cannot purge {name}: {_listed(sorted(needers))} cannot do without it", hint=f"--purge {','.join(more)}"
        )
    return Purge(names=wanted, instead=tuple(sorted(instead)))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names if more <= 0 else [*names[:_SHOWN], f"{more} more"])


def purge(engine: Engine, image: str, wanted: Purge) -> tuple[str, ...]:
    """Write the temporary image without these packages; return the packages that came in their place.

    The container has a network only when the package manager has to fetch what takes the place of a package.
    """
    with awake(engine, image, online=wanted.online) as container:
        if wanted.online:
            what = f"{_listed(wanted.names)}: {' or '.join(wanted.instead)} has to come in its place, and"
            ask(container, [*_APT, "update"], f"cannot purge {what} apt-get update fails")
        failed = f"cannot purge {_listed(wanted.names)}: apt-get says"
        planned = _STEP.findall(ask(container, [*_APT, "--simulate", *_PURGE, *wanted.names], failed))
        more = sorted({name for step, name in planned if step != "Inst"} - set(wanted.names))
        if more:
            names = ",".join((*wanted.names, *more))
            raise SlimError(
                f"cannot purge {_listed(wanted.names)} alone: {_listed(more)} would go too", hint=f"--purge {names}"
            )
        ask(container, [*_APT, *_PURGE, *wanted.names], failed)
        container.commit(engine.temporary_name(FORM))
    return tuple(sorted({name for step, name in planned if step == "Inst"}))


def prove(engine: Engine, image: str) -> None:
    """Raise VerificationFailed when the package manager of the image finds its packages or its database broken."""
    with awake(engine, image) as container:
        for argv in (("dpkg", "--audit"), (*_APT, "check")):
            status, said = container.execute([*_ENVIRONMENT, *argv])
            if status or (argv[0] == "dpkg" and said.strip()):
                raise VerificationFailed(
                    f"cannot vouch for the base, so it was not named: {argv[0]} says:\n    {_last(said)}",
                    hint="purge less, or look at the source: docker run --rm IMAGE dpkg --audit",
                )


@contextmanager
def awake(engine: Engine, image: str, *, online: bool = False) -> Iterator[Container]:
    """Yield a running container of `image` that does nothing, as root, whatever the image's configuration says."""
    options = ["--user=0", "--workdir=/", "--entrypoint=/bin/sleep", "--no-healthcheck", "--pull=never", *_FETCHED]
    with engine.container([*options, *([] if online else ["--network=none"])], image, ["infinity"]) as container:
        container.start()
        yield container


def ask(container: Container, argv: Collection[str], failed: str) -> str:
    """Run a command; return what it says. SlimError that begins with `failed` when its status is not 0."""
    status, said = container.execute([*_ENVIRONMENT, *argv])
    if status:
        raise SlimError(
            f"{failed}:\n    {_last(said)}", hint="try the same in a container of the image: docker run -it IMAGE"
        )
    return said


def _last(said: str) -> str:
    return "\n    ".join(said.strip().splitlines()[-_LINES:]) or "nothing"
