"""Images as the engine describes them, and what runs show of them: tests name only the fields that they are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.observation import (
    Access,
    AccessKind,
    Observations,
    Origin,
    ProbeResult,
    Process,
    RunResult,
)

IMAGE = SourceImage(
    reference="app:1",
    id="sha256:1",
    digests=(),
    tags=(),
    size=1,
    os="linux",
    architecture="amd64",
    variant="",
    created="",
    config={},
    layers=(),
)


def source_image(config: Mapping[str, Any] | None = None, **fields: Any) -> SourceImage:
    return replace(IMAGE, config=config or {}, **fields)


def access(
    path: str, kind: AccessKind = AccessKind.OPEN, argv0: str = "app", pid: int = 1, origin: Origin = Origin.PTRACE, root: str = "/"
) -> Access:
    return Access(path, kind, origin, Process(pid, argv0), root)


def execution(path: str, argv0: str = "app") -> Access:
    return access(path, AccessKind.EXEC, argv0)


def probe(kind: str, target: str = "x", status: int = 0, *, ok: bool = True, **fields: Any) -> ProbeResult:
    return ProbeResult(kind=kind, target=target, ok=ok, status=status, **fields)


def observations(*accesses: Access, result: RunResult | None = None, **fields: Any) -> Observations:
    return Observations(accesses=accesses, result=result or RunResult(), **fields)


def run_result(*probes: ProbeResult, **fields: Any) -> RunResult:
    return RunResult(probes=probes, **fields)
