"""Work beside other work: threads that end when a run is interrupted, though they wait for the engine."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from docker_slim_plugin.engine import Engine


@contextmanager
def background(engine: Engine) -> Iterator[ThreadPoolExecutor]:
    """Yield a thread for work beside ours; when we fail or are interrupted, its containers go, and so it ends."""
    with ThreadPoolExecutor(1, "beside") as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            engine.remove_containers()
            raise
