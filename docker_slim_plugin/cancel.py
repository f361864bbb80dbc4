"""How a run is asked to stop: signals, and the socket by which docker tells its plugins (cli-plugins/socket).

The first request raises Interrupted in the main thread; later ones are only acknowledged, so that what was started
is also removed. Docker itself kills us at the third.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from docker_slim_plugin.errors import Interrupted, Overdue

SOCKET = "DOCKER_CLI_PLUGIN_SOCKET"
AGAIN_SECONDS = 0.05
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Cancel:
    """The signal handler; raises once."""

    def __init__(self) -> None:
        self.asked = False
        self._said = False
        self.overdue = ""
        """What takes too long, when that is why we stop."""

    def lost(self, what: sys.UnraisableHookArgs) -> None:
        """Ask again where a finalizer had the request: exceptions go nowhere from there (sys.unraisablehook)."""
        if isinstance(what.exc_value, Interrupted):
            self.asked = False
            timer = threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGTERM))
            timer.daemon = True
            timer.start()
        else:
            sys.__unraisablehook__(what)

    def __call__(self, number: int, _: FrameType | None) -> None:
        if self.asked:
            if number != signal.SIGALRM:
                _say(b"docker slim: still cleaning up\n")
            return
        self.asked = True
        if not self._said:
            self._said = True
            _say(b"docker slim: stopping: removing what was started ...\n")
        if number == signal.SIGALRM:
            raise Overdue(f"cannot go on: {self.overdue}")
        raise Interrupted(f"cannot go on: interrupted by {signal.Signals(number).name}")


def _say(text: bytes) -> None:
    """Say it at once, past all buffers: this is a signal handler."""
    with suppress(OSError):
        os.write(2, text)


def install() -> Cancel:
    """Handle SIGINT, SIGTERM and SIGHUP; one that our parent had us ignore (nohup) stays ignored."""
    cancel = Cancel()
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, cancel)
    signal.signal(signal.SIGALRM, cancel)
    sys.unraisablehook = cancel.lost
    return cancel


@contextmanager
def watchdog(what: str, seconds: float) -> Iterator[None]:
    """End the block when it takes longer: Overdue is raised in the main thread, whichever thread the block is in.

    Only where `install` was called; `seconds` may be infinite.
    """
    handler = signal.getsignal(signal.SIGALRM)
    if not isinstance(handler, Cancel) or seconds >= threading.TIMEOUT_MAX:
        yield
        return

    def bark() -> None:
        handler.overdue = f"{what} takes more than {seconds:.0f} s"
        # To the main thread itself: it may wait for another thread, and only a signal of its own wakes it.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)

    timer = threading.Timer(seconds, bark)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def listen(address: str) -> threading.Thread | None:
    """Take the end of docker's plugin socket at `address` as SIGTERM to ourselves; None when it cannot be reached."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Go writes the leading NUL of an abstract address as "@".
        connection.connect(f"\0{address[1:]}" if address.startswith("@") else address)
    except OSError:
        connection.close()
        return None
    thread = threading.Thread(target=_until_end, args=(connection,), name="plugin-socket", daemon=True)
    thread.start()
    return thread


def _until_end(connection: socket.socket) -> None:
    with connection:
        try:
            while connection.recv(4096):
                pass
        except ConnectionError:
            pass
    os.kill(os.getpid(), signal.SIGTERM)
