"""The user's requests. The command line makes a request, and a workflow executes it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from docker_slim_plugin.model.plan import Selection


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """How the app is started, and what is done with it while it runs."""

    command: tuple[str, ...] = ()
    """The arguments after IMAGE."""
    docker_options: tuple[str, ...] = ()
    """Options of docker create, one token each and in long form: "--env=A=b", "--init"."""
    http: tuple[str, ...] = ()
    """[METHOD:][PORT]/PATH. Empty: crawl what the exposed ports answer."""
    no_http: bool = False
    exec_: tuple[str, ...] = ()
    """Shell command lines to run in the container."""
    host_exec: tuple[str, ...] = ()
    """Shell command lines to run on the host while the app runs."""
    until: str = "probes"
    """probes, exit, enter, or a number of seconds."""
    timeout: float = 300.0
    """Seconds after which a run of the app is ended in any case."""


@dataclass(frozen=True, kw_only=True)
class Request(Exercise):
    """The arguments of one `docker slim run`, `trace` or `build`."""

    image: str
    tag: str = ""
    """Name of the layered image. Empty: the source's name, with "-slim" after its tag."""
    runs: int = 1
    """How often the app is run under observation. The results are united."""
    traces: tuple[str, ...] = ()
    """Trace files to build from. If there are any, the app is not run under observation."""
    environment: tuple[str, ...] = ()
    """NAME=VALUE for variables of the traces, which contain no values. Others are taken from our own environment."""
    trust: bool = False
    """Whether all host commands of the traces may run. Otherwise only those that `host_exec` repeats."""
    selection: Selection = field(default_factory=Selection)
    shell: str = ""
    """busybox, or the name of an image that has it: the shell to add for debugging."""
    base: str = ""
    """Image on whose layers the layered image is written."""
    outputs: tuple[str, ...] = ("layered", "squashed")
    """layered, squashed, tar=FILE, oci=FILE, context=DIR. "-" for FILE or DIR is standard output."""
    watch: str = "auto"
    """auto, fanotify, inotify or off."""
    tracer: str = "auto"
    """auto, seccomp, syscall or off."""
    verify: bool = True
    repair: bool = True
    """If the slim image fails, observe what it asks for, add that, and try again."""
    dry_run: bool = False
    force: bool = False
    """Slim an image that is slim already, or that gets larger."""
    global_options: tuple[str, ...] = ()
    """Global options of docker, one token each: "--host=unix:///run/docker.sock". Every docker process gets them."""

    def forms(self) -> tuple[str, ...]:
        """Return the forms of images that get a name in the engine."""
        return () if self.dry_run else tuple(form for form in self.outputs if form in ("layered", "squashed"))

    def exercise(self) -> Exercise:
        """Return the exercise of the request."""
        return Exercise(**{one.name: getattr(self, one.name) for one in fields(Exercise)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChanges:
    """Changes to an image's configuration. None keeps the source's value."""

    cmd: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    """As in docker, a new entrypoint removes the source's command."""
    expose: tuple[str, ...] = ()
    """PORT/PROTOCOL. Replaces all ports of the source."""
    user: str | None = None
    workdir: str | None = None
    env: tuple[str, ...] = ()
    """NAME=VALUE, in addition to those of the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRequest:
    """The arguments of one `docker slim pack`."""

    image: str
    selection: Selection
    changes: ConfigChanges = field(default_factory=ConfigChanges)
    shell: str = ""
    """busybox, or the name of an image that has it: the shell to add for debugging."""
    base: str = ""
    """Image on whose layers the layered image is written."""
    tag: str = ""
    """Name of the image. Empty: the source's name, with "-packed" after its tag."""
    outputs: tuple[str, ...] = ("layered",)
    """layered, squashed, tar=FILE, oci=FILE, context=DIR. "-" for FILE or DIR is standard output."""
    pull: str = "missing"
    platform: str = ""
    dry_run: bool = False
    force: bool = False
    """Pack an image that is slim already."""
    global_options: tuple[str, ...] = ()
    """Global options of docker, one token each."""

    @property
    def docker_options(self) -> tuple[str, ...]:
        """Options that `docker run` needs to start the result."""
        return ()

    @property
    def command(self) -> tuple[str, ...]:
        return ()
