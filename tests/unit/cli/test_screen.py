from __future__ import annotations

import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from docker_slim_plugin.cli import outcome, screen
from docker_slim_plugin.cli.text import printable, seconds, size, table
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.confinement import Attempt, Confinement
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.image import SlimImage, SourceImage
from docker_slim_plugin.model.observation import Observations, ProbeResult
from docker_slim_plugin.model.plan import FilePlan, KeptEntry, Reason, ReasonKind
from docker_slim_plugin.model.request import Request
from docker_slim_plugin.model.verdict import Verdict
from docker_slim_plugin.workflows.host_checks import Check
from tests.observed import observations, probe, run_result, source_image


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("nginx:1.27 über 漢字", "nginx:1.27 über 漢字"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("csi \x9b1m", r"csi \x9b1m"),
        ("bytes \udcff\udc80", r"bytes \xff\x80"),
        ("lone \ud800", r"lone \ud800"),
        ("bidi \u202egnp.exe\u2066", r"bidi \u202egnp.exe\u2066"),
        ("separators \u2028\u2029\xa0", r"separators \u2028\u2029\xa0"),
        ("tag \U000e0041", r"tag \U000e0041"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
    ],
)
def test_printable(raw: str, shown: str) -> None:
    assert printable(raw) == shown


def test_sizes_and_durations() -> None:
    assert [size(n) for n in (0, 999, 10_370_308, 270_464_407, 2_000_000_000)] == [
        "0B",
        "999B",
        "10.4MB",
        "270MB",
        "2GB",
    ]
    assert [seconds(s) for s in (0.04, 9.94, 12.4, 185)] == ["0.0 s", "9.9 s", "12 s", "3 min 5 s"]
    assert table([("A", "B"), ("long", "x")]) == "A      B\nlong   x"


def screen_on(*, terminal: bool = False, **shown: Any) -> tuple[screen.Screen, io.StringIO]:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, markup=False, highlight=False, soft_wrap=True, width=200)
    return screen.Screen(screen.Shown(**shown), console), stream


def test_steps_are_plain_lines_off_a_terminal() -> None:
    progress, stream = screen_on()
    with progress:
        with progress.step("observe"):
            progress.count(files=1234)
        progress.warn("app said \x1b[31m[bold]x")
        progress.warn("app said \x1b[31m[bold]x")
        progress.note("a note")
    assert stream.getvalue().splitlines() == [
        "observe ...",
        "observe: 0.0 s, 1,234 files",
        r"warning: app said \x1b[31m[bold]x",
        "a note",
    ]


def test_quiet_leaves_warnings() -> None:
    progress, stream = screen_on(quiet=True)
    with progress, progress.step("observe"):
        progress.note("a note")
        progress.warn("careful")
    assert stream.getvalue() == "warning: careful\n"


def test_steps_of_another_thread_stand_beside() -> None:
    progress, stream = screen_on()

    def beside() -> None:
        with progress.step("write"):
            progress.count(files=3)

    with progress, progress.step("verify"), progress.step("probe"):
        thread = threading.Thread(target=beside)
        thread.start()
        thread.join()
    assert stream.getvalue().splitlines() == [
        "verify ...",
        "  probe ...",
        "write ...",
        "write: 0.0 s, 3 files",
        "  probe: 0.0 s",
        "verify: 0.0 s",
    ]


def test_verbose_tells_where_the_time_went() -> None:
    progress, stream = screen_on(verbose=True)
    with progress, progress.step("verify"), progress.step("probe"):
        pass
    assert stream.getvalue().splitlines()[-3].split() == ["TIME", "SHARE", "STEP"]
    assert stream.getvalue().endswith("  probe\n")


def test_no_color_means_no_live_line_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    progress, stream = screen_on(terminal=True)
    with progress, progress.step("observe"):
        progress.warn("odd")
    assert "\x1b" not in stream.getvalue()
    assert "warning: odd" in stream.getvalue()


def test_a_terminal_gets_live_lines_and_a_record_of_each_step() -> None:
    progress, stream = screen_on(terminal=True)
    with pytest.raises(KeyError), progress, progress.step("observe"):
        raise KeyError
    assert "observe: 0.0 s" in stream.getvalue()
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1  # the cursor is back


def test_a_frame_can_be_drawn_whenever_something_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, stream = screen_on(terminal=False)
    printed, free = progress._console.print, []

    def drawn() -> bool:
        got = progress._lock.acquire(timeout=5)
        if got:
            progress._lock.release()
        return got

    def printing(*texts: object) -> None:
        with ThreadPoolExecutor(1) as other:
            free.append(other.submit(drawn).result())
        printed(*texts)

    monkeypatch.setattr(progress._console, "print", printing)
    with progress, progress.step("observe"):
        progress.count(paths=1)
        progress.note("seen")
    assert free == [True, True, True]
    assert stream.getvalue().splitlines() == ["observe ...", "seen", "observe: 0.0 s, 1 paths"]


def seen(*probes: ProbeResult, exit_status: int | None = None, mode: str = "seccomp", watch: str = "off") -> Observations:
    return observations(result=run_result(*probes, exit_status=exit_status), mode=mode, watch=watch)


@dataclass(frozen=True)
class Outcome:
    images: tuple[SlimImage, ...]
    source: SourceImage
    plan: FilePlan
    seconds: float = 12.3
    file: str = "/var/x.json"
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    observations: Observations = field(default_factory=seen)
    verdicts: tuple[Verdict, ...] = ()
    confinement: Confinement | None = None

    def to_json(self) -> dict[str, Any]:
        return {"Images": [image.id for image in self.images], "Name": "\x1b\udcff"}


def report(*forms: str) -> Outcome:
    entry = Entry(path=RootPath("/a"), kind=EntryKind.FILE, mode=0o644, size=5)
    source = source_image(reference="nginx", id="sha256:" + "a" * 64, size=100_000_000, layers=("x",) * 4)
    images = tuple(
        SlimImage(form=form, reference=f"nginx:{form}", id=f"sha256:{form}", size=10_000_000, layers=())
        for form in forms
    )
    kept = KeptEntry(entry=entry, reasons=(Reason(ReasonKind.ACCESS, "nginx"),))
    return Outcome(images, source, FilePlan(kept=(kept,), total_files=9876, total_bytes=100))


REQUEST = Request(image="nginx", docker_options=("--env=A=b c",), command=("x",))


def test_result_as_a_table() -> None:
    text = outcome.result(report("layered", "squashed"), REQUEST, screen.Shown())
    assert "kept 1 of 9,876 files; 10MB of 100MB, 90.0% less; 12 s" in text
    assert "report: /var/x.json" in text
    assert "run it: docker run -e A nginx:layered x" in text
    assert "aaaaaaaaaaaa   100MB   4        source" in text


def test_what_a_confined_image_may_do_and_what_was_tried() -> None:
    allowed = (("bind", "80"), ("bind", "443"), ("write", "/run"), ("write", "/\x1b"), ("socket", "udp"))
    attempts = tuple(
        Attempt(name=name, by="Landlock", control=control, confined="EACCES", is_enforceable=can)
        for name, control, can in (("bind", "ok", True), ("raw", "EPERM", True), ("signal", "ok", False))
    )
    confinement = Confinement(allowed=allowed, enforced=(), open=(), launcher_size=9, attempts=attempts)
    text = outcome.result(replace(report("layered", "confined"), confinement=confinement), REQUEST, screen.Shown())
    assert "confined to: TCP ports 80, 443; writes below /run, /\\x1b; socket udp\n" in text
    assert "tried behind its launcher, and refused: bind (EACCES)\n" in text
    assert "\x1b" not in text
    nothing = replace(confinement, allowed=(), attempts=())
    assert "confined to: nothing but what" in outcome.result(replace(report("confined"), confinement=nothing), REQUEST, screen.Shown())


def verdict(form: str) -> Verdict:
    return Verdict(form=form, mismatches=(), behaviour=(), warnings=(), files_compared=1, seconds=1.0)


@pytest.mark.parametrize(
    ("observations", "verdicts", "lines"),
    [
        pytest.param(seen(), (), ["asked: nothing", "verified: nothing (--no-verify)"], id="nothing at all"),
        pytest.param(
            seen(probe("http", status=404), probe("http", status=200), probe("http", status=404), probe("http-skip", status=-1), probe("healthcheck")),
            (verdict("layered"), verdict("squashed")),
            [
                "asked: 3 HTTP requests (200: 1, 404: 2); the healthcheck",
                "verified: layered and squashed: files as in the source, same answers",
            ],
            id="a server",
        ),
        pytest.param(
            seen(probe("exec"), probe("host-exec"), probe("host-exec"), exit_status=0),
            (verdict("layered"),),
            [
                "asked: 1 command in the container; 2 commands on the host; it ended with status 0",
                "verified: layered: files as in the source, same answers",
            ],
            id="a job",
        ),
        pytest.param(
            seen(mode="off"), (verdict("layered"),), ["verified: layered: files as in the source"], id="nothing was run"
        ),
    ],
)
def test_what_was_asked_and_proved(
    observations: Observations, verdicts: tuple[Verdict, ...], lines: list[str]
) -> None:
    told = outcome.result(
        replace(report("layered"), observations=observations, verdicts=verdicts), REQUEST, screen.Shown()
    )
    assert [line for line in told.splitlines() if line.startswith(("asked", "verified"))] == lines


def test_a_stale_id_is_gone_when_a_run_begins(tmp_path: Path) -> None:
    file = tmp_path / "id"
    file.write_text("of another image")
    shown = screen.Shown(iidfile=str(file))
    with screen.Screen(shown, Console(file=io.StringIO())):
        assert not file.exists()
    outcome.write_id(shown, "sha256:ab")
    assert file.read_text() == "sha256:ab"


def test_an_id_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(SlimError, match="the image is sha256:ab"):
        outcome.write_id(screen.Shown(iidfile=str(tmp_path)), "sha256:ab")


def test_result_as_one_line_of_json() -> None:
    text = outcome.result(report("layered"), REQUEST, screen.Shown(form="json"))
    assert json.loads(text)["Images"] == ["sha256:layered"]
    assert text.isascii()
    assert text.isprintable()


@pytest.mark.parametrize(
    ("forms", "identity"),
    [(("squashed", "layered"), "sha256:layered"), (("squashed",), "sha256:squashed"), ((), "")],
)
def test_quiet_result_is_the_id(forms: tuple[str, ...], identity: str) -> None:
    assert outcome.result(report(*forms), REQUEST, screen.Shown(quiet=True)) == identity


def test_checks() -> None:
    good = Check(name="root", ok=True, required=True, detail="uid 0")
    bad = Check(name="ptrace", ok=False, required=True, detail="Operation not permitted", fix="sudo")
    lines = screen.checks([good, bad]).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["ok", "root", "uid", "0"],
        ["FAIL", "ptrace", "Operation", "not", "permitted"],
        ["try:", "sudo"],
    ]
