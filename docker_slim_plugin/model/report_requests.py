"""The requests of the commands that read the stored report of a slim image: why, diff and report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WhyRequest:
    """The arguments of one `docker slim why`."""

    image: str
    paths: tuple[str, ...] = ()
    """Paths in the image, or patterns."""
    packages: tuple[str, ...] = ()
    """Packages of which all kept files are explained."""
    report: str = ""
    """File of the report. Empty: the stored one of the image."""
    global_options: tuple[str, ...] = ()
    """Global options of docker, one token each."""


@dataclass(frozen=True, kw_only=True)
class DiffRequest:
    """The arguments of one `docker slim diff`."""

    image: str
    other: str = ""
    """Another slim image. Empty: the source of the image."""
    report: str = ""
    """File of the image's report. Empty: the stored one."""
    global_options: tuple[str, ...] = ()
    """Global options of docker, one token each."""


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """The arguments of one `docker slim report`."""

    image: str
    report: str = ""
    """File of the report. Empty: the stored one of the image."""
    wants_sums: bool = False
    """Whether what is left out is wanted too, for which the source is read."""
    global_options: tuple[str, ...] = ()
    """Global options of docker, one token each."""
