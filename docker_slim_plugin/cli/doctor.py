"""`docker slim doctor`: tell whether this host can do it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import typer

from docker_slim_plugin.cli import options, screen
from docker_slim_plugin.cli.session import Session, app, form_of, spelled


@app.command(cls=spelled("[OPTIONS]"), short_help="Tell whether this host can do it")
def doctor(context: typer.Context, form: options.Format = "table") -> None:
    """Tell whether this host can do it, and what to do where it cannot.

    Each thing that a run needs is tried; in the end a tiny image of its own is slimmed, and removed again.
    """
    session: Session = context.obj
    shown = form_of(form)
    session.work = lambda: _doctor(session.global_options, shown)


def _doctor(global_options: Sequence[str], form: str) -> int:
    from docker_slim_plugin.workflows.host_checks import check_host  # noqa: PLC0415

    checks = check_host(global_options)
    if all(check.ok for check in checks if check.required):
        from docker_slim_plugin.workflows.trial import run_trial  # noqa: PLC0415 (the SDK: where a run can work at all)

        checks = (*checks, run_trial(global_options))
    print(json.dumps([asdict(check) for check in checks]) if form == "json" else screen.checks(checks))  # noqa: T201
    return 1 if any(check.required and not check.ok for check in checks) else 0
