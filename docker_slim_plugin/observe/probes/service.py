"""Ask the services of a running container what their catalogue entries say.

The image's own client is run in the container, so that it is traced, kept and verified like the app. Where an entry has
exchanges, we speak a few bytes of the protocol ourselves. What fails with the source is reported, and not compared.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

from docker_slim_plugin.model.environment import search_path
from docker_slim_plugin.model.observation import SERVICE, ProbeResult
from docker_slim_plugin.model.service import ClientCommand, Exchange, Service
from docker_slim_plugin.observe.probes.exchange import Connect, exchange
from docker_slim_plugin.observe.probes.readiness import Target, child_pids, container_pids, listening
from docker_slim_plugin.observe.probes.recognition import Found, connect, connect_datagrams

MAX_OUTPUT = 64 << 10
RETRY_SECONDS, RETRY_PAUSE = 10.0, 0.3
"""A service that listens may not be ready yet: until its first success it is asked again, and in a replay for all that
the source answered.
"""
AGAIN_SECONDS = 2.0
RELOAD_SECONDS, RELOAD_TICK = 3.0, 0.01
"""Seconds that a reload is waited for at most, and between two looks."""
STABLE_SECONDS, ALONE_SECONDS = 0.05, 0.2
"""Seconds for which its workers must stay the same, and that a service without workers gets."""
MAX_SHOWN = 40
_PLACE = re.compile(r"\{([A-Za-z_]\w*|--?[A-Za-z][\w.-]*)(?::([^{}]*))?\}")
Run = Callable[[Sequence[str], Mapping[str, str]], tuple[int, str]]
"""Runs an argv in the container with additional variables; returns exit status and output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What may be asked of the services of a container."""

    services: tuple[Service, ...] = ()
    writes: bool = False
    """Whether commands may change the data of a service."""
    clients: bool = True
    """Whether the image's own clients are run, which keeps them."""
    targets: frozenset[str] | None = None
    """The targets to ask again, in a replay; None in the first run."""

    def is_wanted(self, target: str) -> bool:
        return self.targets is None or target in self.targets


@dataclass(slots=True)
class ServiceProbe:
    """Asks the services of one container."""

    target: Target
    asking: Asking
    run: Run
    has_path: Callable[[str], bool]
    send_signal: Callable[[str], None]
    deadline: float
    _programs: dict[str, bool] = field(default_factory=dict, init=False)
    """Whether the container has a program, by name: each look-up is a request to the engine."""

    def ask(self, services: Iterable[Found]) -> Iterator[ProbeResult]:
        """Ask each service; yield the results."""
        for found in services:
            end = min(self.deadline, time.monotonic() + RETRY_SECONDS)
            for name, ask in self._questions(found):
                if not self.asking.is_wanted(name):
                    continue
                result = ask(name)
                while not result.ok and time.monotonic() < end:
                    time.sleep(RETRY_PAUSE)
                    result = ask(name)
                yield result
                if self.asking.targets is None and result.ok:
                    # It is ready. What fails now may be forbidden, or the service may start once more.
                    end = min(end, time.monotonic() + AGAIN_SECONDS)

    def _questions(self, found: Found) -> Iterator[tuple[str, Callable[[str], ProbeResult]]]:
        """Yield the target of each question, and the function that asks it."""
        service = found.service
        exchanges = [one for one in service.exchanges if self.asking.writes or not one.writes]
        for port in found.ports:
            for one in (one for one in exchanges if not one.udp):
                reach = partial(connect, self.target, port)
                yield f"{service.name} port {port}: {_shown(one.send)}", partial(self._exchange, one, reach)
        for port, address in found.datagrams:
            for one in (one for one in exchanges if one.udp):
                reach = partial(connect_datagrams, self.target, address, port)
                yield f"{service.name} port {port}/udp: {_shown(one.send)}", partial(self._exchange, one, reach)
        values = _Values({**self.target.environment, "port": str(next(iter(found.ports), 0))}, found.words)
        for command in service.commands if self.asking.clients else ():
            if (self.asking.writes or not command.writes) and values.are_known(command.arguments):
                arguments = [values.fill(word) for word in command.arguments]
                environment = {name: values.fill(text) for name, text in command.environment.items()}
                environment = {name: value for name, value in environment.items() if value}
                for program in self._clients(command):
                    argv = [program, *arguments]
                    yield f"{service.name}: {' '.join(argv)}", partial(self._run_client, argv, environment)
        if service.reload and found.is_init:
            yield f"{service.name}: reload by {service.reload}", partial(self._reload, found)

    def _exchange(self, one: Exchange, reach: Connect, name: str) -> ProbeResult:
        answer = exchange(reach, one)
        if answer.matched is None:
            return ProbeResult(kind=SERVICE, target=name, ok=False, status=-1, detail=answer.problem)
        return ProbeResult(kind=SERVICE, target=name, ok=True, status=0, output=_text(answer.matched))

    def _clients(self, command: ClientCommand) -> Iterable[str]:
        """Return the client to use: the first that the image has. In a replay the target decides."""
        if self.asking.targets is not None:
            return command.programs
        return next(([name] for name in command.programs if self._has_program(name)), [])

    def _run_client(self, argv: list[str], environment: Mapping[str, str], name: str) -> ProbeResult:
        """Run a command of the image's own client."""
        status, output = self.run(argv, environment)
        detail = "" if status == 0 else f"exit status {status}: {output.strip()[-200:]}"
        return ProbeResult(
            kind=SERVICE, target=name, ok=status == 0, status=status, output=output[:MAX_OUTPUT], detail=detail
        )

    def _has_program(self, name: str) -> bool:
        if name not in self._programs:
            places = [name] if "/" in name else [f"{top}/{name}" for top in search_path(self.target.environment)]
            self._programs[name] = any(self.has_path(place) for place in places if place.startswith("/"))
        return self._programs[name]

    def _reload(self, found: Found, name: str) -> ProbeResult:
        """Let the service read its configuration again. Its status is 0 if it still listens afterwards."""
        before = child_pids(self.target.pid)
        self.send_signal(found.service.reload)
        self._wait_for_workers(before)
        is_up = set(found.ports) <= listening(container_pids(self.target.pid)) and bool(container_pids(self.target.pid))
        detail = "" if is_up else "it does not listen any more"
        return ProbeResult(kind=SERVICE, target=name, ok=is_up, status=0 if is_up else -1, detail=detail)

    def _wait_for_workers(self, before: list[int]) -> None:
        """Wait until the workers of a service that reloads stay the same, with one at least if it had any."""
        seen, since = before, time.monotonic()
        end = since + RELOAD_SECONDS
        least = STABLE_SECONDS if before else ALONE_SECONDS
        while (now := time.monotonic()) < end:
            pids = child_pids(self.target.pid)
            if pids == seen and now - since >= least and (pids or not before or not self._is_running()):
                return
            seen, since = (seen, since) if pids == seen else (pids, now)
            time.sleep(RELOAD_TICK)

    def _is_running(self) -> bool:
        return bool(container_pids(self.target.pid))


def _shown(data: bytes) -> str:
    text = _text(data.strip())
    return f"{text[: MAX_SHOWN - 3]}..." if len(text) > MAX_SHOWN else text or "greeting"


def _text(data: bytes) -> str:
    """Return bytes as printable text."""
    return ascii(data)[2:-1]


@dataclass(frozen=True, slots=True)
class _Values:
    """What stands for the placeholders of a command."""

    variables: Mapping[str, str]
    words: Sequence[str]
    """The words of the service's own command line, in which options are looked up."""

    def fill(self, text: str) -> str:
        return _PLACE.sub(lambda match: self._value(match[1]) or match[2] or "", text)

    def are_known(self, texts: Iterable[str]) -> bool:
        """Tell whether all options have a value. A variable may be empty."""
        places = (match for text in texts for match in _PLACE.finditer(text))
        return all(match[2] or self._value(match[1]) for match in places if match[1].startswith("-"))

    def _value(self, name: str) -> str:
        if not name.startswith("-"):
            return self.variables.get(name, "")
        for word, following in pairwise((*self.words, "")):
            if word == name:
                return following
            if word.startswith(f"{name}="):
                return word.removeprefix(f"{name}=")
            # -f/etc/x, but not -foreground.
            if len(name) == len("-o") and word.startswith(f"{name}/"):
                return word.removeprefix(name)
        return ""
