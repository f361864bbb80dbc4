"""The command of PHP beside a server."""

from __future__ import annotations

import pytest

from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.resolve.app_level import php_command
from tests.elves import elf
from tests.observed import access
from tests.unit.resolve.app_level.test_rules import added
from tests.unit.resolve.test_plan import Tree

TREE: Tree = {
    "/usr/bin/php": "-> /etc/alternatives/php", "/etc/alternatives/php": "-> /usr/bin/php8.2", "/usr/bin/php8.2": elf(),
    "/etc/php/8.2/cli/php.ini": "x", "/etc/php/8.2/cli/conf.d/10-a.ini": "x", "/etc/php/8.2/fpm/php.ini": "x", "/usr/sbin/web": elf(),
    "/usr/lib/apache2/modules/libphp8.2.so": elf(), "/usr/sbin/php-fpm8.2": elf(), "/usr/local/sbin/php-fpm": elf(),
}  # fmt: skip
KEPT = ["/etc/alternatives/php", "/etc/php/8.2/cli/conf.d/10-a.ini", "/etc/php/8.2/cli/php.ini", "/usr/bin/php", "/usr/bin/php8.2"]


@pytest.mark.parametrize(
    ("server", "kept"),
    [
        pytest.param("/usr/lib/apache2/modules/libphp8.2.so", KEPT, id="a module"),
        pytest.param("/usr/sbin/php-fpm8.2", KEPT, id="a program"),
        pytest.param("/usr/local/sbin/php-fpm", KEPT, id="a program of PHP's own installer"),
        pytest.param("/usr/sbin/web", [], id="another server"),
    ],
)
def test_command(server: str, kept: list[str]) -> None:
    assert added("php-command", TREE, server) == kept
    assert added("php-command", TREE, access(server, AccessKind.STAT)) == []


def test_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    tree: Tree = {"/usr/sbin/php-fpm": elf(), "/etc/php/8.2/cli/php.ini": "x"}
    assert added("php-command", tree, "/usr/sbin/php-fpm") == []
    monkeypatch.setattr(php_command, "MAX_COMMAND", 1)
    assert added("php-command", TREE, "/usr/sbin/php-fpm8.2") == []
