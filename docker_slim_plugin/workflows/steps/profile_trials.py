"""Run an app under a profile, traced and untraced; repair the profile; find which capabilities are needed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace

from docker_slim_plugin.errors import VerificationFailed
from docker_slim_plugin.model.profile import Allowed, Profile
from docker_slim_plugin.model.request import Restrictions
from docker_slim_plugin.observe.launch import Launch, option_pairs, option_words
from docker_slim_plugin.profile.capabilities import LOWEST_FREE_PORT
from docker_slim_plugin.profile.evidence import Evidence, Extra, called
from docker_slim_plugin.profile.repair import find_missing, refused
from docker_slim_plugin.profile.report import Repair
from docker_slim_plugin.profile.run_options import PORT_START, SHARED_NETWORKS, kept_options, restricting_options
from docker_slim_plugin.profile.seccomp import seccomp_profile
from docker_slim_plugin.profile.switches import conclude, with_dropped, without_capability
from docker_slim_plugin.verify.compare import Findings
from docker_slim_plugin.verify.replay import Replay
from docker_slim_plugin.workflows.steps.job import Job

ROUNDS = 3
"""Most repairs that are tried."""
TRIAL_SECONDS = 240.0
"""After this time no further capability is tried; the remaining ones are kept."""
_FILE = "seccomp.json"


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Runs of one app under profiles."""

    job: Job
    wanted: Restrictions
    image: str
    """Id of the image that is tried."""
    replay: Replay
    evidence: Evidence

    def launch(self, profile: Profile) -> Launch:
        """Return how the app starts under a profile. Its seccomp profile is written to the job's directory."""
        usual = self.replay.launch
        file = self.job.directory / _FILE
        if profile.calls is not None:
            document = seccomp_profile(profile.calls, profile.architecture)
            file.write_text(json.dumps(document), encoding="ascii")
        kept = kept_options(profile, option_pairs(usual.options))
        options = tuple(word for name, value in kept for word in option_words(name, value))
        return replace(usual, options=(*options, *restricting_options(profile, str(file))))

    def run(self, profile: Profile) -> Findings:
        """Run the app under a profile as a user would, and compare it with the original."""
        return self.replay.with_launch(self.launch(profile)).try_image(self.image, self.job.progress)

    def observe(self, profile: Profile, *more: str) -> tuple[Findings, Extra, tuple[str, ...]]:
        """Run the app traced under a profile. Returns its differences, what it lacks, and the refused calls."""
        launch = self.launch(profile)
        drive = replace(self.replay.drive, launch=replace(launch, options=(*launch.options, *more)))
        seen = self.job.observer.observe(self.image, drive, allow_failure=True)
        findings = self.replay.compare_results(self.job.progress, seen.result)
        stopped = refused(seen.calls, self.evidence.observations.calls)
        texts = tuple(f"{called(call)}: {call.refused}" for call in stopped)
        return findings, find_missing(self.evidence, profile, seen.calls), texts


def verified_profile(trials: Trials) -> tuple[Trials, Profile, tuple[Repair, ...]]:
    """Return a profile under which the app behaves like the original, and the trials with what repairs have added.

    VerificationFailed if there is none.
    """
    job, wanted, evidence = trials.job, trials.wanted, trials.evidence
    repairs: list[Repair] = []
    profile = conclude(evidence, wanted)
    for round_ in range(ROUNDS + 1):
        with job.clock.step("verify" if not round_ else f"verify, repair {round_}", times=8):
            findings = trials.run(profile)
            _, missing, texts = trials.observe(profile)
        differences = (*findings.differences, *findings.number_differences)
        new = _new(missing, evidence.extra)
        if not differences and not new.count():
            return trials, profile, tuple(repairs)
        if not new.count() and not wanted.no_capabilities:
            # No refused call explains the difference. A capability may be missing that no call names.
            held = {one.name for one in (profile.capabilities.kept if profile.capabilities else ())}
            reason = f"the app behaves differently under the profile: {differences[0]}"
            new = Extra(capabilities=dict.fromkeys(evidence.capabilities - held, reason))
        if round_ == ROUNDS or not new.count():
            break
        repairs.append(Repair(because=differences or texts, added=_items(new)))
        job.progress.note(repairs[-1].added[0].reason)
        evidence = replace(evidence, extra=evidence.extra.merged(new))
        trials = replace(trials, evidence=evidence)
        profile = conclude(evidence, wanted)
    told = "\n    ".join((*differences, *texts)[:10])
    raise VerificationFailed(
        f"the app does not behave like the original under the profile, so none was written:\n    {told}",
        hint="--allow allows more; --no-syscalls, --no-capabilities, --no-read-only and others restrict less",
    )


def _new(found: Extra, known: Extra) -> Extra:
    """Return what is not known yet."""
    return Extra(
        calls={name: why for name, why in found.calls.items() if name not in known.calls},
        capabilities={name: why for name, why in found.capabilities.items() if name not in known.capabilities},
        paths={name: why for name, why in found.paths.items() if name not in known.paths},
        executes="" if known.executes else found.executes,
    )


def _items(extra: Extra) -> tuple[Allowed, ...]:
    kinds = {"call": extra.calls, "capability": extra.capabilities, "writable": extra.paths, "port": extra.ports}
    found = [Allowed(f"{kind} {name}", why) for kind, items in kinds.items() for name, why in items.items()]
    return (*found, *([Allowed("exec in writable places", extra.executes)] if extra.executes else []))


def drop_unneeded(trials: Trials, profile: Profile) -> Profile:
    """Return the profile with only those capabilities that a run needs: the app is run without each of them."""
    if profile.capabilities is None:
        return profile
    kept = profile.capabilities.kept
    dropped: list[Allowed] = []
    reasons: dict[str, str] = {}
    deadline = time.monotonic() + TRIAL_SECONDS
    for one in kept:
        if time.monotonic() > deadline:
            reasons[one.name] = f"not tried, for lack of time; {one.reason}"
            continue
        less = without_capability(kept, one.name)
        with trials.job.clock.step(f"try without {one.name}", times=4):
            # Docker sets it to 0, so that a run would not show that a port below 1024 needs the capability.
            more = (f"--sysctl={PORT_START}={LOWEST_FREE_PORT}",) if one.name == "NET_BIND_SERVICE" else ()
            findings, _, texts = trials.observe(conclude(trials.evidence, trials.wanted, less), *more)
        why = (*texts, *findings.differences, *findings.number_differences)
        if why:
            reasons[one.name] = f"without it: {why[0]}"
        else:
            kept = less
            dropped.append(Allowed(one.name, f"a run without it is the same; guessed because: {one.reason}"))
    final = tuple(Allowed(one.name, reasons.get(one.name, one.reason)) for one in kept)
    found = with_dropped(conclude(trials.evidence, trials.wanted, final), tuple(dropped))
    if dropped:
        with trials.job.clock.step("verify without them", times=4):
            findings = trials.run(found)
        if differences := (*findings.differences, *findings.number_differences):
            # Traced, it did not show; the guess was verified.
            trials.job.progress.note(f"capabilities are kept that are perhaps not needed: {differences[0]}")
            return profile
    return found


def judge_ports(trials: Trials, profile: Profile) -> Profile:
    """Return the profile with NET_BIND_SERVICE for Kubernetes only if a run without it shows that it is needed.

    Docker lets every process bind every port, by a setting that the run does without.
    """
    capabilities = profile.capabilities
    if capabilities is None or not capabilities.kubernetes or profile.network is None:
        return profile
    if profile.network.given.startswith(SHARED_NETWORKS):
        return profile
    setting = f"{PORT_START}={LOWEST_FREE_PORT}"
    with trials.job.clock.step(f"try with {setting}", times=4):
        findings, _, texts = trials.observe(profile, f"--sysctl={setting}")
    why = (*texts, *findings.differences, *findings.number_differences)
    needed = tuple(Allowed(one.name, f"with {setting}: {why[0]}") for one in capabilities.kubernetes) if why else ()
    return replace(profile, capabilities=replace(capabilities, kubernetes=needed))
