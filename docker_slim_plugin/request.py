"""What the user asks of one run; the command line makes it, the pipeline works it off."""

from __future__ import annotations

from dataclasses import dataclass, field

from docker_slim_plugin.model import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One `docker slim run`."""

    image: str
    command: tuple[str, ...] = ()
    """What stands behind IMAGE."""
    docker_options: tuple[str, ...] = ()
    """Of docker create, one token each and in long form: "--env=A=b", "--init"."""
    tag: str = ""
    """Name of the layered image; empty: the source's name with "-slim" behind its tag."""
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
    selection: Selection = field(default_factory=Selection)
    outputs: tuple[str, ...] = ("layered", "squashed")
    """layered, squashed, oci=FILE, context=DIR."""
    watch: str = "auto"
    """auto, fanotify, inotify or off."""
    tracer: str = "auto"
    """auto, seccomp, syscall or off."""
    verify: bool = True
    dry_run: bool = False
    force: bool = False
    """Slim an image that is slim already."""
    global_options: tuple[str, ...] = ()
    """Docker's own, one token each: "--host=unix:///run/docker.sock"; every docker child gets them."""
