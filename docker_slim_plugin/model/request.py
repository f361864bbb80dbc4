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
class Observing:
    """How the app is watched."""

    runs: int = 1
    """How often the app is run and watched; what the runs show is united."""
    watch: str = "auto"
    """auto, fanotify, inotify or off."""
    tracer: str = "auto"
    """auto, seccomp, syscall or off."""


@dataclass(frozen=True, kw_only=True)
class GivenTraces:
    """Traces that stand in the place of runs."""

    traces: tuple[str, ...] = ()
    """Files of traces to build from; with any, the app is not run to be watched."""
    environment: tuple[str, ...] = ()
    """NAME=VALUE for the variables of the traces, which keep no values; others are taken from our own environment."""
    trust: bool = False
    """Whether what the traces do on this host may be done; otherwise only the commands of `host_exec`, given again."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """What is written, and under which name."""

    tag: str = ""
    """Name of the layered image; empty: the source's name with a suffix behind its tag, -slim or -packed."""
    shell: str = ""
    """busybox, or an image of that name, to be added for debugging."""
    base: str = ""
    """Image on whose layers the layered image is written."""
    outputs: tuple[str, ...] = ("layered", "squashed")
    """layered, squashed, tar=FILE, oci=FILE, context=DIR; "-" for FILE or DIR is standard output."""
    dry_run: bool = False

    def forms(self) -> tuple[str, ...]:
        """Return the forms of images that will get a name in the engine."""
        return () if self.dry_run else tuple(form for form in self.outputs if form in ("layered", "squashed"))


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What is done with the slim images before they get their names."""

    verify: bool = True
    repair: bool = True
    """When the slim image fails, look at what it asks for, add that, and try again."""


@dataclass(frozen=True, kw_only=True)
class Request(Exercise, Observing, GivenTraces, Output, Verification):
    """One `docker slim run`, `trace`, `attach` or `build`: the records above, and what belongs to none of them."""

    image: str
    selection: Selection = field(default_factory=Selection)
    force: bool = False
    """Slim an image that is slim already, or that gets larger by it."""
    global_options: tuple[str, ...] = ()
    """Docker's own, one token each: "--host=unix:///run/docker.sock"; every docker child gets them."""

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


@dataclass(frozen=True, kw_only=True)
class PackRequest(Output):
    """One `docker slim pack`."""

    image: str
    selection: Selection
    changes: ConfigChanges = field(default_factory=ConfigChanges)
    outputs: tuple[str, ...] = ("layered",)
    pull: str = "missing"
    platform: str = ""
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


@dataclass(frozen=True, kw_only=True)
class BaseSelection:
    """What a base image goes without."""

    drop: frozenset[str]
    """Names of kinds of files."""
    locales: tuple[str, ...] = ()
    """Languages whose messages are kept."""
    purge: tuple[str, ...] = ()
    """Packages that the image's own package manager removes."""


@dataclass(frozen=True, kw_only=True)
class BaseRequest(BaseSelection):
    """One `docker slim base`."""

    image: str
    tag: str = ""
    """Empty: the source's name with "-base" behind its tag."""
    dry_run: bool = False
    global_options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LayersRequest:
    """One `docker slim layers`."""

    images: tuple[str, ...]
    least: int = 0
    """Images that must have a file for it to be in the base; 0: more than half of them."""
    tag: str = ""
    """Name of the base image to write; empty: none is written."""
    global_options: tuple[str, ...] = ()
