"""Write a profile as the whole command line of docker run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from docker_slim_plugin.engine.secrets import repeatable_options
from docker_slim_plugin.model.profile import Profile
from docker_slim_plugin.observe.launch import option_words
from docker_slim_plugin.profile.run_options import kept_options, published, restricting_options

SECCOMP = "seccomp.json"


@dataclass(frozen=True, kw_only=True)
class Start:
    """How the user starts the app."""

    image: str
    options: tuple[tuple[str, str | None], ...]
    """The user's options of docker, (name, value)."""
    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...]

    @property
    def name(self) -> str:
        """A name for volumes and objects: that of the image, without its repository and tag."""
        last = self.image.rpartition("/")[2].partition("@")[0].partition(":")[0]
        return re.sub(r"[^a-z0-9-]+", "-", last.lower()).strip("-") or "app"


def run_words(profile: Profile, start: Start) -> tuple[str, ...]:
    """Return the words of docker run; the seccomp profile is in the working directory."""
    kept = [pair for pair in kept_options(profile, start.options) if pair[0] not in ("--entrypoint", "--pull")]
    ports = (
        () if profile.network is None else published(profile.network, [v or "" for n, v in kept if n == "--publish"])
    )
    options = [word for name, value in kept for word in option_words(name, value)]
    entrypoint = () if start.entrypoint is None else (f"--entrypoint={''.join(start.entrypoint[:1])}",)
    return (
        "docker",
        "run",
        *repeatable_options(options),
        *ports,
        *restricting_options(profile, SECCOMP, names=start.name),
        *entrypoint,
        start.image,
        *start.command,
    )


def run_text(profile: Profile, start: Start) -> str:
    """Return the command line as a shell script, one option a line."""
    words = run_words(profile, start)
    at = words.index(start.image, 2)
    parts = (words[:2], *_joined(words[2:at]), words[at:])
    lines = [f"  {shlex.join(part)}" for part in parts]
    return "# Run this in its folder: seccomp.json is there.\n" + " \\\n".join(lines).lstrip() + "\n"


def _joined(words: Sequence[str]) -> list[list[str]]:
    """Return options with their values: "-e NAME" is two words."""
    found: list[list[str]] = []
    for word in words:
        if found and not word.startswith("-"):
            found[-1].append(word)
        else:
            found.append([word])
    return found
