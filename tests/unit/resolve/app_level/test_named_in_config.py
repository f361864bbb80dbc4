"""Files that kept configuration names."""

from __future__ import annotations

from typing import Any

import pytest

from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.resolve.app_level import named_in_config
from tests.observed import access
from tests.unit.resolve.app_level.test_rules import added
from tests.unit.resolve.test_plan import Tree

TREE: Tree = {"/usr/lib/helper": "x", "/usr/lib/modules/m.so": "x", "/etc/app/modules": "-> /usr/lib/modules", "/etc/app/l": "-> ../../usr/lib/helper", "/loop": "-> loop", "/top": "x"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("helper=/usr/lib/helper;", ["/usr/lib/helper"], id="a file"),
        pytest.param('"/etc/app/modules/m.so"', ["/usr/lib/modules/m.so"], id="through a link"),
        pytest.param("/etc/app/l", ["/etc/app/l", "/usr/lib/helper"], id="a link"),
        pytest.param("/usr/lib /usr/lib/ /gone/x /top", [], id="no directory, nothing at the top"),
        pytest.param("x/usr/lib/helper http://usr/lib/helper ./usr/lib/helper", [], id="no part of a longer word"),
        pytest.param("/usr/../usr/lib/../lib/helper", ["/usr/lib/helper"], id="dots"),
        pytest.param("/../../.. //// /loop/x /usr/lib/helper/x /\0/\udcff \udcff/", [], id="odd names"),
    ],
)
def test_names(text: str, kept: list[str]) -> None:
    tree = {**TREE, "/etc/app/x.conf": text, "/etc/app/x.txt": text, "/srv/x.conf": text}
    assert added("config-names", tree, "/etc/app/x.conf") == kept
    assert added("config-names", tree, "/etc/app/x.txt", "/srv/x.conf", access("/etc/app/x.conf", AccessKind.STAT)) == []


def test_large_files(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = {**TREE, "/etc/x.conf": "/usr/lib/helper"}
    monkeypatch.setattr(named_in_config, "MAX_NAMED", 0)
    assert added("config-names", tree, "/etc/x.conf") == []
    monkeypatch.setattr(named_in_config, "MAX_NAMED", 1)
    assert added("config-names", tree, "/etc/x.conf") == ["/usr/lib/helper"]
    monkeypatch.setattr(named_in_config, "MAX_FILE", 14)
    assert added("config-names", tree, "/etc/x.conf") == []


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        pytest.param({"Cmd": ["server", "--pages=/usr/share/app/pages"]}, ["/usr/share/app/pages/a", "/usr/share/app/pages/d/b"], id="a directory in a word of the command"),
        pytest.param({"Entrypoint": ["sh", "-c", "server -c /etc/app/app.conf"]}, ["/etc/app/app.conf"], id="a file in the text of a command"),
        pytest.param({"Env": ["CONF=/etc/app/app.conf", "PLACES=/gone/x:/usr/share/app/pages/d", "PATH=/usr/share/app/more:/bin", "NONE"]}, ["/etc/app/app.conf", "/usr/share/app/pages/d/b"], id="environment, but for PATH"),
        pytest.param({"Healthcheck": {"Test": ["CMD", "check", "/etc/app/app.conf"]}}, ["/etc/app/app.conf"], id="health check"),
        pytest.param({"Cmd": ["/usr/bin", "/usr/share", "/tmp/x", "/usr/share/app/large", "/var/cache/x"]}, [], id="no places of the distribution, nothing volatile, nothing large"),
        pytest.param({"Cmd": None, "Env": "A=/etc/app/app.conf", "Healthcheck": [], "Entrypoint": [1, None, {}, "\udcff/etc\0"]}, [], id="odd values"),
    ],
)  # fmt: skip
def test_what_the_image_names(config: dict[str, Any], kept: list[str]) -> None:
    tree: Tree = {
        "/usr/share/app/pages/a": "x", "/usr/share/app/pages/d/b": "x", "/usr/share/app/more/c": "x", "/usr/share/app/large/x": "x" * (5 << 20),
        "/etc/app/app.conf": "x", "/usr/bin/x": "x", "/tmp/x/y": "x", "/var/cache/x/y": "x",
    }  # fmt: skip
    assert added("config-names", tree, config=config) == kept
