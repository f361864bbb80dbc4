"""What the user asks for. The command line makes a request, a workflow carries it out."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from docker_slim_plugin.model.plan import Selection


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
    environment: tuple[str, ...] = ()
    """NAME=VALUE for the variables of the traces, which keep no values; others are taken from our own environment."""
    trust: bool = False
    """Whether what the traces do on this host may be done; otherwise only the commands of `host_exec`, given again."""
    selection: Selection = field(default_factory=Selection)
    shell: str = ""
    """busybox, or an image of that name, to be added for debugging."""
    base: str = ""
    """Image on whose layers the layered image is written."""
    outputs: tuple[str, ...] = ("layered", "squashed")
    """layered, squashed, tar=FILE, oci=FILE, context=DIR; "-" for FILE or DIR is standard output."""
    watch: str = "auto"
    """auto, fanotify, inotify or off."""
    tracer: str = "auto"
    """auto, seccomp, syscall or off."""
    verify: bool = True
    repair: bool = True
    """When the slim image fails, look at what it asks for, add that, and try again."""
    dry_run: bool = False
    force: bool = False
    """Slim an image that is slim already, or that gets larger by it."""
    global_options: tuple[str, ...] = ()
    """Docker's own, one token each: "--host=unix:///run/docker.sock"; every docker child gets them."""

    def forms(self) -> tuple[str, ...]:
        """Return the forms of images that will get a name in the engine."""
        return () if self.dry_run else tuple(form for form in self.outputs if form in ("layered", "squashed"))

    def exercise(self) -> Exercise:
        """Return that part of the request alone."""
        return Exercise(**{one.name: getattr(self, one.name) for one in fields(Exercise)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChanges:
    """What of an image's configuration is to be other than its source's; None leaves the source's."""

    cmd: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    """As for docker, an entrypoint of one's own takes the source's command away."""
    expose: tuple[str, ...] = ()
    """PORT/PROTOCOL, in place of all the source's."""
    user: str | None = None
    workdir: str | None = None
    env: tuple[str, ...] = ()
    """NAME=VALUE, on top of the source's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRequest:
    """One `docker slim pack`."""

    image: str
    selection: Selection
    changes: ConfigChanges = field(default_factory=ConfigChanges)
    shell: str = ""
    """busybox, or an image of that name, to be added for debugging."""
    base: str = ""
    """Image on whose layers the layered image is written."""
    tag: str = ""
    """Name of the image; empty: the source's name with "-packed" behind its tag."""
    outputs: tuple[str, ...] = ("layered",)
    """layered, squashed, tar=FILE, oci=FILE, context=DIR; "-" for FILE or DIR is standard output."""
    pull: str = "missing"
    platform: str = ""
    dry_run: bool = False
    force: bool = False
    """Pack an image that is slim already."""
    global_options: tuple[str, ...] = ()
    """Docker's own, one token each."""

    @property
    def docker_options(self) -> tuple[str, ...]:
        """What `docker run` would need besides to start the result."""
        return ()

    @property
    def command(self) -> tuple[str, ...]:
        return ()
