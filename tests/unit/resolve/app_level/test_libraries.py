"""Libraries of languages: packages of the distribution, and trees with a manifest."""

from __future__ import annotations

import time

import pytest

from tests.unit.resolve.app_level.test_rules import added, status
from tests.unit.resolve.test_plan import Tree

INFO = "/var/lib/dpkg/info"
RUBY = "/usr/lib/ruby/vendor_ruby"


def packages(depends: dict[str, str], **files: list[str]) -> Tree:
    return {
        "/var/lib/dpkg/status": status(**depends),
        **{f"{INFO}/{name.replace('_', '-')}.list": "".join(f"{path}\n" for path in paths) for name, paths in files.items()},
        **{path: "x" for paths in files.values() for path in paths},
    }


DEBIAN = packages(
    {"ruby-web": "Depends: ruby-rack, libc, python3-x\n", "ruby-rack": "", "libc": "", "python3-x": "", "libruby": "", "ruby-other": ""},
    ruby_web=[f"{RUBY}/web.rb", f"{RUBY}/web/json.rb", "/usr/share/web/page.html", "/usr/share/doc/ruby-web/copyright"],
    ruby_rack=[f"{RUBY}/rack.rb", f"{RUBY}/rack/lazy.rb"],
    libc=["/lib/libc.so"],
    python3_x=["/usr/lib/python3/dist-packages/x.py"],
    libruby=[f"{RUBY}/own.rb", f"{RUBY}/big.rb"],
    ruby_other=[f"{RUBY}/other.rb"],
)


@pytest.mark.parametrize(
    ("access", "kept"),
    [
        pytest.param(f"{RUBY}/web.rb", [f"{RUBY}/rack.rb", f"{RUBY}/rack/lazy.rb", f"{RUBY}/web/json.rb", "/usr/share/web/page.html"], id="whole, with packages of the same language"),
        pytest.param("/usr/share/web/page.html", [], id="another file of such a package"),
        pytest.param(f"{RUBY}/own.rb", [], id="not the interpreter's own"),
        pytest.param("/lib/libc.so", [], id="not other packages"),
    ],
)  # fmt: skip
def test_packages(access: str, kept: list[str]) -> None:
    assert added("libraries", DEBIAN, access) == kept


def test_large_packages_are_kept_by_need() -> None:
    tree = packages({"libx-java": ""}, libx_java=["/usr/share/java/a.jar", "/usr/share/java/b.jar"])
    assert added("libraries", tree, "/usr/share/java/a.jar") == ["/usr/share/java/b.jar"]
    assert added("libraries", tree | {"/usr/share/java/b.jar": "x" * (17 << 20)}, "/usr/share/java/a.jar") == []


R = "/usr/lib/R/library"
SITE = "/usr/local/lib/R/site-library"
ERLANG = "/usr/local/lib/erlang/lib"
TREES: Tree = {
    f"{R}/base/R/base": "x", f"{R}/stats/R/stats.rdb": "x", f"{R}/stats/DESCRIPTION": "Package: stats\nImports: utils,\n\tgraphics (>= 1)\nSuggests: MASS\n",
    f"{R}/utils/R/utils.rdb": "x", f"{R}/graphics/R/x": "x", f"{R}/MASS/R/x": "x", f"{R}/stats/help/x": "x", f"{R}/stats/libs/stats.so": "x",
    f"{SITE}/web/DESCRIPTION": "Depends: R (>= 3), stats, gone\nLicense: x", f"{SITE}/web/R/web.rdb": "x",
    f"{ERLANG}/ssl-10.8/ebin/ssl.app": "{application, ssl,\n [{applications, [crypto, public_key,kernel]},\n {included_applications, [inc]}]}.",
    f"{ERLANG}/ssl-10.8/ebin/ssl.beam": "x", f"{ERLANG}/ssl-10.8/ebin/tls.beam": "x", f"{ERLANG}/ssl-10.8/src/ssl.erl": "x", f"{ERLANG}/ssl-10.8/priv/x": "x",
    f"{ERLANG}/crypto-5/ebin/crypto.beam": "x", f"{ERLANG}/inc-1.0/ebin/inc.beam": "x", f"{ERLANG}/other-1.0/ebin/other.beam": "x",
}  # fmt: skip


@pytest.mark.parametrize(
    ("accesses", "kept"),
    [
        pytest.param([f"{R}/stats/R/stats.rdb"], [f"{R}/graphics/R/x", f"{R}/stats/DESCRIPTION", f"{R}/stats/libs/stats.so", f"{R}/utils/R/utils.rdb"], id="R"),
        pytest.param([f"{R}/base/R/base", f"{SITE}/web/R/web.rdb"], [f"{R}/graphics/R/x", f"{R}/stats/DESCRIPTION", f"{R}/stats/R/stats.rdb", f"{R}/stats/libs/stats.so", f"{R}/utils/R/utils.rdb", f"{SITE}/web/DESCRIPTION"], id="R, two libraries"),
        pytest.param([f"{ERLANG}/ssl-10.8/ebin/ssl.beam"], [f"{ERLANG}/crypto-5/ebin/crypto.beam", f"{ERLANG}/inc-1.0/ebin/inc.beam", f"{ERLANG}/ssl-10.8/ebin/ssl.app", f"{ERLANG}/ssl-10.8/ebin/tls.beam", f"{ERLANG}/ssl-10.8/priv/x"], id="Erlang"),
    ],
)  # fmt: skip
def test_trees(accesses: list[str], kept: list[str]) -> None:
    assert added("library-trees", TREES, *accesses) == kept


@pytest.mark.parametrize("manifest", ["", "Imports:" + " ," * 100_000, "Imports:" + "\n x" * 100_000, "\x00\xff", "Imports: ../../..", "Imports: a" * 20_000])
def test_manifests_that_say_anything(manifest: str) -> None:
    begun = time.process_time()
    assert added("library-trees", TREES | {f"{R}/base/DESCRIPTION": manifest}, f"{R}/base/R/base") == [f"{R}/base/DESCRIPTION"]
    assert time.process_time() - begun < 2
