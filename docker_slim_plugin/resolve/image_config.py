"""Find paths that the image's own configuration requires: working directory, home, and content of volumes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.environment import parse_environment
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.resolve.kept_set import Need
from docker_slim_plugin.rootfs.index import Rootfs

USERS = "/etc/passwd"
MAX_PASSWD = 1 << 20
LARGE_VOLUME = 16 << 20


def find_directories(rootfs: Rootfs, source: SourceImage) -> Iterator[Need]:
    """Yield the working directory and the home directory of the image's user."""
    working = str(source.config.get("WorkingDir") or "")
    if working.startswith("/"):
        yield Need(working, Reason(ReasonKind.CONFIG, "WorkingDir", working))
    for home in (
        parse_environment(source.config).get("HOME", ""),
        _find_home(rootfs, str(source.config.get("User") or "0")),
    ):
        if home.startswith("/"):
            yield Need(home, Reason(ReasonKind.CONFIG, "User", f"home {home}"))


def _find_home(rootfs: Rootfs, user: str) -> str:
    name = user.partition(":")[0]
    for line in rootfs.text(USERS, MAX_PASSWD).split("\n"):
        fields = line.split(":")
        if len(fields) > 5 and name in (fields[0], fields[2]):
            return fields[5]
    return ""


def has_user(rootfs: Rootfs, name: str) -> bool:
    """Return whether the image's /etc/passwd has a user of that name."""
    return any(line.startswith(f"{name}:") for line in rootfs.text(USERS, MAX_PASSWD).split("\n"))


def _is_any_below(ordered: list[str], top: str) -> bool:
    """Return whether the sorted paths contain `top` or any path below it."""
    itself, below = bisect_left(ordered, top), bisect_left(ordered, f"{top}/")
    return ordered[itself : itself + 1] == [top] or any(one.startswith(f"{top}/") for one in ordered[below : below + 1])


def find_volume_content(
    rootfs: Rootfs, source: SourceImage, accessed: Iterable[str], kept: Iterable[RootPath]
) -> tuple[list[Need], list[str]]:
    """Return the image's files below each volume that the run used, and warnings about large volumes.

    `accessed` are the paths that the run named, `kept` the paths that are kept. A new volume starts with all the
    content that the image has at its path, so the files are kept whether this run read them or not.
    """
    needs: list[Need] = []
    warnings: list[str] = []
    paths = sorted({*accessed, *kept})
    for volume in sorted(str(path) for path in source.config.get("Volumes") or ()):
        top = rootfs.find(volume) if volume.startswith("/") else None
        if top is None or top.kind is not EntryKind.DIRECTORY or top.path == "/":
            continue
        names = {volume.rstrip("/"), top.path}
        if not any(_is_any_below(paths, spelling) for spelling in names):
            continue
        entries = [entry for entry in rootfs.below(top.path) if entry.kind is not EntryKind.DIRECTORY]
        needs += [Need(entry.path, Reason(ReasonKind.CONFIG, f"VOLUME {volume}", "content")) for entry in entries]
        size = sum(entry.size for entry in entries)
        if size > LARGE_VOLUME:
            warnings.append(f"the image holds {size >> 20} MB below its volume {volume!r}, all of it kept")
    return needs, warnings
