"""The report on a base image, and its JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from docker_slim_plugin import __version__
from docker_slim_plugin.base.dpkg_selections import UnneededGroup
from docker_slim_plugin.base.plan import DroppedKind
from docker_slim_plugin.model.image import SlimImage, SourceImage

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseReport:
    """The result of one `docker slim base`."""

    source: SourceImage
    dropped: tuple[DroppedKind, ...]
    left: tuple[DroppedKind, ...]
    """Files of other kinds that could be dropped too."""
    purged: tuple[str, ...]
    """Packages that the user asked to purge."""
    purged_size: int
    """Bytes that the purge saves in addition to the dropped files, less the size of replacements."""
    replacements: tuple[str, ...]
    """Packages that were installed in place of others. On a dry run, those that could be."""
    kept_size: int
    """Bytes of all files that stay."""
    unneeded: tuple[UnneededGroup, ...]
    """Packages that could be purged too."""
    image: SlimImage | None = None
    """None on a dry run."""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of the base. On a dry run, an estimate."""
        return self.image.size if self.image else self.kept_size

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON document."""
        image = self.image
        return {
            "SchemaVersion": SCHEMA_VERSION,
            "Version": __version__,
            "Seconds": round(self.seconds, 3),
            "Source": {"Reference": self.source.reference, "ID": self.source.id, "Size": self.source.size},
            "Image": {"Reference": image.reference, "ID": image.id, "Size": image.size} if image else None,
            "Size": self.size,
            "Dropped": [_dropped(one) for one in self.dropped],
            "Left": [_dropped(one) for one in self.left],
            "Purged": {"Packages": list(self.purged), "Bytes": self.purged_size, "Instead": list(self.replacements)},
            "Unneeded": [
                {
                    "Packages": list(group.names),
                    "Bytes": group.size,
                    "Required": group.required,
                    "Instead": list(group.replacements),
                }
                for group in self.unneeded
            ],
            "Warnings": list(self.warnings),
        }


def _dropped(one: DroppedKind) -> dict[str, Any]:
    return {"Kind": one.kind.name, "Files": one.files, "Bytes": one.size}
