"""The marks that all carries which a run of docker slim makes in an engine; whose they are, runs.py tells."""

from __future__ import annotations

LABEL = "docker-slim.run"
"""Label of our containers; the value is the id of the run that owns them."""
TEMPORARY = "docker-slim-run"
"""Repository under which images lie until they are proved; the tag begins with the run's id."""
