"""Evidence of a run, for tests of what is concluded from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docker_slim_plugin.model.calls import Call
from docker_slim_plugin.model.entry import Entry
from docker_slim_plugin.model.observation import Access
from docker_slim_plugin.observe.launch import option_pairs
from docker_slim_plugin.profile.evidence import Evidence, Extra
from docker_slim_plugin.profile.imports import Import, Imports
from tests.observed import observations, run_result, source_image
from tests.rootfs import rootfs


def call(name: str, *words: str, refused: str = "", abi: str = "", process: str = "app") -> Call:
    return Call(name, abi, refused, words, process)


def evidence(
    *calls: Call,
    tree: Mapping[str, str | bytes | Entry] | None = None,
    accesses: tuple[Access, ...] = (),
    imports: tuple[str, ...] = (),
    options: tuple[str, ...] = (),
    config: Mapping[str, Any] | None = None,
    extra: Extra | None = None,
) -> Evidence:
    """Return the evidence of one run on x86_64; `imports` are functions that /bin/app imports."""
    return Evidence(
        source=source_image(config),
        observations=observations(*accesses, result=run_result(), calls=calls),
        rootfs=rootfs(tree or {"/bin/app": b"\x7fELF"}),
        imports=Imports(tuple(Import(name, "/bin/app") for name in imports), ()),
        options=tuple(option_pairs(options)),
        machine="x86_64",
        extra=extra or Extra(),
    )
