"""The options that restrict what an app may do: `--confine` of `run`, and those of `profile`. As in options.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from docker_slim_plugin.cli import values
from docker_slim_plugin.cli.declare import Group, Option
from docker_slim_plugin.cli.options import FORMS, OUTPUT, SHOWING, SLIMMING
from docker_slim_plugin.model.request import ALLOWED_KINDS, LIMITS, STYLES, Confining, Restrictions

RUN_OUTPUT = OUTPUT.changed(
    outputs=replace(
        OUTPUT.options["outputs"],
        help=f"{FORMS} Or confined: as --confine. Default: layered,squashed.",
        read=values.confinable_outputs,
        choices=(*OUTPUT.options["outputs"].choices, "confined", "layered,confined"),
    ),
)
"""Of `run`, where the app's uses can be recorded."""
CONFINING = Group(
    OUTPUT.title,
    Confining,
    {
        "confine": Option(
            "--confine",
            "Write a third image as well, whose app may only do what the run showed: its ports, the places that it "
            "writes, its kinds of sockets and IPC. It is the layered one with -confined behind the tag. Its entrypoint "
            "is a launcher, which restricts itself (Landlock, seccomp) before it starts the app.",
        ),
        "confine_require": Option(
            "--confine-require",
            "The same (also --confine=require), but the image does not start on a kernel without Landlock or seccomp. "
            "Otherwise it says so, and starts.",
        ),
        "confine_allow": Option(
            "--allow",
            "Let the confined app do this too (repeat): write below a path, bind or connect to a TCP port, use UDP.",
            "write=PATH|bind=PORT|connect=PORT|udp",
            read=values.confined_allowed,
        ),
        "confine_deny": Option(
            "--deny",
            "Refuse UDP to the confined app, although its programs can look up host names.",
            "udp",
            choices=("udp",),
        ),
    },
)
CONFINABLE = (SLIMMING[0], RUN_OUTPUT, CONFINING, *SLIMMING[2:])
"""The same for `run`."""
RESTRICTING = Group(
    "Restrict",
    Restrictions,
    {
        "style": Option(
            "--syscalls",
            "Which system calls are allowed: docker's default without what few apps need (balanced), or only what the "
            "run and the import tables show (strict).",
            "balanced|strict",
            choices=STYLES,
        ),
        "log_only": Option("--log-only", "Log system calls that are not allowed, and let them go on: for a trial."),
        "allow": Option(
            "--allow",
            "Allow this as well (repeat): call=NAME, cap=NAME, write=/DIRECTORY, port=NUMBER[/udp].",
            "KIND=VALUE",
            choices=tuple(f"{kind}=" for kind in ALLOWED_KINDS),
            read=values.allowed,
        ),
        "no_syscalls": Option("--no-syscalls", "Do not restrict system calls: no seccomp profile of its own."),
        "no_capabilities": Option("--no-capabilities", "Do not restrict capabilities."),
        "no_read_only": Option("--no-read-only", "Leave the root file system writable."),
        "no_network": Option("--no-network", "Do not restrict the network."),
        "no_ipc": Option("--no-ipc", "Do not restrict shared memory and queues."),
        "limits": Option(
            "--limits",
            "Limit these resources to twice what the app used at most: memory, processes and threads, descriptors.",
            "memory|pids|nofile[,...]",
            choices=LIMITS,
            is_list=True,
            read=lambda given: values.chosen("--limits", given, LIMITS),
        ),
        "no_attempts": Option("--no-attempts", "Do not show by attempts that what is restricted fails."),
    },
)
PROFILED = SHOWING.without("iidfile").changed(
    quiet=replace(SHOWING.options["quiet"], help="Print only the folder of the profile.")
)
"""Of the command that writes a profile."""
Folder = Annotated[
    str,
    Option("--output", "Write the profile to this folder. Default: NAME-profile.", "FOLDER", short="-o"),
]
ProfileFolder = Annotated[
    str,
    Option(
        "--profile",
        "Also write a profile of the slim image to this folder, as docker slim profile does; the app then stops at "
        "every system call.",
        "FOLDER",
    ),
]
