"""The options of all commands, each declared once: spelling, help, choices and check.

The type and the default of an option are those of its field in model/request.py. Those of the commands that run
nothing are in pack_options.py, those that restrict what an app may do in restriction_options.py.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated, Any

import typer

from docker_slim_plugin.cli import template, values
from docker_slim_plugin.cli.declare import Given, Group, Option
from docker_slim_plugin.cli.screen import Shown
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.plan import LEVELS, Selection
from docker_slim_plugin.model.request import (
    BROWSERS,
    DOCUMENT_FORMS,
    ENGINE_FORMS,
    Exercise,
    GivenTraces,
    Observing,
    Output,
    Verification,
)
from docker_slim_plugin.resolve.app_level.rules import RULES
from docker_slim_plugin.resolve.presets import PRESETS

AS_DOCKER_RUN = "[OPTIONS] IMAGE [COMMAND [ARG...]]"
DOCKERS = "All options of docker run are taken as well, before IMAGE, and mean the same: docker run --help."


def _exercise(given: dict[str, Any]) -> dict[str, Any]:
    if given.get("no_http") and given.get("http"):
        raise UsageError("cannot use --http and --no-http together", hint="leave one of them out")
    return given


EXERCISE = Group(
    "Start and exercise the app",
    Exercise,
    {
        "http": Option(
            "--http",
            "Send this request to the app (repeat): /health, 8080/api, POST:8080/login. The answer must be below 400, "
            "or as STATUS says: 404:/none, POST:401:/login. Default: / and the links from there, on each exposed port "
            "that speaks HTTP.",
            "[METHOD:][STATUS:][PORT]/PATH",
        ),
        "no_http": Option("--no-http", "Send no HTTP request."),
        "http_forms": Option("--http-forms", "Submit the forms of the pages that are requested, filled with examples."),
        "exec_": Option(
            "--exec",
            "Run this in the container (repeat): --exec 'nginx -t'. Its status and output must be the same in the slim "
            "image.",
            "CMD",
        ),
        "host_exec": Option(
            "--host-exec",
            "Run this on the host while the app is up (repeat): "
            "--host-exec 'curl -fs 127.0.0.1:$DOCKER_SLIM_PORT_80/login'. "
            "It also gets DOCKER_SLIM_CONTAINER and DOCKER_SLIM_IMAGE.",
            "CMD",
        ),
        "no_services": Option("--no-services", "Do not ask services that are known (databases, mail, logins ...)."),
        "service": Option(
            "--service",
            "Know more services (repeat): a file or a folder with catalogues (docs/services.md).",
            "FILE",
        ),
        "allow_writes": Option(
            "--allow-writes",
            "Let services that are asked write their data even with -v, --network or --link.",
        ),
        "run_cron": Option(
            "--run-cron",
            "Run each job of a cron daemon once even with -v, --network or --link, and with the network. Without such "
            "options they run once, without a network.",
        ),
        "no_other_starts": Option(
            "--no-other-starts",
            "Do not start the app in other ways as well: with --help (--version), with empty volumes.",
        ),
        "until": Option(
            "--until",
            "Watch until the probes are done and no new file shows (probes), until the app ends (exit), until you "
            "press enter, or for that long: --until 60.",
            "probes|exit|enter|SECONDS",
            read=values.until,
            choices=values.UNTIL,
        ),
        "timeout": Option(
            "--timeout", "End a run of the app, and each step, after this long.", "SECONDS", read=values.timeout
        ),
    },
    _exercise,
)
OBSERVING = Group(
    "Observe",
    Observing,
    {
        "runs": Option("--runs", "Run and watch the app N times, and unite what the runs show.", "N", read=values.runs),
        "watch": Option(
            "--watch",
            "How file accesses are watched.",
            "auto|fanotify|inotify|off",
            choices=("auto", "fanotify", "inotify", "off"),
        ),
        "tracer": Option(
            "--tracer",
            "At which system calls the app is stopped.",
            "auto|seccomp|syscall|off",
            choices=("auto", "seccomp", "syscall", "off"),
        ),
        "browser": Option(
            "--browser",
            "Load some pages of each HTTP port in this headless browser of the host as well, and request what it "
            "requests.",
            "none|chromium",
            choices=BROWSERS,
        ),
    },
)


def _with_env_files(given: dict[str, Any]) -> dict[str, Any]:
    """Unite the variables of files and of the command line; later ones win."""
    variables = (*given.pop("env_file", ()), *given.get("environment", ()))
    return {**given, "environment": values.variables(variables, os.environ)}


TRACES = Group(
    "Traces",
    GivenTraces,
    {
        "traces": Option(
            "--trace",
            "Build from this trace, made by docker slim trace or attach (repeat: from all of them together).",
            "FILE",
        ),
        "environment": Option(
            "--env",
            "Value of a variable that a trace names (repeat); without it the one of this environment is taken.",
            "NAME[=VALUE]",
            short="-e",
        ),
        "env_file": Option("--env-file", "File of such values (repeat).", "FILE", read=values.env_files),
        "trust": Option(
            "--trust-trace",
            "Let the traces do on this host what they say: host commands, volumes, ports, devices, rights.",
        ),
    },
    _with_env_files,
)
HOST_EXEC_AGAIN = Group(
    TRACES.title,
    Exercise,
    {
        "host_exec": Option(
            "--host-exec", "Let this command of a trace run on the host (repeat): the same text, word by word.", "CMD"
        )
    },
)
KEEPING = Group(
    "Keep and drop files",
    Selection,
    {
        "level": Option(
            "--level",
            "What is kept beside what the run showed: nothing (exact), what the app can ask for next (app), whole "
            "packages (package).",
            "exact|app|package",
            choices=LEVELS,
        ),
        "keep": Option(
            "--keep",
            "Keep these files too (repeat), programs with their libraries: --keep /bin/sh, "
            "--keep '/etc/app/*.conf', --keep /usr/share/app (all below it).",
            "PATTERN",
        ),
        "keep_packages": Option("--keep-package", "Keep all files of this package (repeat).", "NAME"),
        "keep_all_of": Option(
            "--keep-all-of",
            "Where a file that matches is kept, keep all of its package, module or directory (repeat).",
            "PATTERN",
        ),
        "drop": Option("--drop", "Leave these files out, whatever needs them (repeat).", "PATTERN"),
        "hints_off": Option(
            "--no-hint",
            f"Do not keep what a run rarely shows (repeat): {', '.join(sorted({*PRESETS, *RULES}))}.",
            "NAME",
            choices=tuple(sorted({*PRESETS, *RULES})),
        ),
    },
    lambda given: {**given, "hints_off": frozenset(given.get("hints_off", ()))},
)


def on_base(given: dict[str, Any], images: tuple[str, ...] = ENGINE_FORMS) -> dict[str, Any]:
    """Take the squashed form out where there is a base: only layers can lie on layers.

    `images` are the forms that are written where only documents are named.
    """
    given = values.check_documents(given, ("layered",) if given.get("base") else images)
    if not given.get("base"):
        return given
    if "squashed" in given.get("outputs", ()):
        hint = "--output layered, or leave --base out"
        raise UsageError("cannot squash an image on a base: it would share nothing any more", hint=hint)
    return {"outputs": ("layered",), **given}


DOCUMENTS = tuple(f"{form}=" for form in DOCUMENT_FORMS)
FORMS = (
    "What to write: layered, squashed, tar=FILE, oci=FILE, context=DIR (a Dockerfile and its tars); about the image, "
    "and beside it: sbom=FILE (its packages, as CycloneDX JSON), spdx=FILE (as SPDX JSON), vex=FILE (as OpenVEX, "
    "vulnerabilities of --vex-for that it does not have); - for FILE or DIR is standard output."
)
OUTPUT = Group(
    "Write",
    Output,
    {
        "tag": Option(
            "--tag",
            "Name of the layered image; the squashed one gets -squashed behind the tag. Default: the source's, with "
            "-slim.",
            "NAME[:TAG]",
        ),
        "outputs": Option(
            "--output",
            f"{FORMS} Default: layered,squashed.",
            "FORM[,FORM...]",
            read=values.outputs,
            choices=("layered", "squashed", "layered,squashed", "tar=", "oci=", "context=", "context=-", *DOCUMENTS),
        ),
        "vex_for": Option(
            "--vex-for",
            "Vulnerabilities of IMAGE, for --output vex=FILE: the JSON report of grype or trivy about it, or lines of "
            "a name and a package URL.",
            "FILE",
            read=values.input_file,
        ),
        "base": Option(
            "--base",
            "Write the layered image on top of this local image's own layers, which many images then share; what it "
            "holds bit for bit is not repeated. Output is then layered alone, unless said otherwise.",
            "IMAGE",
        ),
        "shell": Option(
            "--shell",
            "Add a shell and tools for debugging, in a layer of their own, over nothing of the app's; from an image of "
            "that name, else this host's static busybox.",
            "busybox[:TAG]",
            read=values.shell,
            choices=("busybox",),
        ),
        "dry_run": Option("--dry-run", "Watch and report; write no image."),
    },
    on_base,
)
VERIFICATION = Group(
    "Verify",
    Verification,
    {
        "verify": Option("--no-verify", "Do not run the slim images to compare them.", negates=True),
        "repair": Option(
            "--no-repair", "When a slim image fails, do not look for what it lacks to write it anew.", negates=True
        ),
        "fail_on_warning": Option(
            "--fail-on-warning", "Exit with status 4 if there is a warning. The images are made all the same."
        ),
        "fail_over": Option(
            "--fail-over",
            "Exit with status 4 if a slim image is larger: --fail-over 50MB.",
            "SIZE",
            read=values.size_limit,
        ),
        "fail_if_larger_than": Option(
            "--fail-if-larger-than", "Exit with status 4 if a slim image is larger than this one.", "IMAGE"
        ),
        "baseline": Option(
            "--baseline",
            "Exit with status 4 if there are new files, packages or setuid programs since this earlier report.",
            "FILE",
        ),
        "junit": Option(
            "--junit", "Write what was verified and which gates failed as JUnit XML.", "FILE", read=values.file
        ),
    },
)
SHOWING = Group(
    "Show",
    Shown,
    {
        "form": Option(
            "--format",
            "How the result is printed.",
            "table|json|TEMPLATE",
            read=template.check,
            choices=("table", "json"),
        ),
        "quiet": Option("--quiet", "Print only the slim image's id.", short="-q"),
        "iidfile": Option("--iidfile", "Write the slim image's id to this file.", "FILE", read=values.file),
        "verbose": Option("--verbose", "Say more, and where the time went. (-v is docker's --volume.)"),
    },
)
OBSERVED = SHOWING.without("form", "iidfile").changed(
    quiet=replace(SHOWING.options["quiet"], help="Print no progress.")
)
"""Of the commands that write traces."""
RUNNING = (EXERCISE, OBSERVING)
"""The groups of the commands that run an app under observation."""
SLIMMING = (KEEPING.changed({"level": "app"}), OUTPUT, VERIFICATION, SHOWING)
"""The groups of the commands that write slim images of an app, and try them."""
Image = Annotated[str, typer.Argument(metavar="IMAGE", help="Image to slim.", show_default=False)]
SlimImage = Annotated[str, typer.Argument(metavar="IMAGE", help="A slim image.", show_default=False)]
StoredReport = Annotated[
    str, Option("--report", "Read this report in place of the one that is stored for the image.", "FILE")
]
Command = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[COMMAND [ARG...]]", help="Run this instead of the image's own command.", show_default=False
    ),
]
Force = Annotated[
    bool,
    Option(
        "--force",
        "Slim an image that is slim already, or that gets larger; take a name from an image of others.",
    ),
]
TraceFile = Annotated[
    str, Option("--output", "Write the trace to FILE, instead of standard output.", "FILE", short="-o")
]
Format = Annotated[str, SHOWING.options["form"]]


def started(given: Given, command: list[str] | None) -> dict[str, tuple[str, ...]]:
    """Return the fields of an Exercise that stand around IMAGE: docker's options and the command."""
    return {"command": tuple(command or ()), "docker_options": given.session.arguments.docker}
