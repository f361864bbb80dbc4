"""Adapters for docker's SDK: its errors become SlimError with a hint, its iterators of blocks become streams."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import requests
from docker.errors import APIError, DockerException, NullResource

from docker_slim_plugin.errors import SlimError, UsageError

P = ParamSpec("P")
R = TypeVar("R")


class ImageMissing(SlimError):
    """The image does not exist locally."""


def translate_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that errors of the SDK become SlimError."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except APIError as error:
            raise SlimError(f"cannot go on: docker says: {error.explanation or error}", hint=hint_for(error)) from error
        except NullResource as error:
            raise UsageError(
                "cannot find an image or a container: the name is empty", hint="docker images; docker ps"
            ) from error
        except (DockerException, requests.RequestException) as error:
            raise SlimError(f"cannot talk to the Docker Engine: {error}", hint="docker info") from error

    return call


def hint_for(error: APIError) -> str:
    text = str(error.explanation or error).lower()
    if "no space left" in text:
        return "docker system df; then free some space where the engine keeps its data"
    if "already allocated" in text or "already in use" in text:
        return "choose another host port, or stop what uses it (docker ps; ss -ltnp)"
    if "unable to find user" in text or "unable to find group" in text:
        return "--user takes names that the image's own /etc/passwd and /etc/group have, or numbers"
    if "network" in text and "not found" in text:
        return "docker network ls"
    return "docker slim doctor"


def disk_space_hint(text: str) -> str:
    """Return a hint for an engine that could not write."""
    return "docker system df; then free some space" if "space" in text else "docker info"


class IteratorStream(io.RawIOBase):
    """An iterator of bytes as a readable stream."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = iter(blocks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = block
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
