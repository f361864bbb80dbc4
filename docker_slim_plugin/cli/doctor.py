"""`docker slim doctor`: tell whether this host can do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from docker_slim_plugin.cli import options, screen, template
from docker_slim_plugin.cli.declare import Given, command
from docker_slim_plugin.cli.session import Work


@command("doctor", usage="[OPTIONS]", short="Tell whether this host can do it")
def doctor(given: Given, form: options.Format = "table") -> Work:
    """Tell whether this host can do it, and what to do where it cannot.

    Each thing that a run needs is tried; in the end a tiny image of its own is slimmed, and removed again.
    """
    return lambda: _doctor(given.session.global_options, form)


def _doctor(global_options: Sequence[str], form: str) -> int:
    from docker_slim_plugin.workflows.host_checks import check_host  # noqa: PLC0415

    checks = check_host(global_options)
    if all(check.ok for check in checks if check.required):
        from docker_slim_plugin.workflows.trial import run_trial  # noqa: PLC0415 (the SDK: where a run can work at all)

        checks = (*checks, run_trial(global_options))
    print(
        template.shown(form, [asdict(check) for check in checks]) if form != template.TABLE else screen.checks(checks)
    )
    return 1 if any(check.required and not check.ok for check in checks) else 0
