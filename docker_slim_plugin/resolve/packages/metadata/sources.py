"""What the metadata of language packages is found in."""

from __future__ import annotations

from dataclasses import dataclass

from docker_slim_plugin.resolve.packages.metadata.file_content import MetadataReader
from docker_slim_plugin.resolve.packages.metadata.presence import KeptCode
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.rootfs.index import Rootfs


@dataclass(frozen=True, slots=True)
class Sources:
    """The image, the distribution packages that own its files, and the files that are kept of it."""

    rootfs: Rootfs
    packages: Packages
    code: KeptCode
    metadata_reader: MetadataReader
