from __future__ import annotations

import os
from pathlib import Path

import pytest

from docker_slim_plugin.model.observation import Peaks
from docker_slim_plugin.observe import peaks
from docker_slim_plugin.observe.peaks import PeakReader


@pytest.fixture(params=["v1", "v2"])
def groups(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a tree of cgroups with the own one of this process; return the directory of its pids."""
    monkeypatch.setattr(peaks, "CGROUPS", tmp_path)
    monkeypatch.setattr(peaks, "PAUSE", 0.0)
    monkeypatch.setattr(peaks, "DESCRIPTOR_PAUSE", 0.0)
    proc = tmp_path / "proc" / str(os.getpid())
    proc.mkdir(parents=True)
    monkeypatch.setattr(peaks, "PROC", tmp_path / "proc")
    if request.param == "v1":
        (proc / "cgroup").write_text("9:name=systemd:/x\n8:pids:/docker/1\n4:cpu,memory:/docker/2\n0::/\n")
        memory, pids = tmp_path / "memory/docker/2", tmp_path / "pids/docker/1"
    else:
        (proc / "cgroup").write_text("0::/docker/1\n")
        memory = pids = tmp_path / "docker/1"
    for one in (memory, pids):
        one.mkdir(parents=True, exist_ok=True)
    (memory / ("memory.max_usage_in_bytes" if request.param == "v1" else "memory.peak")).write_text("5000\n")
    (pids / "pids.current").write_text("3\n")
    (pids / "cgroup.procs").write_text(f"{os.getpid()}\n")
    return pids


def test_the_highest_values_are_kept(groups: Path) -> None:
    reader = PeakReader(os.getpid())
    file = os.open("/dev/null", os.O_RDONLY)
    reader.read()
    os.close(file)
    (groups / "pids.current").write_text("2\n")
    reader.read()
    assert (reader.peaks.memory, reader.peaks.processes) == (5000, 3)
    assert reader.peaks.descriptors > file


def test_a_kernel_that_counts_the_peak(groups: Path) -> None:
    (groups / "pids.peak").write_text("9\n")
    reader = PeakReader(os.getpid())
    reader.read()
    assert reader.peaks.processes == 9


def test_what_cannot_be_read_is_not_known() -> None:
    reader = PeakReader(1 << 29)
    reader.read()
    assert reader.peaks == Peaks()


def test_peaks_of_two_runs() -> None:
    assert Peaks(1, 5, 3).merged(Peaks(2, 4, 0)) == Peaks(2, 5, 3)
