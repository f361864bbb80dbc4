"""What the choosers of metadata have in common."""

from __future__ import annotations

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.kept_set import KeptSet
from docker_slim_plugin.resolve.packages.metadata.description import ContentMaker
from docker_slim_plugin.resolve.packages.metadata.presence import KeptCode
from docker_slim_plugin.resolve.packages.metadata.reasons import is_read
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.resolve.packages.path_spelling import PathSpelling


class MetadataChooser:
    """Changes a kept set so that its metadata describes the packages that are present."""

    def __init__(self, kept_set: KeptSet, packages: Packages, code: KeptCode) -> None:
        self.kept_set = kept_set
        self.packages = packages
        self.code = code
        self.spelling = PathSpelling(kept_set.rootfs)
        self.makers: dict[RootPath, ContentMaker] = {}
        """The functions that make the new contents of files."""

    def is_read(self, path: RootPath) -> bool:
        return is_read(self.kept_set.reasons.get(path, ()))
