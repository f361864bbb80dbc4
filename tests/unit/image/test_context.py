"""Build contexts: a Dockerfile and tars of layers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image.context import (
    ContextBase,
    check_context,
    find_config_losses,
    make_dockerfile,
    write_context,
)

CONFIG = {"Env": ["A=1", "LF=a\nRUN evil\x1b[31m"], "StopSignal": "SIGQUIT", "Shell": ["sh"], "Cmd": ["x"]}


@pytest.fixture
def layers(tmp_path: Path) -> list[tuple[str, Path]]:
    files = []
    for group in ("base", "app"):
        file = tmp_path / f"{group}-1.tar"
        file.write_bytes(group.encode())
        files.append((group, file))
    return files


def test_the_files(tmp_path: Path, layers: list[tuple[str, Path]]) -> None:
    directory = tmp_path / "new" / "context"
    write_context(directory, layers, CONFIG)
    assert sorted(path.name for path in directory.iterdir()) == [".dockerignore", "Dockerfile", "app.tar", "base.tar"]
    assert (directory / "app.tar").read_bytes() == b"app"
    assert (directory / ".dockerignore").read_text() == "*\n!Dockerfile\n!base.tar\n!app.tar\n"
    assert (directory / "Dockerfile").stat().st_mode & 0o777 == 0o644
    lines = (directory / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == [
        "FROM scratch", "ADD base.tar /", "ADD app.tar /", "ENV A=1", "STOPSIGNAL SIGQUIT", 'SHELL ["sh"]', 'CMD ["x"]',
    ]  # fmt: skip
    above = [lines[lines.index(f"ADD {group}.tar /") - 1] for group in ("base", "app")]
    assert all(line.startswith("# ") for line in above)


def test_inexpressible_settings_are_comments(tmp_path: Path, layers: list[tuple[str, Path]]) -> None:
    write_context(tmp_path / "context", layers, CONFIG)
    text = (tmp_path / "context" / "Dockerfile").read_text()
    (line,) = (line for line in text.splitlines() if "evil" in line)
    assert line.startswith("# cannot be said here: 'ENV LF=")
    assert "\x1b" not in text


def test_an_older_context_is_replaced(tmp_path: Path, layers: list[tuple[str, Path]]) -> None:
    directory = tmp_path / "context"
    write_context(directory, layers, CONFIG)
    write_context(directory, layers[1:], {})
    assert sorted(path.name for path in directory.iterdir()) == [".dockerignore", "Dockerfile", "app.tar"]
    assert "ENV" not in (directory / "Dockerfile").read_text()


def test_foreign_files_stay(tmp_path: Path, layers: list[tuple[str, Path]]) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(SlimError, match="it is not empty"):
        write_context(tmp_path, layers, CONFIG)
    assert (tmp_path / "Dockerfile").read_text() == "FROM scratch\n"


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_dockerfile_that_is_no_file_is_not_ours(tmp_path: Path, layers: list[tuple[str, Path]], kind: str) -> None:
    write_context(tmp_path / "context", layers, CONFIG)
    directory = tmp_path / "other"
    directory.mkdir()
    if kind == "link":
        (directory / "Dockerfile").symlink_to(tmp_path / "context" / "Dockerfile")
    else:
        os.mkfifo(directory / "Dockerfile")
    with pytest.raises(SlimError, match="it is not empty"):
        write_context(directory, layers, CONFIG)


def test_a_link_in_the_context_is_replaced_not_followed(tmp_path: Path, layers: list[tuple[str, Path]]) -> None:
    write_context(tmp_path / "context", layers, CONFIG)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "context" / "app.tar").unlink()
    (tmp_path / "context" / "app.tar").symlink_to(victim)
    write_context(tmp_path / "context", layers, CONFIG)
    assert victim.read_text() == "precious"
    assert (tmp_path / "context" / "app.tar").read_bytes() == b"app"


def test_a_directory_that_is_a_file_is_an_error(tmp_path: Path, layers: list[tuple[str, Path]]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SlimError, match="cannot write a context to"):
        write_context(tmp_path / "file" / "context", layers, CONFIG)


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        pytest.param({"Env": ["PATH=/bin", "A=1"]}, {"Env": ["PATH=/x", "A=2"]}, "", id="set anew"),
        pytest.param({"Env": ["A=1"]}, {}, "ENV A=1", id="a variable"),
        pytest.param({"Labels": {"a": "1", "b": "2"}}, {"Labels": {"b": "3"}}, "LABEL a", id="a label"),
        pytest.param({"ExposedPorts": {"80/tcp": {}}}, {}, "EXPOSE 80/tcp", id="a port"),
        pytest.param({"Volumes": {"/data": {}}}, {"Volumes": {"/x": {}}}, "VOLUME /data", id="a volume"),
        pytest.param({"OnBuild": ["RUN x"]}, {"OnBuild": ["RUN x"]}, "ONBUILD RUN x", id="a trigger"),
        pytest.param({"StopTimeout": 3}, {}, "StopTimeout 3", id="a timeout"),
        pytest.param({"Cmd": ["x"], "User": "7", "Shell": ["ash"], "WorkingDir": "/x"}, {}, "", id="taken away"),
    ],
)
def test_warns_about_inherited_settings(theirs: dict[str, object], ours: dict[str, object], expected: str) -> None:
    base = ContextBase("our/base:1", theirs)
    found = find_config_losses(ours, base)
    said = f"cannot reset what its base our/base:1 sets and the image does not: {expected}; "
    assert [said in text for text in found] == ([True] if expected else [])
    inherited = [line for line in make_dockerfile(["app"], ours, base) if line.startswith("# stays")]
    assert inherited == ([f"# stays, from the base image: {expected!r}"] if expected else [])


def test_warns_about_inexpressible_settings() -> None:
    (text,) = find_config_losses(CONFIG | {"StopTimeout": 0})
    assert "no Dockerfile can express ENV LF=" in text
    assert text.endswith(", StopTimeout 0; --output oci=FILE writes the image with it")
    assert "\n" not in text
    (many,) = find_config_losses({}, ContextBase("base", {"Env": [f"A{number}=1" for number in range(9)]}))
    assert "ENV A4=1 and 4 more; " in many
    assert find_config_losses({"Env": ["A=1"], "StopTimeout": 3}, ContextBase("base", {"StopTimeout": 3})) == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a directory of another user")
@pytest.mark.parametrize("marked", [True, False])
def test_the_directory_of_another_user_where_all_may_write(tmp_path: Path, marked: bool) -> None:
    shared = tmp_path / "shared"
    theirs = shared / "context"
    theirs.mkdir(parents=True)
    shared.chmod(0o1777)
    if marked:
        (theirs / "Dockerfile").write_text("# Written by docker slim\n")
    os.chown(theirs, 65534, 65534)
    with pytest.raises(SlimError, match="it is another user's"):
        check_context(theirs)
    os.chown(theirs, 0, 0)
    check_context(theirs)
    check_context(tmp_path / "new")
