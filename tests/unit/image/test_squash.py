"""Conversion of the output of docker export to the input of docker import."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.errors import SlimError, VerificationFailed
from docker_slim_plugin.image.layers import single_layer
from docker_slim_plugin.image.squash import make_instructions, rewrite_export
from docker_slim_plugin.image.tar import write_layer
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.plan import FilePlan, KeptEntry, Reason, ReasonKind
from docker_slim_plugin.rootfs.index import Rootfs
from tests.rootfs import Contents

LINKED = {"inode": 3, "links": 2, "size": 3}


def kept(path: str, kind: EntryKind = EntryKind.FILE, **more: Any) -> KeptEntry:
    content = more.pop("content", None)
    entry = Entry(path=RootPath(path), kind=kind, mode=0o644, **more)
    return KeptEntry(entry=entry, reasons=(Reason(ReasonKind.KEEP, "test"),), content=content)


ENTRIES = (
    kept("/", EntryKind.DIRECTORY),
    kept("/a", EntryKind.DIRECTORY),
    kept("/a/1", **LINKED),
    kept("/a/2", **LINKED),
    kept("/a/raw\udcff", size=5, mtime_ns=1_500_000_001, xattrs=(("user.x", b"\0"),)),
    kept("/a/socket", EntryKind.SOCKET),
    kept("/b", EntryKind.SYMLINK, target="a"),
    kept("/c", size=4, content=b"ours"),
)
PLAN = FilePlan(kept=ENTRIES, total_files=0, total_bytes=0)
CONTENTS = {RootPath("/a/1"): b"one", RootPath("/a/raw\udcff"): b"hello", RootPath("/c"): b"ours"}


def export(leave_out: tuple[str, ...] = (), sizes: dict[str, bytes] | None = None) -> io.BytesIO:
    """Return an export as docker would write it: in another order, and with the files that docker adds."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as tar:
        for name in (".dockerenv", "etc/hosts", "c", "b", "a/", "a/raw\udcff", "a/1", "a/2", "dev/console"):
            if name in leave_out:
                continue
            member = tarfile.TarInfo(name)
            data = (sizes or {}).get(name, CONTENTS.get(RootPath("/" + name), b"") if name != "a/2" else b"")
            if name.endswith("/"):
                member.type = tarfile.DIRTYPE
            elif name == "a/2":
                member.type, member.linkname = tarfile.LNKTYPE, "a/1"
            elif name == "b":
                member.type, member.linkname = tarfile.SYMTYPE, "a"
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    out.seek(0)
    return out


def test_the_squashed_layer_is_the_one_of_the_plan(tmp_path: Path) -> None:
    ((group, entries),) = single_layer(PLAN)
    rootfs = Rootfs.of((one.entry for one in ENTRIES), Contents(CONTENTS))
    straight = write_layer(rootfs, entries, group.value, tmp_path / "straight.tar")
    layer = rewrite_export(export(), PLAN, tmp_path / "squashed.tar")
    assert (layer.blob.diff_id, layer.hashes) == (straight.blob.diff_id, straight.hashes)
    assert layer.blob.group == "squashed"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["squashed.tar", "straight.tar"]


@pytest.mark.parametrize("name", ["a/1", "a/2", "b", "a/raw\udcff", "a/"])
def test_missing_entries_are_reported(tmp_path: Path, name: str) -> None:
    with pytest.raises(VerificationFailed) as raised:
        rewrite_export(export(leave_out=(name,)), PLAN, tmp_path / "squashed.tar")
    assert repr("/" + name.rstrip("/")) in str(raised.value)


def test_other_sizes_are_reported(tmp_path: Path) -> None:
    with pytest.raises(VerificationFailed, match=r"'/a/1', '/a/2'$"):
        rewrite_export(export(sizes={"a/1": b""}), PLAN, tmp_path / "squashed.tar")


@pytest.mark.parametrize("length", [100, 3000, 4700])
def test_an_export_that_breaks_off_is_an_error(tmp_path: Path, length: int) -> None:
    with pytest.raises(SlimError):
        rewrite_export(io.BytesIO(export().getvalue()[:length]), PLAN, tmp_path / "squashed.tar")


@pytest.mark.parametrize(
    ("config", "lines"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"Env": None, "Cmd": [], "Labels": {}, "User": "", "Healthcheck": None}, [], id="empty fields"),
        pytest.param({"Env": ["PATH=/a:/b", "E="]}, ["ENV PATH=/a:/b", 'ENV E=""'], id="variables in their order"),
        pytest.param({"Env": ['A=$B \\ "']}, ['ENV A="\\$B \\\\ \\""'], id="nothing expands"),
        pytest.param({"Env": ["A=x=y"]}, ['ENV A="x=y"'], id="an equals sign"),
        pytest.param({"Env": ["A=a\nRUN rm"], "User": "x\r"}, [], id="a newline cannot be said"),
        pytest.param({"Env": ["=x", "noequals"]}, [], id="no variable"),
        pytest.param({"Env": ["A=" + "x" * 70_000, "B=1"]}, ["ENV B=1"], id="a line too long"),
        pytest.param({"Labels": {"b": "1", "a c": "é", "x=y": "z"}}, ['LABEL "a c"="é"', "LABEL b=1"], id="labels"),
        pytest.param({"User": "1:2", "WorkingDir": "/a b"}, ["USER 1:2", 'WORKDIR "/a b"'], id="user and directory"),
        pytest.param({"User": "--x"}, ['USER "--x"'], id="no flag"),
        pytest.param(
            {"ExposedPorts": {"80/tcp": {}, "53/udp": {}, "$x": {}}}, ["EXPOSE 53/udp", "EXPOSE 80/tcp"], id="ports"
        ),
        pytest.param({"Volumes": {"/v": {}, "/a $b": {}}}, ['VOLUME ["\\"/a \\\\$b\\""]', 'VOLUME ["/v"]'], id="volumes"),
        pytest.param(
            {"OnBuild": ["RUN a", "FROM x", "ONBUILD RUN x", "--x y", "COPY a b \\"]}, ["ONBUILD RUN a"], id="triggers"
        ),
        pytest.param(
            {"Cmd": ["a", "", "b\n"], "Entrypoint": ["$E"]},
            ['ENTRYPOINT ["$E"]', 'CMD ["a", "", "b\\n"]'], id="CMD comes after ENTRYPOINT",
        ),
        pytest.param({"Healthcheck": {"Test": ["NONE"]}}, ["HEALTHCHECK NONE"], id="no health check"),
        pytest.param(
            {"Healthcheck": {"Test": ["CMD-SHELL", "a || b"], "Interval": 10**9, "Timeout": 2 * 10**9, "Retries": 3}},
            ["HEALTHCHECK --interval=1000000000ns --timeout=2000000000ns --retries=3 CMD a || b"], id="in a shell",
        ),
        pytest.param(
            {"Healthcheck": {"Test": ["CMD", "a", "b c"]}}, ['HEALTHCHECK CMD ["a", "b c"]'], id="without a shell"
        ),
        pytest.param({"Healthcheck": {"Test": ["CMD", "a"], "Interval": 5}}, [], id="less than a millisecond"),
        pytest.param({"Healthcheck": {"Interval": 10**9}}, [], id="times without a test"),
        pytest.param({"Healthcheck": {"Test": ["CMD-SHELL", " "]}}, [], id="an empty test"),
        pytest.param({"Healthcheck": {"Test": ["CMD-SHELL", ' ["a"] ']}}, [], id="a line that reads as JSON"),
        pytest.param(
            {"Healthcheck": {"Test": ["CMD-SHELL", "[ -e /x ]"]}}, ["HEALTHCHECK CMD [ -e /x ]"], id="brackets"
        ),
        pytest.param(
            {"StopSignal": "SIGQUIT", "Shell": ["sh", "-c"]},
            ["STOPSIGNAL SIGQUIT", 'SHELL ["sh", "-c"]'], id="how it is stopped, and its shell",
        ),
        pytest.param({"OnBuild": ["RUN cat <<END"]}, [], id="a here-document"),
        pytest.param({"Healthcheck": {"Test": ["CMD-SHELL", "a \\"]}}, [], id="a line that would go on"),
    ],
)  # fmt: skip
def test_expressible_instructions(config: dict[str, Any], lines: list[str]) -> None:
    assert [one.line for one in make_instructions(config) if one.is_expressible] == lines


def test_a_health_check_that_nests() -> None:
    """A command line that is valid JSON cannot be in a Dockerfile, at any nesting depth."""
    for text, number in (("[" * 20_000, 1), ('{"a":' * 5000, 1), ("[" * 20_000 + "]" * 20_000, 0)):
        lines = [one for one in make_instructions({"Healthcheck": {"Test": ["CMD-SHELL", text]}}) if one.is_expressible]
        assert len(lines) == number
