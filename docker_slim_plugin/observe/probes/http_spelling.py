"""The notation of a request to the app: [METHOD:][STATUS:][PORT]/PATH."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docker_slim_plugin.errors import UsageError

SPELLING = "[METHOD:][STATUS:][PORT]/PATH"
_PROBE = re.compile(
    r"(?:(?P<method>[A-Za-z]+):)?(?:(?P<status>[1-5][0-9]{2}):)?(?P<port>[0-9]{1,5})?(?P<path>/(?!/)\S*)"
)


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """A request to send to the app."""

    method: str
    port: int | None
    """Container port; None means every port that speaks HTTP."""
    path: str
    status: int | None = None
    """The expected status; None: any below 400."""
    seconds: float = 0.0
    """Seconds that the source took to answer; 0 if unknown."""
    status_only: bool = False
    """Whether only the status is compared."""

    def accepts(self, status: int) -> bool:
        """Tell whether this status is an expected one; -1 means that there was no response."""
        return 0 < status < 400 if self.status is None else status == self.status


def parse_http_probe(text: str) -> HttpProbe:
    """Parse "[METHOD:][STATUS:][PORT]/PATH", e.g. "/health", "8080/", "404:/none", "POST:401:8080/login"."""
    match = _PROBE.fullmatch(text)
    if match is None or int(match["port"] or 1) not in range(1, 65536):
        hint = f"--http {SPELLING}, e.g. POST:8080/api, or 404:/none where that is the right answer"
        raise UsageError(f"cannot read the probe {text!r}", hint=hint)
    return HttpProbe(
        (match["method"] or "GET").upper(),
        int(match["port"]) if match["port"] else None,
        match["path"],
        int(match["status"]) if match["status"] else None,
    )
