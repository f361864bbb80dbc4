"""The options of the commands that make images and run nothing of the app: `pack` and `base`. As in options.py."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from docker_slim_plugin.base.file_kinds import DEFAULTS, KINDS, NAMES
from docker_slim_plugin.cli import values
from docker_slim_plugin.cli.declare import SHOW, Group, Option
from docker_slim_plugin.cli.options import FORMS, OUTPUT, on_base
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.request import BaseSelection, ConfigChanges, Pulling

PACK_OUTPUT = replace(OUTPUT, check=lambda given: on_base(given, ("layered",))).changed(
    {"outputs": ("layered",)},
    tag=replace(
        OUTPUT.options["tag"],
        help="Name of the image; a squashed one gets -squashed behind the tag. Default: the source's, with -packed.",
    ),
    outputs=replace(OUTPUT.options["outputs"], help=f"{FORMS} Default: layered."),
    dry_run=Option("--dry-run", "Say what would be packed; write nothing."),
)
PULLING = Group(
    SHOW,
    Pulling,
    {
        "pull": Option("--pull", "When to pull IMAGE.", "missing|always|never", choices=("missing", "always", "never")),
        "platform": Option("--platform", "Pull the image for this platform.", "OS/ARCH"),
        "force": Option("--force", "Pack from an image that is slim already."),
    },
)
CONFIG = Group(
    "Configure the image",
    ConfigChanges,
    {
        "cmd": Option(
            "--cmd",
            "The image's command, as words or as a JSON array: --cmd 'nginx -g \"daemon off;\"'. "
            "Default: the source's, as for all of the configuration.",
            "WORDS",
            read=lambda given: values.words("--cmd", given),
        ),
        "entrypoint": Option(
            "--entrypoint",
            "The image's entrypoint, likewise; the source's command goes with it.",
            "WORDS",
            read=lambda given: values.words("--entrypoint", given),
        ),
        "expose": Option(
            "--expose",
            "A port the app listens on (repeat), in place of the source's.",
            "PORT[/PROTOCOL]",
            read=values.ports,
        ),
        "user": Option("--user", "Who the app runs as.", "NAME[:GROUP]", short="-u"),
        "workdir": Option("--workdir", "Where the app starts.", "DIR", short="-w"),
        "env": Option(
            "--env",
            "Set a variable (repeat), on top of the source's.",
            "NAME=VALUE",
            short="-e",
            read=lambda given: values.variables(given, os.environ),
        ),
    },
)


def _kinds(option: str) -> Any:
    sets = {"usual": DEFAULTS, "all": NAMES}

    def read(given: Sequence[str]) -> tuple[str, ...]:
        words = tuple(kind for word in values.listed(given) for kind in sets.get(word, (word,)))
        for word in words:
            if word not in NAMES:
                hint = f"{option} {','.join(NAMES)}"
                raise UsageError(f"cannot use {option} {word}: there is no such kind", hint=hint)
        return words

    return read


DROPPING = Group(
    "Drop",
    BaseSelection,
    {
        "drop": Option(
            "--drop",
            f"Drop these kinds of files: usual (the default, all but {', '.join(sorted({*NAMES} - {*DEFAULTS}))}); "
            f"all; or: {'; '.join(f'{kind.name} ({kind.description})' for kind in KINDS)}.",
            "KIND[,KIND...]",
            read=_kinds("--drop"),
            choices=("usual", "all", *NAMES),
            is_list=True,
        ),
        "no_drop": Option(
            "--no-drop",
            "Keep these kinds of files.",
            "KIND[,KIND...]",
            read=_kinds("--no-drop"),
            choices=NAMES,
            is_list=True,
        ),
        "locales": Option(
            "--keep-locale", "Keep messages in these languages: de,pt_BR.", "LOCALE[,LOCALE...]", read=values.listed
        ),
        "purge": Option(
            "--purge",
            "Have the image's own package manager purge these packages, and no others.",
            "PACKAGE[,PACKAGE...]",
            read=values.listed,
        ),
    },
    lambda given: {
        **{name: given[name] for name in ("locales", "purge") if name in given},
        "drop": frozenset(given.get("drop") or DEFAULTS) - frozenset(given.get("no_drop", ())),
    },
)
