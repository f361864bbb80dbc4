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
SHARED = stat.S_ISVTX | stat.S_IWOTH
_DESCRIPTORS = re.compile(r"/proc/(\d+)(?:/task/\d+)?/fd")


@dataclass(frozen=True, slots=True)
class Place:
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
    def is_replaced(self) -> bool:
        """Whether a new file is to take the name: what is there is a file, or nothing."""
        return self.found is None or stat.S_ISREG(self.found.st_mode)

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else has put it where all may write."""
        return self.found is not None and _is_foreign(self.found, os.fstat(self.directory))


def place(name: str) -> Place:
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
            if found and stat.S_ISLNK(found.st_mode) and not (not pending and _holds_descriptors(here)):
                links += 1
                target = _followed(here, part, found, links)
                pending += [one for one in target.split("/")[::-1] if one]
                here = _moved(here, "/") if target.startswith("/") else here
            elif pending:
                here = _moved(here, part)
            else:
                return Place(here, part, found)
    except BaseException:
        os.close(here)
        raise


def _followed(here: int, part: str, found: os.stat_result, count: int) -> str:
    """Return what a link says, the `count`th on the way; OSError for one that is not to be followed."""
    if _is_foreign(found, os.fstat(here)):
        raise PermissionError(errno.EACCES, "a link of another user leads there")
    if count > MAX_LINKS:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return os.readlink(part, dir_fd=here)


def _moved(here: int, part: str) -> int:
    there = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    os.close(here)
    return there


def _holds_descriptors(directory: int) -> bool:
    return bool(_DESCRIPTORS.fullmatch(os.readlink(f"/proc/self/fd/{directory}")))


def _is_foreign(found: os.stat_result, directory: os.stat_result) -> bool:
    """Tell whether somebody else has put it into a directory where all may; proc(5), protected_symlinks."""
    shared = directory.st_mode & SHARED == SHARED
    return shared and found.st_uid not in (os.geteuid(), directory.st_uid)


def check(name: str) -> None:
    """Raise OSError where it can already be seen that a file cannot be written."""
    with place(name) as there:
        if there.found and stat.S_ISDIR(there.found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if there.found and stat.S_ISFIFO(there.found.st_mode) and there.is_foreign:
            raise PermissionError(errno.EACCES, "it is a FIFO of another user")
        if there.is_replaced and not os.access(".", os.W_OK, dir_fd=there.directory):
            reason = errno.EROFS if os.fstatvfs(there.directory).f_flag & os.ST_RDONLY else errno.EACCES
            raise OSError(reason, f"{os.path.dirname(os.path.abspath(name))} is not writable")


def exists(name: str) -> bool:
    """Tell whether there is a file already that would be replaced; OSError as place() has it."""
    with place(name) as there:
        return there.found is not None and there.is_replaced


@contextmanager
def opened(name: str, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a stream whose bytes are what `name` holds in the end, or nothing of it where writing fails.

    A new file gets `mode` without the umask's bits, one in the place of another that one's mode and owner.
    """
    check(name)
    with place(name) as there:
        if there.descriptor is not None:
            with open(os.dup(there.descriptor), "wb") as stream:
                yield stream
        elif not there.is_replaced:
            with open(_what_was_found(there), "wb") as stream:
                yield stream
        else:
            with _beside(there, mode) as stream:
                yield stream


def _what_was_found(there: Place) -> int:
    """Open what is written to as it stands; OSError when it is another thing by now, or was put there by somebody."""
    assert there.found is not None
    flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY
    if stat.S_ISLNK(there.found.st_mode):
        # The kernel's own link to a file that another process has open.
        return os.open(there.name, flags, dir_fd=there.directory)
    if there.is_foreign:
        raise PermissionError(errno.EACCES, "it is another user's")
    descriptor = os.open(there.name, flags | os.O_NOFOLLOW, dir_fd=there.directory)
    if not os.path.samestat(os.fstat(descriptor), there.found):
        os.close(descriptor)
        raise OSError(errno.EAGAIN, "something else is there meanwhile")
    return descriptor


@contextmanager
def _beside(there: Place, mode: int) -> Iterator[BinaryIO]:
    temporary = f".docker-slim-{os.getpid()}-{secrets.token_hex(4)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        stream = open(os.open(temporary, flags, mode, dir_fd=there.directory), "wb")  # noqa: SIM115 (closed below)
        with closing(stream):
            yield stream
            if there.found and not there.is_foreign:
                with suppress(PermissionError):
                    os.fchown(stream.fileno(), there.found.st_uid, there.found.st_gid)
                os.fchmod(stream.fileno(), stat.S_IMODE(there.found.st_mode) & 0o777)
        os.rename(temporary, there.name, src_dir_fd=there.directory, dst_dir_fd=there.directory)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=there.directory)
        raise


def write(name: str, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file whole; OSError when that cannot be done."""
    with opened(name, mode=mode) as stream:
        stream.write(content)


def remove(name: str) -> None:
    """Remove what is written anew later, if it is a file; a link to it stays. OSError when it cannot be."""
    with place(name) as there:
        if there.found is not None and there.is_replaced and not there.is_foreign:
            os.unlink(there.name, dir_fd=there.directory)
