"""Load a page in a headless browser of this host, and tell what it has requested from its server.

A page may build names in a script: only a browser knows them. The requests are sent again like links of the crawl, so
that they are compared. The browser itself is not needed for that.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import child_process
from docker_slim_plugin.host.privileges import NOBODY
from docker_slim_plugin.observe.probes.http import SAFE, Server
from docker_slim_plugin.observe.probes.net_log import MAX_LOG, Loaded
from docker_slim_plugin.observe.probes.readiness import Target

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "chromium": ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome-stable", "google-chrome")
}
"""Names of the programs of a browser; the first that this host has is used."""
SECONDS, VIRTUAL_SECONDS = 30.0, 10
"""Most seconds of a page; and how far the clock of the page's scripts is let go, which takes less."""
OPTIONS = (
    "--headless=new", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-default-apps",
    "--ignore-certificate-errors", "--no-pings",
)  # fmt: skip
LogReader = Callable[[bytes], tuple[Loaded, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A headless browser."""

    program: str
    """Path on this host."""
    directory: Path
    """For its profiles; other users can look names up in it."""
    read: LogReader
    """Reads a network log, net_log.read_net_log(); it may do so in another process."""

    def requests(self, target: Target, server: Server, path: str) -> tuple[Loaded, ...]:
        """Return what a page of a server requests. The URLs have the server's name in its container, localhost."""
        profile = Path(tempfile.mkdtemp(dir=self.directory))
        os.chown(profile, NOBODY, NOBODY)
        log = profile / "net-log.json"
        url = f"{'https' if server.secure else 'http'}://localhost:{server.port}{quote(path, safe=SAFE)}"
        address = target.inner.get(server.port, "127.0.0.1")
        words = [
            *OPTIONS,
            f"--host-resolver-rules=MAP localhost {f'[{address}]' if ':' in address else address}, MAP * ~NOTFOUND",
            f"--user-data-dir={profile}/data",
            f"--log-net-log={log}",
            f"--virtual-time-budget={VIRTUAL_SECONDS}000",
            "--dump-dom",
            url,
        ]
        namespace = os.open(f"/proc/{target.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            process = child_process.start(
                "observe.probes.browser_program",
                [namespace, self.program, *words],
                descriptors=[namespace],
                directory=str(profile),
            )
        finally:
            os.close(namespace)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return self.read(_read(log))


def _read(log: Path) -> bytes:
    """Return the beginning of a file that the browser wrote; b"" if it is none."""
    try:
        with open(os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(MAX_LOG)
    except OSError:
        return b""


def find_browser(name: str) -> str:
    """Return the path of a browser on this host; SlimError when there is none."""
    for program in PROGRAMS[name]:
        if found := shutil.which(program, path="/usr/local/bin:/usr/bin:/bin:/snap/bin"):
            return found
    raise SlimError(
        f"cannot find the browser {name} on this host", hint=f"apt-get install {name}, or leave --browser out"
    )
