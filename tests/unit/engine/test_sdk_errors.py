"""Errors of the SDK as errors that a user can act on."""

from __future__ import annotations

import docker
import pytest

from docker_slim_plugin.engine.sdk_errors import translate_errors
from docker_slim_plugin.errors import UsageError


@pytest.mark.parametrize("look_up", ["inspect_image", "inspect_container"])
def test_an_empty_name_is_not_the_fault_of_the_engine(look_up: str) -> None:
    # The SDK refuses the name before it connects.
    api = docker.APIClient(base_url="unix:///nonexistent.sock", version="1.41")
    with pytest.raises(UsageError, match="the name is empty"):
        translate_errors(getattr(api, look_up))("")
