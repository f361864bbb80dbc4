"""The report of a run: what was observed, kept and verified, and its JSON form.

The JSON form is a stable interface: docs/report-schema.json. SCHEMA_VERSION changes if a field changes its meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from docker_slim_plugin import __version__
from docker_slim_plugin.engine.secrets import Secrets
from docker_slim_plugin.model.confinement import Confinement
from docker_slim_plugin.model.image import SlimImage, SourceImage
from docker_slim_plugin.model.observation import AccessKind, Observations, ProbeResult
from docker_slim_plugin.model.plan import FilePlan, KeptEntry, ReasonKind
from docker_slim_plugin.model.verdict import Verdict
from docker_slim_plugin.report.run_log import RunLog

SCHEMA_VERSION = 1
MAX_PROGRAMS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One round in which the slim image lacked files."""

    because: tuple[str, ...]
    """Differences in its behaviour from the source."""
    added: tuple[str, ...]
    """Paths that it asked for, that the source has, and that the source's run had not named."""

    def sentence(self) -> str:
        """Return a sentence about the repair, for the user."""
        names = ", ".join(map(repr, self.added[:3])) + (" ..." if len(self.added) > 3 else "")
        return f"repaired: {len(self.added)} paths added that only the slim image asked for ({names})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of one `docker slim run`."""

    source: SourceImage
    observations: Observations
    plan: FilePlan
    images: tuple[SlimImage, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    repairs: tuple[Repair, ...] = ()
    confinement: Confinement | None = None
    """Set if the confined form was made."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    phases: tuple[tuple[str, float], ...] = ()
    """Duration of each step: (step, seconds), in order. Steps may overlap."""
    outputs: tuple[str, ...] = ()
    """Files and directories that were written beside the images."""
    failed_gates: tuple[str, ...] = ()
    """Conditions of the user that the images do not meet, as sentences."""
    run_log: RunLog = field(default_factory=RunLog)
    """Which process named each kept path first, and when."""
    command: tuple[str, ...] = ()
    """The command line that made it, without values of variables."""
    file: str = ""
    """Path of the full report."""

    @property
    def passed(self) -> bool:
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def kept_files(self) -> int:
        return len(self.plan.files())

    def redact(self, secrets: Secrets) -> Report:
        """Return the report without secret values that the run was given, as it may be shown and saved.

        What is a secret in one command line is masked in all texts.
        """
        secrets = secrets.with_arguments((self.command, *(one.argv for one in self.run_log.processes)))

        def redact_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(map(secrets.mask_command, texts))

        def redact_verdict(one: Verdict) -> Verdict:
            return replace(
                one,
                behaviour=redact_texts(one.behaviour),
                number_differences=redact_texts(one.number_differences),
                warnings=redact_texts(one.warnings),
            )

        result = self.observations.result
        probes = tuple(replace(probe, target=secrets.mask_command(probe.target)) for probe in result.probes)
        return replace(
            self,
            observations=replace(self.observations, result=replace(result, probes=probes)),
            run_log=self.run_log.masked(secrets),
            command=secrets.mask_arguments(self.command),
            warnings=redact_texts(self.warnings),
            notes=redact_texts(self.notes),
            verdicts=tuple(map(redact_verdict, self.verdicts)),
            repairs=tuple(replace(one, because=redact_texts(one.because)) for one in self.repairs),
        )

    def to_json(self, *, files: bool = False) -> dict[str, Any]:
        """Return the report as a JSON document. With `files`, it has every kept path with its reasons."""
        document: dict[str, Any] = {
            "SchemaVersion": SCHEMA_VERSION,
            "Version": __version__,
            "Passed": self.passed,
            "Command": list(self.command),
            "Seconds": round(self.seconds, 3),
            "Phases": [{"Name": name, "Seconds": round(seconds, 3)} for name, seconds in self.phases],
            "Source": {
                "Reference": self.source.reference,
                "ID": self.source.id,
                "Size": self.source.size,
                "Layers": len(self.source.layers),
                "Files": self.plan.total_files,
            },
            "Images": [_image(image, self.source) for image in self.images],
            "Outputs": list(self.outputs),
            "Observed": {
                "Mode": self.observations.mode,
                "Watch": self.observations.watch,
                "Events": self.observations.events,
                "Lost": self.observations.lost,
                "Paths": len({access.path for access in self.observations.accesses}),
                "Executed": _executed_programs(self.plan)[:MAX_PROGRAMS],
                "ExitStatus": self.observations.result.exit_status,
                "StopStatus": self.observations.result.stop_status,
                "Probes": [_probe(probe) for probe in self.observations.result.probes],
            },
            "Kept": {
                "Files": self.kept_files,
                "Bytes": sum(kept.entry.size for kept in self.plan.kept),
                "Level": self.plan.level,
                "Rules": [
                    {"Name": one.name, "Summary": one.summary, "Files": one.files, "Bytes": one.size}
                    for one in self.plan.by_rule()
                ],
            },
            "Verified": [
                {
                    "Form": verdict.form,
                    "Passed": verdict.passed,
                    "Seconds": round(verdict.seconds, 3),
                    "FilesCompared": verdict.files_compared,
                    "Differences": list(verdict.differences),
                }
                for verdict in self.verdicts
            ],
            "Repairs": [{"Because": list(repair.because), "Added": list(repair.added)} for repair in self.repairs],
            "Warnings": list(self.warnings),
            "FailedGates": list(self.failed_gates),
            "Notes": list(self.notes),
            "Report": self.file,
        }
        if self.confinement is not None:
            document["Confined"] = _confined(self.confinement)
        if files:
            document["Processes"] = self.run_log.to_json()
            document["Files"] = [_kept_entry(kept, self.run_log) for kept in self.plan.kept]
        return document


def _executed_programs(plan: FilePlan) -> list[str]:
    """Return the image's programs that were executed. A shell also tries names that do not exist."""
    return [
        kept.entry.path
        for kept in plan.kept
        if any(one.kind is ReasonKind.ACCESS and one.detail.startswith(AccessKind.EXEC) for one in kept.reasons)
    ]


def _image(image: SlimImage, source: SourceImage) -> dict[str, Any]:
    return {
        "Form": image.form,
        "Reference": image.reference,
        "ID": image.id,
        "Size": image.size,
        "Percent": round(100 * image.size / source.size, 1) if source.size else None,
        "Layers": [
            {"Group": blob.group, "DiffID": blob.diff_id, "Size": blob.size, "Files": blob.files}
            for blob in image.layers
        ],
    }


def _confined(one: Confinement) -> dict[str, Any]:
    return {
        "Allowed": [{"Kind": kind, "Value": value} for kind, value in one.allowed],
        "Enforced": [{"What": what, "By": by} for what, by in one.enforced],
        "Open": list(one.open),
        "LauncherSize": one.launcher_size,
        "Attempts": [
            {
                "Name": attempt.name,
                "By": attempt.by,
                "Control": attempt.control,
                "Confined": attempt.confined,
                "Tried": attempt.is_tried,
            }
            for attempt in one.attempts
        ],
    }


def _probe(probe: ProbeResult) -> dict[str, Any]:
    return {
        "Kind": probe.kind,
        "Target": probe.target,
        "OK": probe.ok,
        "Status": probe.status,
        "Detail": probe.detail,
        "Ended": probe.ended,
    }


def _kept_entry(kept: KeptEntry, run_log: RunLog) -> dict[str, Any]:
    return {
        "Path": kept.entry.path,
        "Kind": kept.entry.kind.value,
        "Size": kept.entry.size,
        "Mode": f"{kept.entry.mode:04o}",
        "Group": kept.group.value,
        "Package": kept.package,
        "Reasons": [
            {
                "Kind": reason.kind.value,
                "By": reason.by,
                "Detail": reason.description,
                **run_log.of(kept.entry.path, reason),
            }
            for reason in kept.reasons
        ],
    }
