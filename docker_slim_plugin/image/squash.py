"""Squashing: from what `docker export` gives to what `docker import` takes.

The contents come from the export; names and metadata from the plan, as an export knows whole seconds and few extended
attributes only, and holds what docker itself puts into every container.
"""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from docker_slim_plugin.errors import VerificationFailed
from docker_slim_plugin.image.tar import WrittenLayer, write_tar
from docker_slim_plugin.model import EntryKind, FilePlan, RootPath

FORM = "squashed"


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of the spool."""

    offset: int
    size: int


class _Window:
    """A stretch of a file as a file of its own, from its start; enough of one to be copied."""

    def __init__(self, file: BinaryIO, part: _Part) -> None:
        self._file = file
        self._at, self._end = part.offset, part.offset + part.size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def read(self, size: int) -> bytes:
        self._file.seek(self._at)
        data = self._file.read(min(size, self._end - self._at))
        self._at += len(data)
        return data


def rewrite_export(export: BinaryIO, plan: FilePlan, out: Path) -> WrittenLayer:
    """Write the one layer of the squashed image to `out`, from the tar of an exported container of the layered image.

    Raises VerificationFailed when a file of the plan is not in the export, or is of another size.
    """
    with tempfile.TemporaryFile(dir=out.parent) as spool:
        parts = _spool(export, spool, plan)

        def content(path: RootPath) -> Any:
            return _Window(spool, parts[path])

        wrong = [
            kept.entry.path
            for kept in plan.kept
            if kept.entry.kind is EntryKind.FILE
            and (kept.entry.path not in parts or parts[kept.entry.path].size != kept.entry.size)
        ]
        if wrong:
            names = ", ".join(repr(path) for path in wrong[:5])
            raise VerificationFailed(f"cannot squash: the export of the layered image lacks {names}")
        return write_tar(content, plan.kept, FORM, out)


def _spool(export: BinaryIO, spool: Any, plan: FilePlan) -> dict[RootPath, _Part]:
    """Copy the contents of the plan's files into `spool`; return where each is, hard links where their file is."""
    wanted = {kept.entry.path for kept in plan.kept}
    parts: dict[RootPath, _Part] = {}
    with tarfile.open(fileobj=export, mode="r|", errors="surrogateescape") as tar:
        for member in tar:
            path = RootPath("/" + member.name.removeprefix("./").strip("/"))
            if member.islnk():
                target = RootPath("/" + member.linkname.lstrip("/"))
                if target in parts:
                    parts[path] = parts[target]
            elif member.isreg() and path in wanted:
                content = tar.extractfile(member)
                assert content is not None
                parts[path] = _Part(spool.tell(), member.size)
                shutil.copyfileobj(content, spool, 1 << 20)
    spool.flush()
    return parts


def changes(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the instructions for `docker import --change` that make `config`.

    SHELL and STOPSIGNAL cannot be said there, nor a value that holds a newline: who calls compares, and loads the
    exact configuration where it differs.
    """
    return tuple(line for line in _instructions(config) if "\n" not in line and "\r" not in line)


def _instructions(config: Mapping[str, Any]) -> Iterator[str]:
    for variable in config.get("Env") or ():
        name, _, value = variable.partition("=")
        yield f"ENV {name}={_quoted(value)}"
    for name, value in (config.get("Labels") or {}).items():
        yield f"LABEL {_quoted(name)}={_quoted(value)}"
    if config.get("User"):
        yield f"USER {_escaped(config['User'])}"
    if config.get("WorkingDir"):
        yield f"WORKDIR {_escaped(config['WorkingDir'])}"
    for port in sorted(config.get("ExposedPorts") or ()):
        yield f"EXPOSE {port}"
    for volume in sorted(config.get("Volumes") or ()):
        yield f"VOLUME {json.dumps([_escaped(volume)])}"
    for trigger in config.get("OnBuild") or ():
        yield f"ONBUILD {trigger}"
    yield from _commands(config)


def _commands(config: Mapping[str, Any]) -> Iterator[str]:
    if config.get("Entrypoint"):
        yield f"ENTRYPOINT {json.dumps(config['Entrypoint'])}"
    if config.get("Cmd"):
        yield f"CMD {json.dumps(config['Cmd'])}"
    check = config.get("Healthcheck") or {}
    test = check.get("Test") or []
    if test == ["NONE"]:
        yield "HEALTHCHECK NONE"
    elif test:
        options = "".join(
            f"--{option}={check[field]}ns "
            for field, option in (("Interval", "interval"), ("Timeout", "timeout"), ("StartPeriod", "start-period"))
            if check.get(field)
        )
        options += f"--retries={check['Retries']} " if check.get("Retries") else ""
        argument = test[1] if test[0] == "CMD-SHELL" else json.dumps(test[1:])
        yield f"HEALTHCHECK {options}CMD {argument}"


def _escaped(text: str) -> str:
    """Return `text` with what an instruction would expand made plain."""
    return text.replace("\\", "\\\\").replace("$", "\\$")


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace('"', '\\"') + '"'
