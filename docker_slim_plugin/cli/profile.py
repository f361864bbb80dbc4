"""`docker slim profile`: what an app may do, as files for engines."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from docker_slim_plugin.cli import options, restriction_options, screen, template
from docker_slim_plugin.cli.declare import Given, command
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.cli.text import printable, seconds, size, table
from docker_slim_plugin.model.profile import Profile
from docker_slim_plugin.model.request import ProfileRequest

if TYPE_CHECKING:
    from docker_slim_plugin.profile.report import ProfileReport


@command(
    "profile",
    *options.RUNNING,
    restriction_options.RESTRICTING,
    restriction_options.PROFILED,
    usage=options.AS_DOCKER_RUN,
    short="Restrict an app to what it does: system calls, capabilities, files, ports, IPC",
    epilog=options.DOCKERS,
)
def profile_image(
    given: Given,
    image: options.Image,
    command: options.Command = None,
    output: restriction_options.Folder = "",
    force: options.Force = False,
) -> Work:
    """Run IMAGE as docker run would, watch what it does, and write what allows that and nothing else.

    The profile is verified: the app runs under it and gives the same answers, and what it forbids is tried and fails.
    No image is written; it works for fat and slim images.

    \b
    docker slim profile nginx
    docker slim profile --syscalls strict -e MODE=prod -o app-profile app:1.2
    docker slim profile --allow write=/var/spool/app --allow cap=KILL app:1.2
    """  # noqa: D301
    from docker_slim_plugin.profile.command_line import Start  # noqa: PLC0415 (not for --help)

    folder = output or f"{Start(image=image, options=(), entrypoint=None, command=()).name}-profile"
    request = given.request(
        ProfileRequest, image=image, folder=folder, force=force, outputs=(), **options.started(given, command)
    )
    return lambda: _profile(request, given[screen.Shown])


def _profile(request: ProfileRequest, shown: screen.Shown) -> int:
    from docker_slim_plugin.workflows.profile import make_profile  # noqa: PLC0415 (the SDK and the tracer)

    with screen.Screen(shown) as progress:
        report = make_profile(request, progress)
        for warning in dict.fromkeys(report.warnings):
            progress.warn(warning)
    if shown.form != template.TABLE:
        print(template.shown(shown.form, report.to_json(), sort=True))
    else:
        print(printable(report.folder) if shown.quiet else result(report))
    return 0


def result(report: ProfileReport) -> str:
    """Return what standard output is to show."""
    profile = report.profile
    rows = [("RESTRICTED", "BEFORE", "AFTER"), *_rows(report, profile)]
    lines = [table(rows), ""]
    if report.attempts:
        tried = [("ATTEMPT", "UNCONFINED", "DEFAULT", "CONFINED", "STOPPED BY")]
        tried += [(one.name, one.control, one.default, one.confined, one.by) for one in report.attempts]
        lines += [table(tried), ""]
    lines += [f"repaired: {printable(one.added[0].name)}: {printable(one.added[0].reason)}" for one in report.repairs]
    lines += [f"not enforced: {printable(text)}" for text in report.not_enforced]
    kinds = Counter(probe.kind for probe in report.result.probes)
    asked = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "its end"
    lines.append(f"verified: same answers under the profile ({asked}); {seconds(report.seconds)}")
    lines.append(f"wrote {printable(report.folder)}: {', '.join(report.files)}")
    lines.append(f"run it: cd {printable(shlex.quote(report.folder))} && sh run.txt")
    return "\n".join(lines)


def _rows(report: ProfileReport, profile: Profile) -> list[tuple[str, str, str]]:
    rows = []
    if profile.calls is not None:
        rows.append(("system calls", str(report.default_calls), f"{len(profile.calls.names)} ({profile.calls.style})"))
    if profile.capabilities is not None:
        kept = ", ".join(one.name for one in profile.capabilities.kept) or "none"
        rows.append(("capabilities", str(len(report.evidence.capabilities)), kept))
        privileges = "on" if profile.capabilities.no_new_privileges else "off"
        rows.append(("no new privileges", "off", privileges))
    if profile.files is not None:
        places = ", ".join(f"{printable(one.path)} ({one.kind})" for one in profile.files.places) or "nothing"
        rows.append(("writable", "everything", places if profile.files.read_only else "everything"))
    if profile.network is not None:
        ports = ", ".join(f"{one.number}/{one.protocol}" for one in profile.network.ports)
        rows.append(("network", "any", ports or ("used" if profile.network.used else "none")))
        if profile.network.peers:
            peers = ", ".join(f"{printable(one.host)}:{one.port}/{one.protocol}" for one in profile.network.peers[:5])
            rows.append(("connects to", "anything", peers))
    if profile.ipc is not None:
        rows.append(("IPC", "private", profile.ipc.mode))
    rows += [
        (one.name, "no limit", size(one.value) if one.name == "memory" else str(one.value)) for one in profile.limits
    ]
    return rows
