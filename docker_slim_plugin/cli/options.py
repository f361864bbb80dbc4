"""The options of `docker slim run` that are ours: spelling, help, and what each may be."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from typing import Annotated

import typer

from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model import Selection
from docker_slim_plugin.resolve.hints import HINTS

CHOICES: dict[str, tuple[str, ...]] = {
    "--format": ("table", "json"),
    "--no-hint": tuple(sorted(HINTS)),
    "--output": ("layered", "squashed", "layered,squashed", "tar=", "oci=", "context=", "context=-"),
    "--pull": ("missing", "always", "never"),
    "--shell": ("busybox",),
    "--tracer": ("auto", "seccomp", "syscall", "off"),
    "--until": ("probes", "exit", "enter"),
    "--watch": ("auto", "fanotify", "inotify", "off"),
}
"""What an option may be, as completion offers it and the checks below hold it to."""
FILES = frozenset({"--iidfile", "--trace"})
FILE_FORMS = ("tar", "oci", "context")

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="Image to slim.", show_default=False)]
ContainerName = Annotated[
    str, typer.Argument(metavar="CONTAINER", help="Name or id of a running container.", show_default=False)
]
Command = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[COMMAND [ARG...]]", help="Run this instead of the image's own command.", show_default=False
    ),
]
Tag = Annotated[
    str,
    typer.Option(
        "--tag",
        metavar="NAME[:TAG]",
        help="Name of the layered image; the squashed one gets -squashed behind the tag. "
        "Default: the source's, with -slim.",
        show_default=False,
    ),
]
Http = Annotated[
    list[str] | None,
    typer.Option(
        "--http",
        metavar="[METHOD:][PORT]/PATH",
        help="Ask the app this while it is watched (repeat): /health, 8080/api, POST:8080/login. "
        "Default: / and the links from there, on each exposed port that speaks HTTP.",
        show_default=False,
    ),
]
NoHttp = Annotated[bool, typer.Option("--no-http", help="Send no HTTP request at all.")]
Exec = Annotated[
    list[str] | None,
    typer.Option(
        "--exec",
        metavar="CMD",
        help="Run this in the container while it is watched (repeat): --exec 'nginx -t'. "
        "Its status and output must be the same in the slim image.",
        show_default=False,
    ),
]
HostExec = Annotated[
    list[str] | None,
    typer.Option(
        "--host-exec",
        metavar="CMD",
        help="Run this on the host while the app is up (repeat): "
        "--host-exec 'curl -fs 127.0.0.1:$DOCKER_SLIM_PORT_80/login'. "
        "It also gets DOCKER_SLIM_CONTAINER and DOCKER_SLIM_IMAGE.",
        show_default=False,
    ),
]
Until = Annotated[
    str,
    typer.Option(
        "--until",
        metavar="probes|exit|enter|SECONDS",
        help="Watch until the probes are done and no new file shows, until the app ends, until you press enter, "
        "or for that long: --until 60.",
    ),
]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="End a run of the app after this long.")]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        "--keep",
        metavar="PATTERN",
        help="Keep these files too (repeat), programs with their libraries: --keep /bin/sh, --keep '/etc/app/*.conf', "
        "--keep /usr/share/app (all below it).",
        show_default=False,
    ),
]
KeepPackage = Annotated[
    list[str] | None,
    typer.Option("--keep-package", metavar="NAME", help="Keep all files of this package (repeat).", show_default=False),
]
KeepAllOf = Annotated[
    list[str] | None,
    typer.Option(
        "--keep-all-of",
        metavar="PATTERN",
        help="Where a file that matches is kept, keep all of its package, module or directory (repeat).",
        show_default=False,
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(
        "--drop", metavar="PATTERN", help="Leave these files out, whatever asks for them (repeat).", show_default=False
    ),
]
NoHint = Annotated[
    list[str] | None,
    typer.Option(
        "--no-hint",
        metavar="NAME",
        help=f"Do not keep what a run rarely shows (repeat): {', '.join(sorted(HINTS))}.",
        show_default=False,
    ),
]
Output = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        metavar="FORM[,FORM...]",
        help="What to write: layered, squashed, tar=FILE, oci=FILE, context=DIR (a Dockerfile and its tars); "
        "- for FILE or DIR is standard output. Default: layered,squashed.",
        show_default=False,
    ),
]
Base = Annotated[
    str,
    typer.Option(
        "--base",
        metavar="IMAGE",
        help="Write the layered image on top of this local image's own layers, which many images then share; "
        "what it holds bit for bit is not repeated. Output is then layered alone, unless said otherwise.",
        show_default=False,
    ),
]
Shell = Annotated[
    str,
    typer.Option(
        "--shell",
        metavar="busybox[:TAG]",
        help="Add a shell and tools for debugging, in a layer of their own, over nothing of the app's; "
        "from an image of that name, else this host's static busybox.",
        show_default=False,
    ),
]
Watch = Annotated[
    str, typer.Option("--watch", metavar="auto|fanotify|inotify|off", help="How file accesses are watched.")
]
Tracer = Annotated[
    str, typer.Option("--tracer", metavar="auto|seccomp|syscall|off", help="Which system calls the app is stopped at.")
]
NoVerify = Annotated[bool, typer.Option("--no-verify", help="Do not run the slim images to compare them.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Watch and report; write no image.")]
Force = Annotated[bool, typer.Option("--force", help="Slim an image that is slim already.")]
Runs = Annotated[
    int,
    typer.Option(
        "--runs", metavar="N", help="Run and watch the app N times, and unite what the runs show; says what differs."
    ),
]
NoRepair = Annotated[
    bool,
    typer.Option("--no-repair", help="When a slim image fails, do not look for what it lacks to write it anew."),
]
Traces = Annotated[
    list[str] | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        help="Build from this trace (repeat: from all of them together), made by docker slim trace or attach.",
        show_default=False,
    ),
]
TraceOutput = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write the trace to FILE, instead of standard output.",
        show_default=False,
    ),
]
Format = Annotated[str, typer.Option("--format", metavar="table|json", help="How the result is printed.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the slim image's id.")]
IidFile = Annotated[
    str, typer.Option("--iidfile", metavar="FILE", help="Write the slim image's id to this file.", show_default=False)
]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="Say more, and where the time went. (-v is docker's --volume.)")
]


def chosen(option: str, value: str) -> str:
    """Return `value` if `option` may be that; UsageError otherwise."""
    if value not in CHOICES[option]:
        raise UsageError(f"cannot use {option} {value}", hint=f"{option} {'|'.join(CHOICES[option])}")
    return value


def until(value: str) -> str:
    """Return when to stop watching: a word, or a positive number of seconds."""
    if value in CHOICES["--until"]:
        return value
    if not re.fullmatch(r"\d+(\.\d+)?", value, re.ASCII) or float(value) <= 0:
        raise UsageError(f"cannot use --until {value}", hint="--until probes|exit|enter|SECONDS")
    return value


def shell(value: str) -> str:
    """Return what --shell names: busybox, or an image called that."""
    if value and not re.fullmatch(r"(?:[a-z0-9._:-]+/)*busybox(?::[\w.-]+)?", value):
        raise UsageError(f"cannot add {value} as a shell", hint="--shell busybox, or --shell busybox:TAG")
    return value


def selection(
    keep: list[str] | None,
    keep_package: list[str] | None,
    keep_all_of: list[str] | None,
    drop: list[str] | None,
    no_hint: list[str] | None,
) -> Selection:
    """Return what the user asks to keep and to drop."""
    return Selection(
        keep=tuple(keep or ()),
        keep_packages=tuple(keep_package or ()),
        keep_all_of=tuple(keep_all_of or ()),
        drop=tuple(drop or ()),
        hints_off=frozenset(chosen("--no-hint", hint) for hint in no_hint or ()),
    )


def requests(http: list[str] | None, no_http: bool) -> tuple[str, ...]:  # noqa: FBT001
    """Return the HTTP requests that are asked for; UsageError where there are to be none at all."""
    if no_http and http:
        raise UsageError("cannot use --http and --no-http together", hint="leave one of them out")
    return tuple(http or ())


def timeout(seconds: float) -> float:
    """Return the seconds if they are more than none."""
    if seconds <= 0:
        raise UsageError(f"cannot use --timeout {seconds:g}", hint="--timeout SECONDS, more than 0")
    return seconds


def runs(number: int) -> int:
    """Return how often the app is to run, if that is at least once."""
    if number not in range(1, 101):
        raise UsageError(f"cannot use --runs {number}", hint="--runs N, from 1 to 100")
    return number


def iidfile(name: str) -> str:
    """Return the file's name if one can be written there."""
    if name and not os.path.isdir(os.path.dirname(name) or "."):
        raise UsageError(f"cannot write {name}: there is no such directory", hint="make the directory first")
    return name


def outputs(values: list[str] | None, default: str = "layered,squashed") -> tuple[str, ...]:
    """Return the forms to write; commas and repetition both separate them."""
    forms = tuple(form for value in values or (default,) for form in value.split(",") if form)
    for form in forms:
        name, _, target = form.partition("=")
        if name not in ("layered", "squashed", *FILE_FORMS) or bool(target) != (name in FILE_FORMS):
            raise UsageError(f"cannot write {form}", hint="--output layered,squashed,tar=FILE,oci=FILE,context=DIR")
    return tuple(dict.fromkeys(forms))


def on_base(forms: tuple[str, ...], base: str, given: list[str] | None) -> tuple[str, ...]:
    """Return what is to be written when there may be a base: only layers can lie on layers."""
    if not base:
        return forms
    if given and "squashed" in forms:
        hint = "--output layered, or leave --base out"
        raise UsageError("cannot squash an image on a base: it would share nothing any more", hint=hint)
    return tuple(form for form in forms if form != "squashed")


def words(option: str, value: str | None) -> tuple[str, ...] | None:
    """Return a command given as a JSON array, or as words with a shell's quotes; no shell will read it."""
    if value is None:
        return None
    try:
        if value.lstrip().startswith("["):
            found = json.loads(value)
            if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
                raise ValueError("not an array of strings")  # noqa: TRY301
            return tuple(found)
        return tuple(shlex.split(value))
    except ValueError as error:
        hint = f"""{option} 'nginx -g "daemon off;"', or {option} '["nginx","-g","daemon off;"]'"""
        raise UsageError(f"cannot read {option} {value!r}: {error}", hint=hint) from error


def ports(values: list[str] | None) -> tuple[str, ...]:
    """Return the ports of --expose as PORT/PROTOCOL, ranges spelled out."""
    found: list[str] = []
    for value in values or ():
        match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", value.lower(), re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if match is None or not 1 <= first <= last < 1 << 16:
            raise UsageError(f"cannot use --expose {value}", hint="--expose 80, --expose 53/udp, --expose 8000-8010")
        found += [f"{port}/{match[3] or 'tcp'}" for port in range(first, last + 1)]
    return tuple(dict.fromkeys(found))


def variables(values: list[str] | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return NAME=VALUE of each --env; a name alone takes the value that it has here, as docker run does."""
    found: list[str] = []
    for value in values or ():
        name, equals, _ = value.partition("=")
        if not name:
            raise UsageError(f"cannot use --env {value}", hint="--env NAME=VALUE")
        if equals:
            found.append(value)
        elif name in environment:
            found.append(f"{name}={environment[name]}")
    return tuple(found)
