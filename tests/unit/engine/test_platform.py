"""The meaning of --platform."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docker_slim_plugin.engine.platform import matches_platform
from tests.observed import IMAGE


@pytest.mark.parametrize(
    ("platform", "fits"),
    [
        ("linux/arm64", True),
        ("linux/arm64/v8", True),
        ("linux/arm64/v9", False),
        ("linux/aarch64", True),
        ("arm64", True),
        ("linux", True),
        ("linux/amd64", False),
        ("windows/arm64", False),
        ("x86_64", False),
    ],
)
def test_an_image_suits_a_platform(platform: str, *, fits: bool) -> None:
    assert matches_platform(replace(IMAGE, architecture="arm64", variant="v8"), platform) is fits


def test_an_image_without_a_variant_suits_any() -> None:
    assert matches_platform(replace(IMAGE, architecture="arm64"), "linux/arm64/v8")
