"""Requests to the engine that an interrupt cuts off."""

import io
import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from docker_slim_plugin.engine import in_flight
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.in_flight import InFlight, Upload
from docker_slim_plugin.host import run_registry


class Interrupt(BaseException):
    pass


def interrupt_in(seconds: float) -> None:
    """Raise Interrupt in the main thread after `seconds`, like a signal handler."""

    def raise_it(*_: object) -> None:
        raise Interrupt

    signal.signal(signal.SIGUSR1, raise_it)
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGUSR1)).start()


def test_a_result_is_returned_and_no_longer_pending() -> None:
    flights = InFlight()
    assert flights.run(lambda: 3) == 3
    assert flights.pending == []


def test_an_error_is_raised_in_the_calling_thread() -> None:
    flights = InFlight()
    with pytest.raises(ZeroDivisionError):
        flights.run(lambda: 1 // 0)
    assert flights.pending == []


def test_an_interrupt_waits_for_the_response() -> None:
    flights, made = InFlight(), []

    def ask() -> None:
        time.sleep(0.4)
        made.append(1)

    interrupt_in(0.1)
    with pytest.raises(Interrupt):
        flights.run(ask)
    assert made == [1]
    assert flights.pending == []


def test_a_request_without_a_response_stays_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    flights, end = InFlight(), threading.Event()
    monkeypatch.setattr(in_flight, "INTERRUPT_SECONDS", 0.2)
    interrupt_in(0.1)
    with pytest.raises(Interrupt):
        flights.run(lambda: end.wait(30))
    assert len(flights.pending) == 1
    end.set()


def test_an_upload_is_aborted() -> None:
    flights, upload = InFlight(), Upload(io.BytesIO(bytes(1000)))
    sent = 0

    def send() -> None:
        nonlocal sent
        while block := upload.read(1):
            sent += len(block)
            time.sleep(0.01)

    interrupt_in(0.2)
    with pytest.raises(Interrupt):
        flights.run(send, upload)
    assert 0 < sent < 1000
    assert flights.pending == []


def test_an_upload_is_a_file_of_known_size() -> None:
    upload = Upload(io.BytesIO(b"abc"))
    assert (len(upload), upload.read(2), upload.read()) == (3, b"ab", b"c")


class SlowApi:
    """An engine's API that needs some time to create a container."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.there: list[str] = []

    def create_host_config(self, **_: object) -> dict[str, object]:
        return {}

    def create_container(self, *_: object, **__: object) -> dict[str, str]:
        time.sleep(self.seconds)
        self.there.append("late")
        return {"Id": "late"}

    def containers(self, **_: object) -> list[dict[str, Any]]:
        return [{"Id": name} for name in self.there]

    def images(self, **_: object) -> list[dict[str, Any]]:
        return []

    def remove_container(self, name: str, **_: object) -> None:
        self.there.remove(name)


@pytest.mark.parametrize(("seconds", "is_known"), [(0.5, False), (1.5, True)])
def test_a_run_with_a_pending_request_stays_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, is_known: bool
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(in_flight, "INTERRUPT_SECONDS", 0.8)
    api = SlowApi(seconds)
    engine = Engine(SimpleNamespace(api=api), "unix:///nowhere")
    interrupt_in(0.2)
    with pytest.raises(Interrupt), engine.cleanup(), engine.created_container("image", ["-"]):
        pass
    assert api.there == []
    assert run_registry.registered_runs() == ((engine.run_id,) if is_known else ())


def test_an_error_without_requests_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    engine = Engine(SimpleNamespace(api=SlowApi(60)), "unix:///nowhere")
    with pytest.raises(ValueError, match="x"), engine.cleanup():
        raise ValueError("x")
    assert run_registry.registered_runs() == ()
