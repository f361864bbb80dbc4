"""Output files that the user names; an existing file determines how they are written.

A device, a FIFO or an open descriptor (/dev/stdout, /dev/fd/3) is written to. A symlink is followed and stays; but one
of another user in a sticky world-writable directory is refused, like with the kernel's protected_symlinks. Any other
file is written completely or not at all: to a temporary file in the same directory, which is then renamed. Errors are
OSError.
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
"""The kernel's limit: path_resolution(7)."""
STICKY_WORLD_WRITABLE = stat.S_ISVTX | stat.S_IWOTH
_DESCRIPTORS = re.compile(r"/proc/(\d+)(?:/task/\d+)?/fd")


@dataclass(frozen=True, slots=True)
class Target:
    """A name in an open directory, with all symlinks resolved; a context manager that closes the directory."""

    directory: int
    name: str
    found: os.stat_result | None
    """The status of the existing file; None when there is none."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.directory)

    @property
    def descriptor(self) -> int | None:
        """The descriptor of this process that the name stands for, or None."""
        match = _DESCRIPTORS.fullmatch(os.readlink(f"/proc/self/fd/{self.directory}"))
        return int(self.name) if match and match[1] == str(os.getpid()) and self.name.isdigit() else None

    @property
    def is_replaceable(self) -> bool:
        """Whether a new file takes the name: there is a regular file, or nothing."""
        return self.found is None or stat.S_ISREG(self.found.st_mode)

    @property
    def is_other_users(self) -> bool:
        """Whether another user has created the file in a sticky world-writable directory."""
        return self.found is not None and _is_other_users(self.found, os.fstat(self.directory))


def resolve_target(name: str) -> Target:
    """Return the target of an output file, with symlinks followed; OSError when that fails."""
    pending = [part for part in os.path.abspath(name).split("/")[::-1] if part]
    # abspath removes a trailing slash, which asks for a directory.
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
    """Return the target of a symlink, the `count`th of the lookup; OSError when it must not be followed."""
    if _is_other_users(found, os.fstat(here)):
        raise PermissionError(errno.EACCES, "the path contains a symlink of another user")
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
    """Tell whether another user has created the file in a sticky world-writable directory. See proc(5).

    This is the rule of protected_symlinks.
    """
    shared = directory.st_mode & STICKY_WORLD_WRITABLE == STICKY_WORLD_WRITABLE
    return shared and found.st_uid not in (os.geteuid(), directory.st_uid)


def check(name: str) -> None:
    """Raise OSError when it is already clear that the file cannot be written."""
    with resolve_target(name) as target:
        if target.found and stat.S_ISDIR(target.found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if target.found and stat.S_ISFIFO(target.found.st_mode) and target.is_other_users:
            raise PermissionError(errno.EACCES, "it is a FIFO of another user")
        if target.is_replaceable and not os.access(".", os.W_OK, dir_fd=target.directory):
            reason = errno.EROFS if os.fstatvfs(target.directory).f_flag & os.ST_RDONLY else errno.EACCES
            raise OSError(reason, f"{os.path.dirname(os.path.abspath(name))} is not writable")


def exists(name: str) -> bool:
    """Tell whether there is a file that would be replaced; OSError as for resolve_target()."""
    with resolve_target(name) as target:
        return target.found is not None and target.is_replaceable


@contextmanager
def open_for_writing(name: str, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a stream for the new content of `name`, which stays unchanged if writing fails.

    A new file gets `mode` without the bits of the umask; a replacement gets the mode and owner of the old file.
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
    """Open an existing target for writing; OSError when it has been exchanged, or another user has created it."""
    assert target.found is not None
    flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY
    if stat.S_ISLNK(target.found.st_mode):
        # A magic link to a file that another process has open.
        return os.open(target.name, flags, dir_fd=target.directory)
    if target.is_other_users:
        raise PermissionError(errno.EACCES, "it belongs to another user")
    descriptor = os.open(target.name, flags | os.O_NOFOLLOW, dir_fd=target.directory)
    if not os.path.samestat(os.fstat(descriptor), target.found):
        os.close(descriptor)
        raise OSError(errno.EAGAIN, "it was replaced meanwhile")
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
    """Write a whole file; OSError when that fails."""
    with open_for_writing(name, mode=mode) as stream:
        stream.write(content)


def remove(name: str) -> None:
    """Remove an output file that is written again later, if it is a regular file; OSError when that fails.

    A symlink to the file stays.
    """
    with resolve_target(name) as target:
        if target.found is not None and target.is_replaceable and not target.is_other_users:
            os.unlink(target.name, dir_fd=target.directory)
