"""The options of `docker slim run` and its kin that are ours: spelling and help."""

from __future__ import annotations

from typing import Annotated

import typer

from docker_slim_plugin.resolve.presets import PRESETS

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
        metavar="[METHOD:][STATUS:][PORT]/PATH",
        help="Ask the app this while it is watched (repeat): /health, 8080/api, POST:8080/login; it has to answer "
        "below 400, or with STATUS: 404:/none, POST:401:/login. "
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
TraceEnv = Annotated[
    list[str] | None,
    typer.Option(
        "--env",
        "-e",
        metavar="NAME[=VALUE]",
        help="Value of a variable that a trace names (repeat); without it the one of this environment is taken.",
        show_default=False,
    ),
]
TraceEnvFile = Annotated[
    list[str] | None,
    typer.Option("--env-file", metavar="FILE", help="File of such values (repeat).", show_default=False),
]
HostExecAgain = Annotated[
    list[str] | None,
    typer.Option(
        "--host-exec",
        metavar="CMD",
        help="Let this command of a trace run on the host (repeat): the same text, word by word.",
        show_default=False,
    ),
]
TrustTrace = Annotated[
    bool,
    typer.Option(
        "--trust-trace",
        help="Let the traces do on this host what they say: host commands, volumes, ports, devices, rights.",
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
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", help="End a run of the app, and each step, after this long.")
]
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
        help=f"Do not keep what a run rarely shows (repeat): {', '.join(sorted(PRESETS))}.",
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
