"""The variables of an image's or a container's configuration, and its PATH."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of a container whose image sets none."""
MAX_PATH = 256
"""Most directories of PATH that are searched."""


def parse_environment(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the Env of a Config as a dictionary. If a name occurs twice, the last one wins."""
    pairs = (str(item).partition("=") for item in config.get("Env") or ())
    return {name: value for name, _, value in pairs}


def search_path(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the directories of PATH, at most `MAX_PATH`."""
    return tuple(environment.get("PATH", DEFAULT_PATH).split(":", MAX_PATH)[:MAX_PATH])
