"""Catalogues of services: ours, and those of users, which may contain anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.services.catalogue import parse, read_catalogues, user_catalogues

ENTRY = """
[mine]
programs = ["a", "b"]
banner = '^220'
ports = [25]
reload = "SIGHUP"
commands = [{ argv = ["x|y", "-p", "{port}"], environment = { P = "{PASSWORD:none}" }, writes = true }, { argv = ["z"] }]
exchanges = [{ send = "A\\u00ff\\u0000\\r\\n", expect = '^\\xff.', udp = true, writes = true }]
hello = "\\u0001"
"""


def test_an_entry() -> None:
    one = parse(ENTRY, "x")["mine"]
    assert (one.name, one.programs, one.ports, one.reload) == ("mine", {"a", "b"}, {25}, "SIGHUP")
    assert one.banner is not None
    assert one.banner.search(b"220 x")
    first, second = one.commands
    assert (first.programs, first.arguments, first.environment, first.writes) == (("x", "y"), ("-p", "{port}"), {"P": "{PASSWORD:none}"}, True)
    assert (second.programs, second.arguments, second.environment, second.writes) == (("z",), (), {}, False)
    (exchange,) = one.exchanges
    assert (exchange.send, exchange.udp, exchange.writes) == (b"A\xff\0\r\n", True, True)
    assert one.hello == b"\x01"
    assert exchange.expect.search(b"\xff\n")


def test_ours_can_be_read() -> None:
    services = {one.name: one for one in read_catalogues()}
    assert len(services) >= 23
    for one in services.values():
        assert one.programs or one.banner, one.name
        assert one.commands or one.exchanges, one.name
    assert services["redis"].commands[0].programs[0] == "redis-cli"


def test_the_example_can_be_read() -> None:
    example = Path(__file__).parents[3] / "docs/examples/services.toml"
    (entry,) = parse(example.read_text(), str(example)).values()
    assert (entry.name, entry.ports) == ("counter", {7070})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[", "Invalid initial character"),
        ("a = 1", "a is not a table"),
        ("[a]\nprogram = []", "unknown key 'program'"),
        ("[a]\nprograms = 'x'", "not a list of strings"),
        ("[a]\nprograms = [1]", "not a list of strings"),
        ("[a]\nbanner = '('", "missing \\)"),
        ("[a]\nports = ['x']", "invalid literal"),
        ("[a]\ncommands = [{}]", "argv is missing"),
        ("[a]\ncommands = [{argv = []}]", "not enough values"),
        ("[a]\ncommands = [{argv = ['x'], environment = {A = 1}}]", "not a list of strings"),
        ("[a]\nexchanges = [{send = 'x'}]", "expect is missing"),
        ("[a]\nexchanges = [{send = '€', expect = 'x'}]", "ordinal not in range"),
        ("[a]\nhello = 1", "not a list of strings"),
        ("a = " + "[" * 5000, ""),
    ],
)
def test_catalogues_that_cannot_be_used(text: str, why: str) -> None:
    with pytest.raises(SlimError, match=f"cannot use the catalogue of services file.toml: .*{why}"):
        parse(text, "file.toml")


def test_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text("[redis]\nprograms = ['mine']\n")
    (tmp_path / "a.toml").write_text("[redis]\nprograms = ['other']\n[new]\nprograms = ['new']\n")
    (tmp_path / "ignored.txt").write_text("[")
    services = {one.name: one for one in read_catalogues([str(tmp_path)])}
    assert (services["redis"].programs, services["new"].programs) == ({"mine"}, {"new"})
    assert {one.name for one in read_catalogues([str(tmp_path / "a.toml")])} >= {"new", "postgres"}
    with pytest.raises(SlimError, match=r"cannot read the catalogue of services .*: No such file"):
        read_catalogues([str(tmp_path / "gone.toml")])
    (tmp_path / "c.toml").write_bytes(b"\xff")
    with pytest.raises(SlimError, match="cannot read the catalogue"):
        read_catalogues([str(tmp_path)])


def test_folders_of_the_user(tmp_path: Path) -> None:
    place = tmp_path / "docker-slim" / "services"
    assert user_catalogues({"XDG_CONFIG_HOME": str(tmp_path)}) == ()
    place.mkdir(parents=True)
    assert user_catalogues({"XDG_CONFIG_HOME": str(tmp_path)}) == (str(place),)
