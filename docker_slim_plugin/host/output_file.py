"""Files that the user names for us to write: what lies there already decides how.

A device, a FIFO or an open descriptor (/dev/stdout, /dev/fd/3) is written to. A symlink is followed and stays; one of
somebody else in a directory that all may write to is refused, as the kernel's protected_symlinks does. Everything else
appears whole or not at all: written beside its place, then renamed. OSError says what is wrong.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

MAX_LINKS = 40
"""As many as the kernel follows: path_resolution(7)."""
STICKY_WORLD_WRITABLE = stat.S_ISVTX | stat.S_IWOTH
_DESCRIPTORS = re.compile(r"/proc/(\d+)(?:/task/\d+)?/fd")


@dataclass(frozen=True, slots=True)
class Target:
    """A name in an open directory, no link in it left; closed by its owner."""

    directory: int
    name: str
    found: os.stat_result | None
    """What is there; None when nothing is."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.directory)

    @property
    def descriptor(self) -> int | None:
        """Our own descriptor that it stands for."""
        match = _DESCRIPTORS.fullmatch(os.readlink(f"/proc/self/fd/{self.directory}"))
        return int(self.name) if match and match[1] == str(os.getpid()) and self.name.isdigit() else None

    @property
    def is_replaceable(self) -> bool:
        """Whether a new file is to take the name: what is there is a file, or nothing."""
        return self.found is None or stat.S_ISREG(self.found.st_mode)

    @property
    def is_other_users(self) -> bool:
        """Whether somebody else has put it where all may write."""
        return self.found is not None and _is_other_users(self.found, os.fstat(self.directory))


def resolve_target(name: str) -> Target:
    """Return where a file of this name is written, links followed; OSError when it cannot be."""
    pending = [part for part in os.path.abspath(name).split("/")[::-1] if part]
    # abspath has dropped a slash at the end, which asks for a directory.
    if name.endswith("/"):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    here = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    links = 0
    try:
        while True:
            part = pending.pop() if pending else "."
            try:
                found = os.lstat(part, dir_fd=here)
            except FileNotFoundError:
                if pending:
                    raise
                found = None
            if found and stat.S_ISLNK(found.st_mode) and not (not pending and _is_descriptor_directory(here)):
                links += 1
                target = _read_link(here, part, found, links)
                pending += [one for one in target.split("/")[::-1] if one]
                here = _enter(here, "/") if target.startswith("/") else here
            elif pending:
                here = _enter(here, part)
            else:
                return Target(here, part, found)
    except BaseException:
        os.close(here)
        raise


def _read_link(here: int, part: str, found: os.stat_result, count: int) -> str:
    """Return what a link says, the `count`th on the way; OSError for one that is not to be followed."""
    if _is_other_users(found, os.fstat(here)):
        raise PermissionError(errno.EACCES, "a link of another user leads there")
    if count > MAX_LINKS:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return os.readlink(part, dir_fd=here)


def _enter(here: int, part: str) -> int:
    entered = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    os.close(here)
    return entered


def _is_descriptor_directory(directory: int) -> bool:
    return bool(_DESCRIPTORS.fullmatch(os.readlink(f"/proc/self/fd/{directory}")))


def _is_other_users(found: os.stat_result, directory: os.stat_result) -> bool:
    """Tell whether somebody else has put it into a directory where all may; proc(5), protected_symlinks."""
    shared = directory.st_mode & STICKY_WORLD_WRITABLE == STICKY_WORLD_WRITABLE
    return shared and found.st_uid not in (os.geteuid(), directory.st_uid)


def check(name: str) -> None:
    """Raise OSError where it can already be seen that a file cannot be written."""
    with resolve_target(name) as target:
        if target.found and stat.S_ISDIR(target.found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if target.found and stat.S_ISFIFO(target.found.st_mode) and target.is_other_users:
            raise PermissionError(errno.EACCES, "it is a FIFO of another user")
        if target.is_replaceable and not os.access(".", os.W_OK, dir_fd=target.directory):
            reason = errno.EROFS if os.fstatvfs(target.directory).f_flag & os.ST_RDONLY else errno.EACCES
            raise OSError(reason, f"{os.path.dirname(os.path.abspath(name))} is not writable")


def exists(name: str) -> bool:
    """Tell whether there is a file already that would be replaced; OSError as place() has it."""
    with resolve_target(name) as target:
        return target.found is not None and target.is_replaceable


@contextmanager
def open_for_writing(name: str, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a stream whose bytes are what `name` holds in the end, or nothing of it where writing fails.

    A new file gets `mode` without the umask's bits, one in the place of another that one's mode and owner.
    """
    check(name)
    with resolve_target(name) as target:
        if target.descriptor is not None:
            with open(os.dup(target.descriptor), "wb") as stream:
                yield stream
        elif not target.is_replaceable:
            with open(_open_existing(target), "wb") as stream:
                yield stream
        else:
            with _open_replacement(target, mode) as stream:
                yield stream


def _open_existing(target: Target) -> int:
    """Open what is written to as it stands; OSError when it is another thing by now, or was put there by somebody."""
    assert target.found is not None
    flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY
    if stat.S_ISLNK(target.found.st_mode):
        # The kernel's own link to a file that another process has open.
        return os.open(target.name, flags, dir_fd=target.directory)
    if target.is_other_users:
        raise PermissionError(errno.EACCES, "it is another user's")
    descriptor = os.open(target.name, flags | os.O_NOFOLLOW, dir_fd=target.directory)
    if not os.path.samestat(os.fstat(descriptor), target.found):
        os.close(descriptor)
        raise OSError(errno.EAGAIN, "something else is there meanwhile")
    return descriptor


@contextmanager
def _open_replacement(target: Target, mode: int) -> Iterator[BinaryIO]:
    temporary = f".docker-slim-{os.getpid()}-{secrets.token_hex(4)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        stream = open(os.open(temporary, flags, mode, dir_fd=target.directory), "wb")  # noqa: SIM115 (closed below)
        with closing(stream):
            yield stream
            if target.found and not target.is_other_users:
                with suppress(PermissionError):
                    os.fchown(stream.fileno(), target.found.st_uid, target.found.st_gid)
                os.fchmod(stream.fileno(), stat.S_IMODE(target.found.st_mode) & 0o777)
        os.rename(temporary, target.name, src_dir_fd=target.directory, dst_dir_fd=target.directory)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=target.directory)
        raise


def write(name: str, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file whole; OSError when that cannot be done."""
    with open_for_writing(name, mode=mode) as stream:
        stream.write(content)


def remove(name: str) -> None:
    """Remove what is written anew later, if it is a file; a link to it stays. OSError when it cannot be."""
    with resolve_target(name) as target:
        if target.found is not None and target.is_replaceable and not target.is_other_users:
            os.unlink(target.name, dir_fd=target.directory)
