"""What a confined image restricts, and how that was tried."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Something that a confined process must not do, tried in a container of the image."""

    name: str
    """For example "bind TCP port 61001"."""
    by: str
    """What refuses it: Landlock or seccomp."""
    control: str
    """The result without the launcher: "ok", or the name of an errno."""
    confined: str
    """The result behind the launcher."""
    is_enforceable: bool = True
    """Whether the Landlock of this kernel can refuse it."""

    @property
    def is_tried(self) -> bool:
        """Whether the control shows that the launcher alone can have refused it."""
        return self.control not in ("EACCES", "EPERM", "EROFS", "ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ENOENT")

    @property
    def is_refused(self) -> bool:
        return self.confined in ("EACCES", "EPERM")

    @property
    def has_failed(self) -> bool:
        """Whether the image does not refuse what it should."""
        return self.is_tried and self.is_enforceable and not self.is_refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """The restrictions of a confined image."""

    allowed: tuple[tuple[str, str], ...]
    """What it may still do: (kind, value), for example ("bind", "80")."""
    enforced: tuple[tuple[str, str], ...]
    """(what is restricted, by what)."""
    open: tuple[str, ...]
    """What is not restricted."""
    launcher_size: int
    """Bytes."""
    attempts: tuple[Attempt, ...] = ()
