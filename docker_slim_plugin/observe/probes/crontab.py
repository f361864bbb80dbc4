"""Read crontabs, crontab(5): the jobs, without their times.

The files come from the container, as tar archives of the engine, and are hostile: each line is read once, and lines,
jobs and archives are bounded. This runs in the sandbox process.
"""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

SYSTEM_TABLES = ("/etc/crontab", "/etc/cron.d")
"""Crontabs whose lines name a user."""
USER_TABLES = ("/var/spool/cron/crontabs", "/var/spool/cron", "/etc/crontabs")
"""Folders of crontabs that are named after their user: Debian, Red Hat, BusyBox."""
MAX_ARCHIVE = 1 << 20
"""Maximum size in bytes of the archive of a place."""
MAX_LINE, MAX_JOBS = 2000, 50
"""Maximum length of a line in characters; longer ones are ignored. Maximum number of jobs."""
USER = re.compile(r"[A-Za-z_][\w.-]{0,63}")
_VARIABLE = re.compile(r"""["']?([A-Za-z_]\w*)["']?\s*+=\s*+(.*)""", re.DOTALL)
_TIME_WORDS = 5
_OWN_NAMES = frozenset({"HOME", "LOGNAME", "MAILTO", "MAILFROM", "USER"})
"""Variables that cron sets by itself, or that say whom it writes to."""


@dataclass(frozen=True, slots=True)
class CronJob:
    """A job of a crontab."""

    user: str
    command: str
    shell: str = "/bin/sh"
    environment: dict[str, str] = field(default_factory=dict)


def read_jobs(archives: tuple[tuple[str, bytes], ...]) -> tuple[CronJob, ...]:
    """Return the distinct jobs of tar archives: (place in the container, archive of it) each.

    Places that are not among USER_TABLES are crontabs with users; except for one that is a file of another name, which
    belongs to a daemon without users (supercronic).
    """
    found: dict[tuple[str, str], CronJob] = {}
    for place, data in archives:
        for name, text in _files(data):
            user = posixpath.basename(name) if place in USER_TABLES else "" if place in SYSTEM_TABLES else "root"
            for job in parse_crontab(text, user):
                if USER.fullmatch(job.user) and len(found) < MAX_JOBS:
                    found.setdefault((job.user, job.command), job)
    return tuple(found.values())


def _files(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield name and text of the regular files of an archive, up to where it is cut off."""
    try:
        with tarfile.TarFile(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                name = posixpath.basename(member.name)
                content = tar.extractfile(member) if member.isreg() else None
                # cron ignores names with a dot: backups, and what package managers leave.
                if content is not None and "." not in name:
                    yield member.name, content.read(MAX_ARCHIVE).decode("utf-8", "replace")
    except (tarfile.TarError, OSError, ValueError, EOFError):
        return


def parse_crontab(text: str, user: str = "") -> Iterator[CronJob]:
    """Yield the jobs of a crontab but those of @reboot; without a `user`, each line names one."""
    variables: dict[str, str] = {}
    for line in _lines(text):
        match = _VARIABLE.fullmatch(line)
        if match:
            variables[match[1]] = _unquoted(match[2])
            continue
        words = line.split(maxsplit=_TIME_WORDS)
        if line.startswith("@"):
            words = line.split(maxsplit=1)
            if words[0] == "@reboot":
                continue
        elif len(words) <= _TIME_WORDS:
            continue
        rest = words[-1] if len(words) > 1 else ""
        owner, command = (user, rest) if user else [*rest.split(maxsplit=1), "", ""][:2]
        command = _until_percent(command.strip())
        if command:
            environment = {name: value for name, value in variables.items() if name not in {*_OWN_NAMES, "SHELL"}}
            yield CronJob(owner, command, variables.get("SHELL", "/bin/sh"), environment)


def _lines(text: str) -> Iterable[str]:
    lines = (line.strip() for line in text.split("\n"))
    return (line for line in lines if line and not line.startswith("#") and len(line) <= MAX_LINE)


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _until_percent(command: str) -> str:
    r"""Return a command up to its first %, after which its standard input stands; "\%" is a percent sign."""
    return command.replace("\\%", "\0").partition("%")[0].replace("\0", "%")
