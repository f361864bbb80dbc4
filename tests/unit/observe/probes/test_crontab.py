"""Crontabs as text, and in archives as the engine makes them."""

from __future__ import annotations

import io
import tarfile
import time

import pytest

from docker_slim_plugin.observe.probes.crontab import MAX_JOBS, MAX_LINE, CronJob, parse_crontab, read_jobs


def archive(**files: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        pytest.param("* * * * * root backup >/dev/null 2>&1", [("root", "backup >/dev/null 2>&1")], id="times, user, command"),
        pytest.param("*/5 0-3 1,2 jan mon www-data\ta  b", [("www-data", "a  b")], id="names of months and days, a tab"),
        pytest.param("@daily root nightly", [("root", "nightly")], id="a word in place of the times"),
        pytest.param("@reboot root start", [], id="cron itself has run this"),
        pytest.param("# * * * * * root no", [], id="a comment"),
        pytest.param("* * * * *", [], id="no command"),
        pytest.param("* * * * * root", [], id="no command after the user"),
        pytest.param("@hourly", [], id="a word alone"),
        pytest.param(r"* * * * * root date +\%H%input%more", [("root", "date +%H")], id="percent signs"),
        pytest.param("* * * * * root " + "x" * MAX_LINE, [], id="a line without end"),
    ],
)
def test_lines_of_a_system_crontab(line: str, found: list[tuple[str, str]]) -> None:
    assert [(job.user, job.command) for job in parse_crontab(line)] == found


def test_variables_and_lines_of_a_user() -> None:
    text = 'SHELL=/bin/bash\nPATH = /opt/bin:/bin\nMAILTO=a@b\nHOME=/x\n  A="b c"\n0 3 * * * run it\nA=other\n@weekly more\n'
    first, second = parse_crontab(text, "ann")
    assert first == CronJob("ann", "run it", "/bin/bash", {"PATH": "/opt/bin:/bin", "A": "b c"})
    assert second.environment["A"] == "other"


def test_archives() -> None:
    archives = (
        ("/etc/crontab", archive(crontab="* * * * * root a\n")),
        ("/etc/cron.d", archive(**{"cron.d__jobs": "* * * * * ann b\n", "cron.d__.placeholder": "* * * * * root no\n", "cron.d__x.dpkg-old": "* * * * * root no\n"})),
        ("/var/spool/cron/crontabs", archive(crontabs__bob="* * * * * c\n")),
        ("/var/spool/cron", archive(cron__crontabs__bob="* * * * * c\n")),
        ("/srv/own", archive(own="* * * * * d\n")),
        ("/etc/crontabs", b""),
    )
    assert [(job.user, job.command) for job in read_jobs(archives)] == [("root", "a"), ("ann", "b"), ("bob", "c"), ("root", "d")]


@pytest.mark.parametrize("data", [b"", b"no archive", b"\xff" * 5000, archive(cron="* * * * * root a\n")[:515], archive(x="* * * * * -o b\n")])
def test_nothing_can_be_read(data: bytes) -> None:
    assert read_jobs((("/etc/crontab", data),)) == ()


def test_it_is_bounded_and_linear() -> None:
    many = "".join(f"* * * * * root job{number}\n" for number in range(5000))
    assert len(read_jobs((("/etc/crontab", archive(crontab=many)),))) == MAX_JOBS
    begun = time.monotonic()
    for text in ("A" * 500_000, "* " * 250_000, "A=" * 250_000, '"' * 500_000, "\\%" * 250_000, "\n" * 500_000):
        list(parse_crontab(text))
    assert time.monotonic() - begun < 3
