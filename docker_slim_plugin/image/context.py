"""Write a build context: a Dockerfile, and a tar for each layer."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import output_file
from docker_slim_plugin.image.squash import make_instructions

_DOCKERFILE = "Dockerfile"
_MAX_SHOWN = 5
_OTHER_DIRECTORY = "name another directory"
_ELSEWHERE = f"{_OTHER_DIRECTORY}, or free some space there"
_MARK = "# Written by docker slim"
_NOTES = (
    "# docker build makes the same tree and configuration of this, but for what is docker's own doing: times are whole",
    "# seconds, of the extended attributes only security.capability stays, and PATH is set and comes first in Env.",
)
_GROUP_COMMENTS = {
    "base": "the distribution's own base packages",
    "runtime": "other packages that the app needs",
    "app": "files that no package owns",
    "config": "configuration",
    "shell": "busybox, for debugging: without this line the app works just the same",
}


def check_context(directory: Path) -> None:
    """Raise SlimError if it is already known that a context cannot be written to the directory."""
    try:
        there = next((path for path in (directory.absolute(), *directory.absolute().parents) if path.exists()), None)
        if there is None or not there.is_dir():
            raise SlimError(f"cannot write a context to {directory}: {there} is no directory", hint=_OTHER_DIRECTORY)
        if not os.access(there, os.W_OK):
            raise SlimError(f"cannot write a context to {directory}: {there} is not writable", hint=_OTHER_DIRECTORY)
        if directory.is_dir() and _is_foreign(directory):
            # The owner can change the content at any time, and can replace it by a symlink.
            raise SlimError(f"cannot write a context to {directory}: it is another user's", hint=_OTHER_DIRECTORY)
        if directory.is_dir() and any(directory.iterdir()) and not _is_our_dockerfile(directory / _DOCKERFILE):
            raise SlimError(f"cannot write a context to {directory}: it is not empty", hint="name a new directory")
    except OSError as error:
        raise SlimError(f"cannot write a context to {directory}: {error.strerror}", hint=_ELSEWHERE) from error


class ContextBase(NamedTuple):
    """The image in the FROM line of a Dockerfile."""

    reference: str
    config: Mapping[str, Any]


SCRATCH = ContextBase("scratch", {})


def write_context(
    directory: Path, layers: Sequence[tuple[str, Path]], config: Mapping[str, Any], base: ContextBase = SCRATCH
) -> None:
    """Write Dockerfile, .dockerignore and GROUP.tar for each layer (lowest first) into `directory`.

    An older context of ours is replaced. Raises SlimError if the directory cannot be written or has other files.
    """
    check_context(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # Another process may have created it in the meantime.
        check_context(directory)
        for group in {*_GROUP_COMMENTS} - {group for group, _ in layers}:
            (directory / f"{group}.tar").unlink(missing_ok=True)
        # Write the Dockerfile first, so that an unfinished context is still recognised as ours.
        for name, text in _make_documents([group for group, _ in layers], config, base).items():
            _write_atomically(directory / name, text)
        for group, file in layers:
            _write_atomically(directory / f"{group}.tar", file)
    except OSError as error:
        text = f"cannot write a context to {directory}: {error.strerror}"
        raise SlimError(text, hint=_ELSEWHERE) from error


def stream_context(
    out: BinaryIO, layers: Sequence[tuple[str, Path]], config: Mapping[str, Any], base: ContextBase = SCRATCH
) -> None:
    """Write the same context as a tar, for `docker build -`. Raises OSError if it cannot be written."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as tar:

        def add(name: str, size: int, content: BinaryIO) -> None:
            member = tarfile.TarInfo(name)
            member.size, member.mode = size, 0o644
            tar.addfile(member, content)

        for name, text in _make_documents([group for group, _ in layers], config, base).items():
            data = _encode(text)
            add(name, len(data), io.BytesIO(data))
        for group, file in layers:
            with open(file, "rb") as content:
                add(f"{group}.tar", file.stat().st_size, content)


def _make_documents(groups: Sequence[str], config: Mapping[str, Any], base: ContextBase) -> dict[str, str]:
    """Return the small files of a context by name."""
    names = "".join(f"!{group}.tar\n" for group in groups)
    return {
        _DOCKERFILE: "\n".join(make_dockerfile(groups, config, base)) + "\n",
        ".dockerignore": f"*\n!{_DOCKERFILE}\n{names}",
    }


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def make_dockerfile(groups: Sequence[str], config: Mapping[str, Any], base: ContextBase = SCRATCH) -> list[str]:
    """Return the lines of the Dockerfile. Settings that a Dockerfile cannot express become comments."""
    lines = [_MARK, *_NOTES, f"FROM {base.reference}"]
    for group in groups:
        lines += ["", f"# {_GROUP_COMMENTS.get(group, group)}", f"ADD {group}.tar /"]
    lines.append("")
    lines += [f"# stays, from the base image: {one!a}"[:240] for one in _inherited_settings(base.config, config)]
    lines += _reset_instructions(base.config, config)
    for instruction in make_instructions(config):
        if instruction.is_expressible:
            lines.append(instruction.line)
        else:
            # ascii(): the value comes from the image and may contain newlines or terminal escapes.
            lines.append(f"# cannot be said here: {ascii(instruction.line)[:200]}")
    return lines


def find_config_losses(config: Mapping[str, Any], base: ContextBase = SCRATCH) -> tuple[str, ...]:
    """Return a sentence for each way in which an image built from the context has another configuration."""
    inherited = _inherited_settings(base.config, config)
    inexpressible = [one.line for one in make_instructions(config) if not one.is_expressible]
    timeout = config.get("StopTimeout")
    inexpressible += (
        [f"StopTimeout {timeout}"] if timeout is not None and timeout != base.config.get("StopTimeout") else []
    )
    found = []
    if inherited:
        found.append(
            f"the Dockerfile cannot reset what its base {base.reference} sets and the image does not: "
            f"{_join_some(inherited)}; a base of docker slim layers --tag sets nothing but PATH"
        )
    if inexpressible:
        found.append(
            f"no Dockerfile can express {_join_some(inexpressible)}; --output oci=FILE writes the image with it"
        )
    return tuple(found)


def _join_some(lines: Sequence[str]) -> str:
    shown = ", ".join(ascii(line)[1:-1][:80] for line in lines[:_MAX_SHOWN])
    return f"{shown} and {len(lines) - _MAX_SHOWN} more" if len(lines) > _MAX_SHOWN else shown


def _reset_instructions(base: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """Return instructions that reset settings of the base which the slim image does not have, as far as possible."""
    resets = {"Entrypoint": "ENTRYPOINT []", "Cmd": "CMD []", "User": "USER 0", "WorkingDir": "WORKDIR /"}
    resets |= {
        "Healthcheck": "HEALTHCHECK NONE",
        "StopSignal": "STOPSIGNAL SIGTERM",
        "Shell": 'SHELL ["/bin/sh", "-c"]',
    }
    return [line for field, line in resets.items() if base.get(field) and not config.get(field)]


def _inherited_settings(base: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """Return the settings of the base image that no Dockerfile can reset."""
    names = {str(one).partition("=")[0] for one in config.get("Env") or ()}
    found = [f"ENV {one}" for one in base.get("Env") or () if str(one).partition("=")[0] not in names]
    for field, word in (("ExposedPorts", "EXPOSE"), ("Volumes", "VOLUME"), ("Labels", "LABEL")):
        mine = config.get(field) or {}
        found += [f"{word} {one}" for one in sorted(base.get(field) or {}) if one not in mine]
    # The triggers of the base run first in every build on it.
    found += [f"ONBUILD {one}" for one in base.get("OnBuild") or ()]
    if base.get("StopTimeout") is not None and config.get("StopTimeout") is None:
        found.append(f"StopTimeout {base['StopTimeout']}")
    return found


def _write_atomically(file: Path, content: str | Path) -> None:
    """Write a file of ours in one step. A symlink at its path is replaced, not followed."""
    with tempfile.NamedTemporaryFile("wb", dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
        try:
            if isinstance(content, str):
                new.write(_encode(content))
            else:
                with open(content, "rb") as source:
                    shutil.copyfileobj(source, new, 1 << 20)
            os.fchmod(new.fileno(), 0o644)
            new.flush()
            os.replace(new.name, file)
        except BaseException:
            os.unlink(new.name)
            raise


def _is_foreign(directory: Path) -> bool:
    with output_file.resolve_target(str(directory)) as there:
        return there.is_other_users


def _is_our_dockerfile(file: Path) -> bool:
    """Return whether we wrote the Dockerfile. A symlink is not ours, nor is a FIFO, whose open would block."""
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as opened:
            return opened.read(len(_MARK)) == _MARK.encode()
    except OSError:
        return False
