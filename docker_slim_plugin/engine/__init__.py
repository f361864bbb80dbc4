"""The Docker Engine: all requests to it. No other package imports its SDK."""

from docker_slim_plugin.engine.container import INIT_LAYER, Container
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.labels import LABEL, TEMPORARY
from docker_slim_plugin.engine.platform import is_native
from docker_slim_plugin.engine.sdk_errors import translate_errors

__all__ = ["INIT_LAYER", "LABEL", "TEMPORARY", "Container", "Engine", "is_native", "translate_errors"]
