"""Background work that ends when the run is interrupted, even while it waits for the engine."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from docker_slim_plugin.engine.engine import Engine


@contextmanager
def background(engine: Engine) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of one thread.

    On an error or an interrupt, remove the run's containers, so that the thread does not wait for them any longer.
    """
    with ThreadPoolExecutor(1, "background") as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            engine.remove_containers()
            raise
