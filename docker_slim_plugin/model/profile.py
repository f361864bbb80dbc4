"""A profile: what an app may do, each item with its reason. Nothing else is allowed to it."""

from __future__ import annotations

from dataclasses import dataclass

from docker_slim_plugin.model.entry import RootPath


@dataclass(frozen=True, slots=True)
class Allowed:
    """One thing that is allowed."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Removed:
    """System calls of Docker's default list that are taken away."""

    group: str
    description: str
    calls: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemCalls:
    """The system calls, by names of libseccomp."""

    style: str
    """balanced or strict."""
    allowed: tuple[Allowed, ...]
    removed: tuple[Removed, ...]
    families: tuple[Allowed, ...]
    """Domains of socket(2) by number, as text."""
    abis: tuple[str, ...]
    """ABIs beside the machine's own: x86, x32 or arm."""
    namespaces: bool
    """Whether clone(2) may create namespaces."""
    clone3: bool
    """Whether clone3(2) is allowed. Otherwise it fails with ENOSYS, and the C library uses clone(2)."""
    personalities: bool
    log_only: bool = False

    @property
    def names(self) -> frozenset[str]:
        return frozenset(one.name for one in self.allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The capabilities, without CAP_."""

    kept: tuple[Allowed, ...]
    kubernetes: tuple[Allowed, ...] = ()
    """Those that only an engine with net.ipv4.ip_unprivileged_port_start=1024 needs, as Kubernetes has."""
    dropped: tuple[Allowed, ...] = ()
    """Those of the original run that were guessed, and that a run did not need."""
    no_new_privileges: bool = True
    gains: tuple[str, ...] = ()
    """Programs that gain privileges when they are executed: the reason for no_new_privileges to be off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A directory that is writable."""

    path: RootPath
    kind: str
    """tmpfs, volume (data that may have to last), or copied (a volume, for the image's own files there)."""
    reason: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o755
    size: int = 64 << 20
    """Bytes of a tmpfs."""
    executes: bool = False
    """Whether programs are started from it."""
    has_files: bool = False
    """Whether the image has files of its own there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The writable places."""

    read_only: bool
    places: tuple[Place, ...] = ()
    ignored: tuple[Allowed, ...] = ()
    """Paths that the run wrote, and that it does not need."""
    reason: str = ""
    """Why the root file system is not read-only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port of the container."""

    number: int
    protocol: str
    """tcp or udp."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What the app connects to."""

    family: str
    host: str
    port: int
    protocol: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The use of the network."""

    used: bool
    ports: tuple[Port, ...] = ()
    peers: tuple[Peer, ...] = ()
    given: str = ""
    """The user's --network."""
    lowest: int = 1 << 16
    """The lowest port that is bound, on loopback too; 65536 if none is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device that the app opens."""

    path: str
    ioctls: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipc:
    """The use of shared memory, queues, sockets and signals between processes."""

    used: tuple[Allowed, ...]
    """Kinds: sysv-shm, sysv-sem, sysv-msg, mqueue, shm (files in /dev/shm), and imports."""
    shm_size: int = 0
    """Bytes of /dev/shm; 0: docker's default."""
    sockets: tuple[Allowed, ...] = ()
    """Abstract names and paths of AF_UNIX."""
    signals: tuple[Allowed, ...] = ()

    @property
    def mode(self) -> str:
        return "private" if self.used else "none"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of a resource."""

    name: str
    """memory (bytes), pids (processes and threads) or nofile (descriptors of a process)."""
    value: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What an app may do."""

    image: str
    architecture: str
    """As of uname(2)."""
    calls: SystemCalls | None
    """None, as for the others: not restricted."""
    capabilities: Capabilities | None
    files: Files | None
    network: Network | None
    devices: tuple[Device, ...]
    ipc: Ipc | None
    limits: tuple[Limit, ...] = ()
    """Only those that the user asked for."""
