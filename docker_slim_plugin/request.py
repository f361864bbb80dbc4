"""What the user asks for; the command line makes it, the pipeline works it off."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from docker_slim_plugin.model import Selection


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """How the app is started, and what is done to it while it runs."""

    command: tuple[str, ...] = ()
    """What stands behind IMAGE."""
    docker_options: tuple[str, ...] = ()
    """Of docker create, one token each and in long form: "--env=A=b", "--init"."""
    http: tuple[str, ...] = ()
    """[METHOD:][PORT]/PATH; empty: whatever the exposed ports answer."""
    no_http: bool = False
    exec_: tuple[str, ...] = ()
    """Shell command lines to run in the container."""
    host_exec: tuple[str, ...] = ()
    """Shell command lines to run on the host while the app is up."""
    until: str = "probes"
    """probes, exit, enter, or a number of seconds."""
    timeout: float = 300.0
    """Seconds after which a run of the app is ended whatever it does."""


@dataclass(frozen=True, kw_only=True)
class Request(Exercise):
    """One `docker slim run`, `trace` or `build`."""

    image: str
    tag: str = ""
    """Name of the layered image; empty: the source's name with "-slim" behind its tag."""
    runs: int = 1
    """How often the app is run and watched; what the runs show is united."""
    traces: tuple[str, ...] = ()
    """Files of traces to build from; with any, the app is not run to be watched."""
    selection: Selection = field(default_factory=Selection)
    outputs: tuple[str, ...] = ("layered", "squashed")
    """layered, squashed, oci=FILE, context=DIR."""
    watch: str = "auto"
    """auto, fanotify, inotify or off."""
    tracer: str = "auto"
    """auto, seccomp, syscall or off."""
    verify: bool = True
    repair: bool = True
    """When the slim image fails, look at what it asks for, add that, and try again."""
    dry_run: bool = False
    force: bool = False
    """Slim an image that is slim already, or that gains nothing by it."""
    global_options: tuple[str, ...] = ()
    """Docker's own, one token each: "--host=unix:///run/docker.sock"; every docker child gets them."""

    def exercise(self) -> Exercise:
        """Return that part of the request alone."""
        return Exercise(**{one.name: getattr(self, one.name) for one in fields(Exercise)})
