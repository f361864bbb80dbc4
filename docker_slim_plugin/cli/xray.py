"""`docker slim xray`: what an image contains, layer by layer and file by file."""

from __future__ import annotations

from typing import Annotated

import typer

from docker_slim_plugin.cli import options, outcome, screen, template
from docker_slim_plugin.cli.declare import Given, Option, command
from docker_slim_plugin.cli.pack_options import PULLING
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.request import XRAY_RULES, XrayRequest

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="Image to look into.", show_default=False)]
Files = Annotated[bool, Option("--files", "List what each layer does to each path, in place of the summary.")]
Ci = Annotated[bool, Option("--ci", "Check the image by rules; exit with status 4 if one is not met.")]
Config = Annotated[
    str, Option("--ci-config", "Read the rules from this file. Default: .dive-ci, if there is one.", "FILE")
]
Rules = Annotated[
    list[str] | None,
    Option(
        "--rule",
        "A rule of --ci, over that of the file (repeat): lowestEfficiency=0.95, highestWastedBytes=20MB, "
        "highestSecrets=0; off as a value for none.",
        "NAME=VALUE",
        read=lambda given: tuple(given or ()),
        choices=tuple(f"{name}=" for name in XRAY_RULES),
    ),
]
Pull = Annotated[str, PULLING.options["pull"]]


@command("xray", usage="[OPTIONS] IMAGE", short="Show what an image contains: layers, waste, rights, secrets")
def xray_of(
    given: Given,
    image: Image,
    files: Files = False,
    ci: Ci = False,
    ci_config: Config = "",
    rule: Rules = None,
    pull: Pull = "missing",
    form: options.Format = "table",
) -> Work:
    """Show what any image contains: what its layers add, change and delete, the bytes that they waste, duplicates.

    Also setuid files and capabilities, world-writable paths, shells, packages by size, certificates and when they end,
    and the names of files that look like secrets. Nothing of the image is run.

    \b
    docker slim xray nginx
    docker slim xray --files nginx
    docker slim xray --ci --rule highestWastedBytes=20MB app:1.2
    docker slim xray --format json nginx | jq '.Privileged'
    """  # noqa: D301
    if not ci and (ci_config or rule):
        raise UsageError("cannot use rules without --ci", hint="docker slim xray --ci ...")
    request = XrayRequest(
        image=image,
        files=files,
        ci=ci,
        config=ci_config,
        rules=tuple(rule or ()),
        pull=pull,
        global_options=given.session.global_options,
    )
    return lambda: _xray(request, form)


def _xray(request: XrayRequest, form: str) -> int:
    from docker_slim_plugin.cli import xray_tables  # noqa: PLC0415 (with the workflow: not for --help)
    from docker_slim_plugin.workflows.xray import xray  # noqa: PLC0415 (the SDK: not for --help)

    with screen.Screen(screen.Shown()) as progress:
        found = xray(request, progress)
        for warning in found.findings.warnings:
            progress.warn(warning)
        for rule in found.rules:
            if not rule.is_met:
                progress.warn(f"a gate failed: {rule.text()}")
    if form != template.TABLE:
        print(template.shown(form, found.to_json()))
    else:
        print(xray_tables.changes(found.findings) if request.files else xray_tables.summary(found))
    return 0 if found.is_met else outcome.GATE_FAILED
