"""The images of a local Docker Engine: look up, pull, load, import, save, tag and remove."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import requests
from docker.errors import APIError, ImageNotFound, NotFound

from docker_slim_plugin.engine import image_size
from docker_slim_plugin.engine.address import TIMEOUT
from docker_slim_plugin.engine.connection import EngineConnection
from docker_slim_plugin.engine.in_flight import Upload
from docker_slim_plugin.engine.labels import LABEL, TEMPORARY
from docker_slim_plugin.engine.platform import architecture, is_native, matches_platform
from docker_slim_plugin.engine.sdk_errors import ImageMissing, IteratorStream, disk_space_hint, translate_errors
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.image import SourceImage


@dataclass(frozen=True, slots=True)
class EngineImages(EngineConnection):
    """The images of an engine."""

    @translate_errors
    def image(self, reference: str) -> SourceImage:
        """Return the local image `reference`; SlimError when there is none."""
        try:
            found = self.api.inspect_image(reference)
        except ImageNotFound as error:
            raise ImageMissing(f"cannot find the image {reference!r}", hint=f"docker pull {reference}") from error
        except APIError as error:
            if error.status_code != requests.codes.bad_request:
                raise
            raise SlimError(
                f"cannot read {reference!r} as an image's name: {error.explanation}", hint="NAME[:TAG], lower case"
            ) from error
        history = tuple(self.api.history(found["Id"]))
        return SourceImage(
            reference=reference,
            id=found["Id"],
            digests=tuple(found.get("RepoDigests") or ()),
            tags=tuple(found.get("RepoTags") or ()),
            size=image_size.reported(found, history),
            os=found.get("Os", "linux"),
            architecture=found.get("Architecture", ""),
            variant=found.get("Variant", ""),
            created=found.get("Created", ""),
            config=found.get("Config") or {},
            layers=tuple((found.get("RootFS") or {}).get("Layers") or ()),
            history=history,
            graph=found.get("GraphDriver") or {},
        )

    def find(self, reference: str) -> SourceImage | None:
        """Return the local image `reference`, or None."""
        try:
            return self.image(reference)
        except ImageMissing:
            return None

    def source(self, reference: str, *, pull: str, platform: str, foreign: bool = False) -> SourceImage:
        """Return the image, and pull it as docker run would (`pull` is missing, always or never).

        SlimError when it is for another platform, unless it may be `foreign`.
        """
        found = self.find(reference)
        fits = found is not None and (not platform or matches_platform(found, platform))
        what = f"{reference!r} for {platform}" if platform else repr(reference)
        if pull == "always" or (pull != "never" and not fits):
            options = ["--platform", platform] if platform else []
            response = self.docker("pull", "-q", *options, reference)
            if response.returncode:
                reason = response.stderr.strip().splitlines()[-1:] or ["no reason given"]
                raise SlimError(f"cannot find the image {what} here, nor pull it: {reason[0]}", hint="docker images")
            found = None
        found = found or self.image(reference)
        if platform and not matches_platform(found, platform):
            raise SlimError(
                f"cannot find the image {what}: it is for {found.os}/{found.architecture} here",
                hint=f"docker pull --platform {platform} {reference}",
            )
        if not foreign and not is_native(found):
            native = architecture()
            raise SlimError(
                f"cannot run an image for {found.os}/{found.architecture} on {native}",
                hint=f"docker pull --platform linux/{native} {reference}, or run this on such a host",
            )
        return found

    @contextmanager
    def save_image(self, image: str) -> Iterator[BinaryIO]:
        """Yield the tar stream of `docker save` for the image with this id."""
        blocks = translate_errors(self.api.get_image)(image, chunk_size=1 << 20)
        with io.BufferedReader(IteratorStream(iter(blocks)), 1 << 20) as stream:
            yield stream

    @translate_errors
    def load(self, archive: BinaryIO) -> None:
        """Load an archive like `docker load`."""
        upload = Upload(archive)
        for response in self.in_flight.run(lambda: list(self.api.load_image(upload, quiet=True)), upload):
            if "error" in response:
                text = str(response["error"])
                raise SlimError(f"cannot load the slim image: {text}", hint=disk_space_hint(text))

    @translate_errors
    def import_tar(self, tar: BinaryIO, changes: Sequence[str] = (), *, form: str) -> None:
        """Import a tar like `docker import`, with the temporary name of `form`."""
        parameters = {"fromSrc": "-", "repo": TEMPORARY, "tag": self.temporary_tag(form), "changes": list(changes)}
        upload = Upload(tar)
        # The SDK's own import has no timeout.
        response = self.in_flight.run(
            lambda: self.api.post(
                f"{self.api.base_url}/v{self.api.api_version}/images/create",
                data=upload,
                params=parameters,
                headers={"Content-Type": "application/tar"},
                timeout=TIMEOUT,
            ),
            upload,
        )
        if not response.ok:
            raise SlimError(
                f"cannot import the slim image: {response.text.strip()}", hint=disk_space_hint(response.text)
            )
        for line in response.text.splitlines():
            if '"error"' in line:
                raise SlimError(f"cannot import the slim image: {line}", hint=disk_space_hint(line))

    def temporary_tag(self, form: str) -> str:
        return f"{self.run_id}-{form}"

    def temporary_name(self, form: str) -> str:
        """Return the name of an image until it has been verified."""
        return f"{TEMPORARY}:{self.temporary_tag(form)}"

    @translate_errors
    def tag_image(self, image: str, reference: str) -> None:
        """Tag an image; remove the previous image of that tag if it differs only in its creation time."""
        before = self.find(reference)
        repository, _, tag = reference.rpartition(":")
        self.api.tag(image, repository, tag, force=True)
        after = self.image(image)
        same = before is not None and (before.config, before.layers) == (after.config, after.layers)
        if before and same and before.id != after.id:
            # Not forced: the image may have other tags, or containers.
            with suppress(APIError):
                self.api.remove_image(before.id, force=False)

    @translate_errors
    def name_existing(self, image: str, reference: str) -> str:
        """Return a reference to the image with this id, or "" if the engine does not have it.

        It gets the name `reference`, unless it has no name at all: then it is the id, as its last name takes an image
        with it. The id is the digest of the configuration. A containerd image store has other ids, so it never has it.
        """
        found = self.find(image)
        if found is None or found.id != image:
            return ""
        if not found.tags:
            return image
        repository, _, tag = reference.rpartition(":")
        try:
            self.api.tag(image, repository, tag, force=True)
        except (ImageNotFound, NotFound):
            return ""
        return reference

    def untag(self, reference: str) -> None:
        """Remove a tag; the image is removed with its last tag."""
        try:
            self.api.remove_image(reference, noprune=False, force=True)
        except (ImageNotFound, NotFound):
            pass
        except APIError as error:
            raise SlimError(f"cannot remove {reference}: {error}", hint="docker slim prune") from error

    @translate_errors
    def image_ids(self) -> frozenset[str]:
        """Return the ids of all images."""
        return frozenset(self.api.images(quiet=True))

    @translate_errors
    def dangling_images(self, label: str = LABEL) -> list[dict[str, Any]]:
        """Return the API's records of untagged images that were committed from containers of ours.

        The engine completes a `docker commit` even if the request was interrupted.
        """
        return list(self.api.images(filters={"label": label, "dangling": True}))

    @translate_errors
    def temporary_images(self) -> list[dict[str, Any]]:
        """Return the API's records of all images with a temporary name."""
        return list(self.api.images(name=TEMPORARY))
