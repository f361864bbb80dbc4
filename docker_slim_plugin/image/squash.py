"""Squash an image: convert the output of `docker export` to the input of `docker import`.

File contents come from the export. Names and metadata come from the plan: an export has only whole seconds and few
extended attributes, and contains files that docker itself adds to every container.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

from docker_slim_plugin.errors import SlimError, VerificationFailed
from docker_slim_plugin.image.tar import WrittenLayer, is_storable, write_tar
from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.plan import FilePlan, ReasonKind
from docker_slim_plugin.rootfs.index import ROOT

FORM = "squashed"
_MAX_SHOWN = 5
_LINE = 60_000
_PLAIN = re.compile(r"[A-Za-z0-9_./:][A-Za-z0-9_./:@%+,-]*")
_PORT = re.compile(r"[0-9]+(/(tcp|udp|sctp))?")
_TRIGGER = re.compile(r"(?i)(?!(onbuild|from|maintainer)\b)[a-z]+\s")
_TIMES = (
    ("Interval", "interval"),
    ("Timeout", "timeout"),
    ("StartPeriod", "start-period"),
    ("StartInterval", "start-interval"),
)


@dataclass(frozen=True, slots=True)
class _SpoolRange:
    """A byte range of the spool file."""

    offset: int
    size: int


_MISSING = _SpoolRange(0, -1)


class _RangeReader:
    """A file object for a byte range of another file. It has only what is needed to copy it."""

    def __init__(self, file: BinaryIO, part: _SpoolRange) -> None:
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
    """Write the layer of the squashed image to `out`, from the tar of an exported container of the layered image.

    Raises VerificationFailed if the export lacks an entry of the plan or has a file of another size. Raises SlimError
    if the export ends early or the disk is full.
    """
    try:
        with tempfile.TemporaryFile(dir=out.parent) as spool:
            parts = _spool(export, spool, plan)
            _check(plan, parts)

            def content(path: RootPath) -> Any:
                return _RangeReader(spool, parts[path])

            return write_tar(content, plan.kept, FORM, out)
    except OSError as error:
        text = f"cannot squash in {out.parent}: {error.strerror or error}"
        raise SlimError(text, hint="free some space there, or name another place with TMPDIR=DIR") from error
    except tarfile.TarError as error:
        raise SlimError(f"cannot read what docker export gave: {error}", hint="try again; docker info") from error


def _check(plan: FilePlan, parts: Mapping[RootPath, _SpoolRange]) -> None:
    """Raise VerificationFailed with the entries that the export lacks or has with another size."""
    # docker export has no root directory. Content that we generate does not come from it.
    from_export = [
        kept.entry for kept in plan.kept if all(one.kind is not ReasonKind.GENERATED for one in kept.reasons)
    ]
    expected = [entry for entry in from_export if is_storable(entry) and entry.path != ROOT]
    wrong = [entry.path for entry in expected if parts.get(entry.path, _MISSING).size != entry.size]
    if wrong:
        names = ", ".join(repr(path) for path in wrong[:_MAX_SHOWN])
        more = f" and {len(wrong) - _MAX_SHOWN} more" if len(wrong) > _MAX_SHOWN else ""
        raise VerificationFailed(f"cannot squash: the export of the layered image differs in {names}{more}")


def _spool(export: BinaryIO, spool: Any, plan: FilePlan) -> dict[RootPath, _SpoolRange]:
    """Copy the contents of the plan's files into `spool`, and return the range of each.

    Hard links have the range of their file. Entries without content have size 0. Entries outside of the plan are
    skipped.
    """
    wanted = {kept.entry.path for kept in plan.kept}
    parts: dict[RootPath, _SpoolRange] = {}
    with tarfile.open(fileobj=export, mode="r|", encoding="utf-8", errors="surrogateescape") as tar:
        for member in tar:
            # tarfile keeps every member in memory, and an image has 100,000s.
            tar.members.clear()  # type: ignore[attr-defined]
            path = member_path(member.name)
            if path not in wanted:
                continue
            if member.islnk():
                target = parts.get(member_path(member.linkname))
                if target is not None:
                    parts[path] = target
            elif member.isreg():
                content = tar.extractfile(member)
                assert content is not None
                parts[path] = _SpoolRange(spool.tell(), member.size)
                shutil.copyfileobj(content, spool, 1 << 20)
            else:
                parts[path] = _SpoolRange(0, 0)
    spool.flush()
    return parts


def member_path(name: str) -> RootPath:
    """Return the path for the name of a tar member that was decoded as UTF-8."""
    inside = "" if name == "." else name.removeprefix("./").strip("/")
    return RootPath("/" + os.fsdecode(inside.encode("utf-8", "surrogateescape")))


class Instruction(NamedTuple):
    """A line of a Dockerfile."""

    word: str
    argument: str
    is_valid: bool = True
    """Whether docker would interpret it as intended."""

    @property
    def line(self) -> str:
        return f"{self.word} {self.argument}"

    @property
    def is_expressible(self) -> bool:
        """Whether a Dockerfile can contain it: one line of limited length that does not continue on the next one."""
        # The parser accepts lines of up to 64 KiB (bufio.Scanner). A backslash at the end means continuation.
        line = self.line
        fits = len(line.encode("utf-8", "replace")) < _LINE and not set(line) & {"\n", "\r", "\0"}
        return self.is_valid and fits and not line.rstrip().endswith("\\")


def make_instructions(config: Mapping[str, Any]) -> Iterator[Instruction]:
    """Yield the instructions that make `config` from an empty one. Some may not be expressible."""
    for variable in config.get("Env") or ():
        name, equals, value = variable.partition("=")
        yield Instruction("ENV", f"{_quote(name)}={_quote(value)}", bool(name and equals))
    for name, value in sorted((config.get("Labels") or {}).items()):
        yield Instruction("LABEL", f"{_quote(name)}={_quote(value)}", "=" not in name)
    for field, word in (("User", "USER"), ("WorkingDir", "WORKDIR"), ("StopSignal", "STOPSIGNAL")):
        if config.get(field):
            yield Instruction(word, _quote(config[field]))
    for port in sorted(config.get("ExposedPorts") or ()):
        yield Instruction("EXPOSE", port, _PORT.fullmatch(port) is not None)
    for volume in sorted(config.get("Volumes") or ()):
        yield Instruction("VOLUME", json.dumps([_quote(volume)]), bool(volume.strip()))
    for trigger in config.get("OnBuild") or ():
        # BuildKit would read a here-document from the next lines.
        yield Instruction("ONBUILD", trigger, _TRIGGER.match(trigger) is not None and "<<" not in trigger)
    # CMD comes after ENTRYPOINT, because ENTRYPOINT resets an earlier CMD.
    for field in ("Shell", "Entrypoint", "Cmd"):
        if config.get(field):
            yield Instruction(field.upper(), json.dumps(config[field]))
    yield from _make_healthcheck(config.get("Healthcheck") or {})


def _make_healthcheck(check: Mapping[str, Any]) -> Iterator[Instruction]:
    kind, *arguments = check.get("Test") or [""]
    if kind == "NONE":
        yield Instruction("HEALTHCHECK", "NONE")
        return
    times = {option: check[field] for field, option in _TIMES if check.get(field)}
    retries = check.get("Retries") or 0
    options = [f"--{option}={nanoseconds}ns" for option, nanoseconds in times.items()]
    options += [f"--retries={retries}"] if retries else []
    shell = kind == "CMD-SHELL"
    command = " ".join(arguments) if shell else json.dumps(arguments)
    if check:
        # A command line that is valid JSON would become an argv.
        line = command.strip()
        known = (shell and line != "" and not _is_json_array(line)) or (kind == "CMD" and bool(arguments))
        # The engine refuses durations below a millisecond.
        fits = retries >= 0 and all(nanoseconds >= 1_000_000 for nanoseconds in times.values())
        yield Instruction("HEALTHCHECK", " ".join((*options, "CMD", command)), known and fits)


def _is_json_array(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False
    except RecursionError:
        # The nesting limit depends on the Python version. Text that does not end like an array is never one.
        return text.startswith("[") and text.endswith("]")


def _quote(text: str) -> str:
    """Return `text` as one word of an instruction, quoted if needed."""
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace("$", "\\$").replace('"', '\\"')
    return f'"{escaped}"'
