"""Read the network log of Chromium: what a page has loaded. Runs in the sandbox process, since pages are hostile.

The log has one event on each line. Its format is not documented; a line that is not understood is passed over.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_LOG = 32 << 20
"""Bytes of a log that are read."""
MAX_LINE, MAX_LOADED = 20_000, 1000
_METHOD = re.compile(r'"method":"([A-Z]{1,10})"')
_URL = re.compile(r'"url":"((?:https?|wss?)://[^"\\\s]{1,2000})"')


class Loaded(NamedTuple):
    """A request of a page."""

    method: str
    url: str


def read_net_log(log: bytes) -> tuple[Loaded, ...]:
    """Return the distinct requests in a log, in their order."""
    found: dict[Loaded, None] = {}
    for line in log.decode("utf-8", "replace").split("\n"):
        # The beginning of a request, and no event about one that is described already.
        if len(line) > MAX_LINE or '"load_flags"' not in line:
            continue
        method, url = _METHOD.search(line), _URL.search(line)
        if method and url and len(found) < MAX_LOADED:
            found[Loaded(method[1], url[1])] = None
    return tuple(found)
