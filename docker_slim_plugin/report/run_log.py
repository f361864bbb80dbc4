"""Which process named each kept path first, when, and what had started that process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from docker_slim_plugin.engine.secrets import Secrets
from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.observation import Access, RunProcess
from docker_slim_plugin.model.plan import Reason


@dataclass(frozen=True, slots=True)
class RunLog:
    """The first access of each reason, and the processes of the run."""

    accesses: Mapping[tuple[RootPath, Reason], Access] = field(default_factory=dict)
    processes: tuple[RunProcess, ...] = ()
    """Each after its parent; numbered from 1."""

    def masked(self, secrets: Secrets) -> RunLog:
        """Return the log with all texts masked."""
        labels = {one.during: secrets.mask_command(one.during) for one in self.accesses.values()}
        return RunLog(
            {key: replace(one, during=labels[one.during]) for key, one in self.accesses.items()},
            tuple(replace(one, argv=secrets.mask_arguments(one.argv)) for one in self.processes),
        )

    def of(self, path: RootPath, reason: Reason) -> dict[str, Any]:
        """Return what is known of an access beside its reason, as fields of the report."""
        access = self.accesses.get((path, reason))
        if access is None or not access.seconds:
            return {}
        return {"Process": access.process.number, "Seconds": access.seconds, "During": access.during}

    def to_json(self) -> list[dict[str, Any]]:
        """Return the processes as the report has them."""
        return [
            {
                "Number": one.number,
                "Parent": one.parent,
                "PID": one.pid,
                "Arguments": list(one.argv),
                "Seconds": one.seconds,
            }
            for one in self.processes
        ]
