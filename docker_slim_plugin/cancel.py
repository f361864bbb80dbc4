"""Requests to stop: signals, docker's plugin socket (docker/cli, cli-plugins/socket), and the limits of steps.

The first request raises Interrupted in the main thread. Later requests are acknowledged and have no other effect, so
that the cleanup is not interrupted. Docker kills a plugin at the third signal.
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
    """The signal handler. It raises once."""

    def __init__(self) -> None:
        self.request: Interrupted | None = None
        """What was raised. It decides the exit status, even if an error of the cleanup hides it."""
        self._is_reported = False
        self.overdue = ""
        """The step that takes too long, if that is the reason to stop."""

    def lost(self, what: sys.UnraisableHookArgs) -> None:
        """Repeat a request that was raised inside a finalizer, which drops exceptions (sys.unraisablehook)."""
        if isinstance(what.exc_value, Interrupted):
            self.request = None
            timer = threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGTERM))
            timer.daemon = True
            timer.start()
        else:
            sys.__unraisablehook__(what)

    def __call__(self, number: int, _: FrameType | None) -> None:
        if self.request:
            if number != signal.SIGALRM:
                _write(b"docker slim: still cleaning up\n")
            return
        if number == signal.SIGALRM:
            self.request = Overdue(f"cannot go on: {self.overdue}")
        else:
            self.request = Interrupted(f"cannot go on: interrupted by {signal.Signals(number).name}")
        if not self._is_reported:
            self._is_reported = True
            _write(b"docker slim: stopping: removing what was started ...\n")
        raise self.request


def _write(text: bytes) -> None:
    """Write to standard error without buffers, as a signal handler must."""
    with suppress(OSError):
        os.write(2, text)


def install() -> Cancel:
    """Handle SIGINT, SIGTERM and SIGHUP. A signal that is ignored already (nohup) stays ignored."""
    cancel = Cancel()
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, cancel)
    signal.signal(signal.SIGALRM, cancel)
    sys.unraisablehook = cancel.lost
    return cancel


@contextmanager
def watchdog(what: str, seconds: float) -> Iterator[None]:
    """Raise Overdue in the main thread when the block takes more than `seconds`, whichever thread runs the block.

    It has no effect before `install`. `seconds` may be infinite; `what` names the step in the error.
    """
    handler = signal.getsignal(signal.SIGALRM)
    if not isinstance(handler, Cancel) or seconds >= threading.TIMEOUT_MAX:
        yield
        return

    def expire() -> None:
        handler.overdue = f"{what} takes more than {seconds:.0f} s"
        # The main thread may wait for another thread. Only a signal to the main thread itself wakes it.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def listen(address: str) -> threading.Thread | None:
    """Send SIGTERM to this process when docker closes its plugin socket at `address`.

    Return the thread that waits; None when the socket cannot be reached.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Go writes the leading NUL of an abstract socket address as "@".
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
