"""Which metadata goes into the image, and what is left of each file of it.

Twice asked: first to choose, when it is known which files are kept; then for the contents, when the directories and all
metadata are there, too: lists name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.kept_set import Ledger
from docker_slim_plugin.resolve.packages.metadata import dpkg, rpm
from docker_slim_plugin.resolve.packages.metadata.description import Content
from docker_slim_plugin.resolve.packages.metadata.distribution import Database
from docker_slim_plugin.resolve.packages.metadata.file_content import Texts
from docker_slim_plugin.resolve.packages.metadata.languages import Languages
from docker_slim_plugin.resolve.packages.metadata.presence import Code
from docker_slim_plugin.resolve.packages.metadata.reasons import CUT, PACKAGES
from docker_slim_plugin.resolve.packages.ownership import Packages


@dataclass(frozen=True, slots=True)
class Choice:
    """What metadata is in, and how its files are made."""

    made: Mapping[RootPath, Content] = field(default_factory=dict)
    """In the order in which they are made."""
    database: frozenset[RootPath] = frozenset()
    """Files of the distribution's own package database."""
    gone: frozenset[RootPath] = frozenset()
    """Directories that would name a package that is not in."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def choose(ledger: Ledger, packages: Packages, texts: Texts) -> Choice:
    """Keep the metadata of what is in, and of nothing else."""
    code = Code(ledger.rootfs, packages, ledger.reasons)
    languages = Languages(ledger, packages, code, texts)
    languages.choose()
    database = Database(ledger, packages, code)
    database.choose()
    return Choice(
        made={**languages.made, **database.made},
        database=frozenset(database.database),
        gone=frozenset(languages.gone),
        warnings=tuple(database.warnings),
        notes=tuple(languages.notes),
    )


def contents(ledger: Ledger, choice: Choice, texts: Texts) -> tuple[dict[RootPath, bytes], tuple[str, ...]]:
    """Return the content of the files that are not as they were, and warnings."""
    found: dict[RootPath, bytes] = {}
    warnings: list[str] = []
    for path, make in choice.made.items():
        # The one file that holds a whole database is the largest by far.
        limit = rpm.MAX_BYTES if path in choice.database and not path.startswith(f"{dpkg.INFO}/") else 0
        before = texts.read(path, limit) if path in ledger.reasons else None
        if before is None:
            continue
        try:
            content = make(before, found)
        except rpm.ERRORS as error:
            warnings.append(f"the package database cannot be filtered ({error}): it is kept whole")
            continue
        if content == before:
            continue
        if not content and path.endswith(dpkg.NEEDLESS) and set(ledger.reasons[path]) == {PACKAGES}:
            del ledger.reasons[path]
            continue
        found[path] = content
        ledger.keep(path, CUT)
    return found, (*warnings, *texts.warnings())
