"""Choose the names of the images that a run writes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.image import SourceImage

# distribution/reference: an optional host, path components joined by slashes, an optional tag
_REFERENCE = re.compile(
    r"(?P<name>(?:[a-zA-Z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)(?::(?P<tag>\w[\w.-]{0,127}))?"
)
_SQUASHED, _CONFINED = "-squashed", "-confined"
_MAX_TAG = 128


@dataclass(frozen=True, slots=True)
class ImageNames:
    """NAME:TAG of each form."""

    layered: str
    squashed: str
    confined: str

    def of(self, form: str) -> str:
        return {"squashed": self.squashed, "confined": self.confined}.get(form, self.layered)


def make_names(source: SourceImage, requested: str, suffix: str = "slim") -> ImageNames:
    """Return the names for slim images of `source`: `wanted`, or REPO:TAG-SUFFIX.

    Raises UsageError if a name is not valid or is one of the source's own.
    """
    layered = _add_tag(requested or _default_name(source, suffix), _SQUASHED)
    found = ImageNames(layered, f"{layered}{_SQUASHED}", f"{layered}{_CONFINED}")
    for own in (found.layered, found.squashed, found.confined):
        _check_not_own(source, own)
    return found


def make_base_name(source: SourceImage, requested: str) -> str:
    """Return the name for a base image of `source`: `wanted`, or REPO:TAG-base.

    Raises UsageError if the name is not valid or is one of the source's own.
    """
    found = _add_tag(requested or _default_name(source, "base"))
    _check_not_own(source, found)
    return found


def _add_tag(reference: str, suffix: str = "") -> str:
    """Return NAME:TAG, with the tag "latest" if there is none.

    Raises UsageError if that, with the suffix, is not a valid name.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise UsageError(f"cannot use {reference!r} as an image's name", hint="--tag NAME[:TAG], lower case")
    name, tag = match["name"], match["tag"] or "latest"
    if len(tag) + len(suffix) > _MAX_TAG:
        raise UsageError(f"cannot use the tag {tag!r}: it is too long", hint="--tag NAME[:TAG]")
    return f"{name}:{tag}"


def _check_not_own(source: SourceImage, name: str) -> None:
    if familiar_name(name) in {*map(familiar_name, source.tags), familiar_name(_with_tag(source.reference))}:
        raise UsageError(f"cannot write to {name}: it is the source's own name", hint="--tag OTHER-NAME")


def familiar_name(name: str) -> str:
    """Return a name as docker shows it, without the host and path of Docker Hub (distribution/reference)."""
    for host in ("docker.io/", "index.docker.io/"):
        if name.startswith(host):
            return name.removeprefix(host).removeprefix("library/")
    return name


def _with_tag(reference: str) -> str:
    return reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"


def _default_name(source: SourceImage, suffix: str) -> str:
    base = source.reference.partition("@")[0]
    if familiar_name(_with_tag(base)) not in source.tags and source.id.removeprefix("sha256:").startswith(
        base.removeprefix("sha256:")
    ):
        # The user gave an id. The image may still have a name.
        base = source.tags[0] if source.tags else f"slim:{source.id.removeprefix('sha256:')[:12]}"
    return f"{_with_tag(base)}-{suffix}"
