"""The label and the repository name of all objects that docker slim creates in an engine. See host/run_registry.py."""

from __future__ import annotations

LABEL = "docker-slim.run"
"""Label of our containers; the value is the id of the run that owns them."""
TEMPORARY = "docker-slim-run"
"""Repository of images that have not been verified yet; the tag begins with the run's id."""
