"""Platforms in docker's notation: OS/ARCH[/VARIANT]."""

from __future__ import annotations

import os

from docker_slim_plugin.model.image import SourceImage

_GOARCH = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm"}


def architecture(name: str = "") -> str:
    """Return docker's name of an architecture, by default this machine's."""
    name = name or os.uname().machine
    return _GOARCH.get(name, name)


def is_native(image: SourceImage) -> bool:
    """Tell whether this machine can execute the image's programs natively."""
    native = architecture()
    return image.architecture in (native, "386" if native == "amd64" else "arm")


def matches_platform(image: SourceImage, platform: str) -> bool:
    """Tell whether the image is for a platform as in --platform: "linux/arm64", "arm64", "linux/arm/v7"."""
    parts = platform.lower().split("/")
    if len(parts) == 1:
        return image.os == parts[0] or image.architecture == architecture(parts[0])
    image_platform = (image.os, image.architecture, image.variant)
    wanted = (parts[0], architecture(parts[1]), *parts[2:3])
    return all(actual == expected or not actual for actual, expected in zip(image_platform, wanted, strict=False))
