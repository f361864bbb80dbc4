"""The user's requests. The command line makes a request, and a workflow executes it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from docker_slim_plugin.model.plan import Selection

ENGINE_FORMS = ("layered", "squashed")
"""Forms of --output that are images in the engine."""
CONFINED = "confined"
"""The form of --output that is the layered image with a launcher, which restricts the app."""
BROWSERS = ("none", "chromium")
"""Browsers of the host that load pages as well."""
STYLES = ("balanced", "strict")
"""How a profile chooses system calls."""
LIMITS = ("memory", "pids", "nofile")
ALLOWED_KINDS = ("call", "cap", "write", "port")
"""What a profile can be told to allow: --allow KIND=VALUE."""
DOCUMENT_FORMS = ("sbom", "spdx", "vex")
"""Forms of --output that are documents about the image, written to a file or standard output."""
FILE_FORMS = ("tar", "oci", "context", *DOCUMENT_FORMS)
"""Forms of --output that are written to a file, a directory, or standard output."""


XRAY_RULES = (
    "lowestEfficiency",
    "highestWastedBytes",
    "highestUserWastedPercent",
    "highestSize",
    "highestDuplicateBytes",
    "highestPrivileged",
    "highestWorldWritable",
    "highestShells",
    "highestSecrets",
    "lowestCertificateDays",
)
"""The rules of `docker slim xray --ci`."""


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
    http_forms: bool = False
    """Whether the forms of crawled pages are submitted."""
    exec_: tuple[str, ...] = ()
    """Shell command lines to run in the container."""
    host_exec: tuple[str, ...] = ()
    """Shell command lines to run on the host while the app runs."""
    no_services: bool = False
    service: tuple[str, ...] = ()
    """Files or folders with catalogues of services, in addition to ours."""
    allow_writes: bool = False
    """Whether services may be asked to write although they use data of the host or of another container."""
    run_cron: bool = False
    """Whether jobs of cron run although they can reach data or a network of the host or of another container."""
    no_other_starts: bool = False
    """Whether the app is started only as the request says: not with --help, nor with empty volumes as well."""
    until: str = "probes"
    """probes, exit, enter, or a number of seconds."""
    timeout: float = 300.0
    """Seconds after which a run of the app is ended in any case."""


@dataclass(frozen=True, kw_only=True)
class Observing:
    """How the app is watched."""

    runs: int = 1
    """How often the app is run under observation. The results are united."""
    watch: str = "auto"
    """auto, fanotify, inotify or off."""
    tracer: str = "auto"
    """auto, seccomp, syscall or off."""
    browser: str = "none"
    """none or chromium: the headless browser that loads the first pages as well."""
    record_calls: bool = False
    """Whether the system calls are recorded, at which the app then stops."""


@dataclass(frozen=True, kw_only=True)
class GivenTraces:
    """Traces that replace runs of the app."""

    traces: tuple[str, ...] = ()
    """Trace files to build from. If there are any, the app is not run under observation."""
    environment: tuple[str, ...] = ()
    """NAME=VALUE for variables of the traces, which contain no values. Others are taken from our own environment."""
    trust: bool = False
    """Whether all host commands of the traces may run. Otherwise only those that `host_exec` repeats."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """What is written, and its name."""

    tag: str = ""
    """Name of the layered image. Empty: the source's name, with "-slim" or "-packed" after its tag."""
    shell: str = ""
    """busybox, or the name of an image that has it: the shell to add for debugging."""
    base: str = ""
    """Image on whose layers the layered image is written."""
    outputs: tuple[str, ...] = ENGINE_FORMS
    """layered, squashed, tar=FILE, oci=FILE, context=DIR, sbom=FILE, spdx=FILE, vex=FILE. "-" for FILE or DIR is
    standard output."""
    vex_for: str = ""
    """File with the vulnerabilities of the source about which vex=FILE makes statements."""
    dry_run: bool = False

    def forms(self) -> tuple[str, ...]:
        """Return the forms of images that get a name in the engine."""
        return () if self.dry_run else tuple(form for form in self.outputs if form in (*ENGINE_FORMS, CONFINED))


@dataclass(frozen=True, kw_only=True)
class Confining:
    """What a confined image allows beside what the run used."""

    confine: bool = False
    confine_require: bool = False
    """Whether a confined image does not start on a kernel that cannot restrict it."""
    confine_allow: tuple[str, ...] = ()
    """write=PATH, bind=PORT, connect=PORT or udp."""
    confine_deny: tuple[str, ...] = ()
    """udp."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How the slim images are checked before they get their names."""

    verify: bool = True
    repair: bool = True
    """If the slim image fails, observe what it asks for, add that, and try again."""
    fail_on_warning: bool = False
    """Whether a warning makes the exit status 4. The images are made all the same."""
    fail_over: str = ""
    """Size that no slim image may exceed, like "50MB". Empty: any."""
    fail_if_larger_than: str = ""
    """Image that the slim images may not exceed in size. Empty: any."""
    baseline: str = ""
    """File of an earlier report: what is new since then is a failed gate. Empty: none."""
    junit: str = ""
    """File for the results as JUnit XML. Empty: none."""


@dataclass(frozen=True, kw_only=True)
class Request(Exercise, Observing, GivenTraces, Output, Confining, Verification):
    """The arguments of one `docker slim run`, `trace`, `attach` or `build`: the records above, and a few more."""

    image: str
    selection: Selection = field(default_factory=Selection)
    force: bool = False
    """Slim an image that is slim already, or that gets larger."""
    profile: str = ""
    """Folder for a profile of the slim image; empty: none is made."""
    line: tuple[str, ...] = ()
    """The command line, without values of variables; for the report."""
    global_options: tuple[str, ...] = ()
    """Global options of docker, one token each: "--host=unix:///run/docker.sock". Every docker process gets them."""

    def exercise(self) -> Exercise:
        """Return the exercise of the request."""
        return Exercise(**{one.name: getattr(self, one.name) for one in fields(Exercise)})


@dataclass(frozen=True, kw_only=True)
class Restrictions:
    """What a profile restricts."""

    style: str = "balanced"
    """balanced or strict: how the system calls are chosen."""
    log_only: bool = False
    """Whether system calls that are not allowed are logged, and not refused."""
    allow: tuple[str, ...] = ()
    """call=NAME, cap=NAME, write=DIRECTORY, port=NUMBER[/udp]: allowed beside what is seen."""
    no_syscalls: bool = False
    no_capabilities: bool = False
    no_read_only: bool = False
    no_network: bool = False
    no_ipc: bool = False
    no_attempts: bool = False
    """Whether the attempts that the profile must stop are left out."""
    limits: tuple[str, ...] = ()
    """Of LIMITS: resources that are limited to a multiple of what the app used at most."""


@dataclass(frozen=True, kw_only=True)
class ProfileRequest(Request, Restrictions):
    """The arguments of one `docker slim profile`."""

    folder: str
    """Where the profile is written."""


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


@dataclass(frozen=True, kw_only=True)
class Pulling:
    """Which image is read."""

    pull: str = "missing"
    """missing, always or never: when the image is pulled."""
    platform: str = ""
    """OS/ARCH of the image that is pulled."""
    force: bool = False
    """Pack an image that is slim already; take the new name from another image."""


@dataclass(frozen=True, kw_only=True)
class PackRequest(Output, Pulling):
    """The arguments of one `docker slim pack`."""

    image: str
    selection: Selection
    changes: ConfigChanges = field(default_factory=ConfigChanges)
    outputs: tuple[str, ...] = ("layered",)
    line: tuple[str, ...] = ()
    """The command line, without values of variables; for the report."""
    global_options: tuple[str, ...] = ()
    """Global options of docker, one token each."""

    @property
    def docker_options(self) -> tuple[str, ...]:
        """Options that `docker run` needs to start the result."""
        return ()

    @property
    def command(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, kw_only=True)
class XrayRequest:
    """The arguments of one `docker slim xray`."""

    image: str
    files: bool = False
    """Whether the paths of each layer are listed."""
    ci: bool = False
    """Whether the rules decide about the exit status."""
    config: str = ""
    """File of the rules. Empty: the usual one, if it exists."""
    rules: tuple[str, ...] = ()
    """NAME=VALUE, in addition to the file."""
    pull: str = "missing"
    global_options: tuple[str, ...] = ()
    """Global options of docker, one token each."""


@dataclass(frozen=True, kw_only=True)
class BaseSelection:
    """What a base image leaves out."""

    drop: frozenset[str]
    """Names of the kinds of files to drop."""
    locales: tuple[str, ...] = ()
    """Locales to keep."""
    purge: tuple[str, ...] = ()
    """Packages that the image's own package manager removes."""


@dataclass(frozen=True, kw_only=True)
class BaseRequest(BaseSelection):
    """The arguments of one `docker slim base`."""

    image: str
    tag: str = ""
    """Name of the base. Empty: the source's name, with "-base" after its tag."""
    dry_run: bool = False
    global_options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SquashRequest(Pulling):
    """The arguments of one `docker slim squash`."""

    image: str
    tag: str = ""
    """Name of the image that is written. Empty: the source's name, with "-squashed" after its tag."""
    above: str = ""
    """Diff id of the highest layer that stays, or the number of the highest layers that are squashed. Empty: all."""
    base: str = ""
    """Image whose layers stay. Empty: none."""
    global_options: tuple[str, ...] = ()
    """Global options of docker, one token each."""


@dataclass(frozen=True, kw_only=True)
class LayersRequest:
    """The arguments of one `docker slim layers`."""

    images: tuple[str, ...]
    least: int = 0
    """Number of images that must have a file for it to be in the base. 0: more than half of them."""
    tag: str = ""
    """Name of the base image to write. Empty: none is written."""
    global_options: tuple[str, ...] = ()
