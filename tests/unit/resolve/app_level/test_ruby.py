"""Gems and the standard library of Ruby."""

from __future__ import annotations

import pytest

from tests.unit.resolve.app_level.test_rules import added
from tests.unit.resolve.test_plan import Tree

TOP = "/usr/local/bundle"
GEMS: Tree = {
    f"{TOP}/gems/web-1.0/lib/web.rb": "x", f"{TOP}/gems/web-1.0/lib/lazy.rb": "x", f"{TOP}/gems/web-1.0/spec/x.rb": "x",
    f"{TOP}/specifications/web-1.0.gemspec": "s.add_runtime_dependency(%q<native-ext>.freeze, [\">= 1\"])\ns.add_dependency 'plain'\ns.add_development_dependency(%q<dev>)\ns.add_dependency('gone')\n",
    f"{TOP}/gems/native-ext-1.15.4-x86_64-linux/lib/n.rb": "x",
    f"{TOP}/specifications/native-ext-1.15.4-x86_64-linux.gemspec": "add_dependency(%q<web>)",
    f"{TOP}/gems/plain-2.0/lib/p.rb": "x", f"{TOP}/gems/dev-1.0/lib/d.rb": "x",
    f"{TOP}/extensions/x86_64-linux/3.2.0/plain-2.0/gem.build_complete": "", f"{TOP}/extensions/x86_64-linux/3.2.0/dev-1.0/gem.build_complete": "",
}  # fmt: skip
OTHERS = [
    f"{TOP}/extensions/x86_64-linux/3.2.0/plain-2.0/gem.build_complete", f"{TOP}/gems/native-ext-1.15.4-x86_64-linux/lib/n.rb",
    f"{TOP}/gems/plain-2.0/lib/p.rb", f"{TOP}/gems/web-1.0/lib/lazy.rb", f"{TOP}/specifications/native-ext-1.15.4-x86_64-linux.gemspec",
    f"{TOP}/specifications/web-1.0.gemspec",
]  # fmt: skip


@pytest.mark.parametrize(
    ("tree", "accesses", "kept"),
    [
        pytest.param(GEMS, [f"{TOP}/gems/web-1.0/lib/web.rb"], OTHERS, id="whole, with what it requires, in cycles too"),
        pytest.param(GEMS, [f"{TOP}/specifications/web-1.0.gemspec"], [], id="a specification is no use of a gem"),
        pytest.param(GEMS, [f"{TOP}/gems/web-1.0"], [], id="nor is a directory"),
        pytest.param({"/gems/a-1/a.rb": "x", "/gems/a-1/b.rb": "x", "/gems/a-1/c/": "", "/specifications/a-1.gemspec/": ""}, ["/gems/a-1/a.rb"], ["/gems/a-1/b.rb"], id="in the root directory, with a specification that is none"),
        pytest.param({"/gems/a-1/a.rb": "x", "/gems/b": "x", "/gems/-1/x": "", "/specifications/a-1.gemspec": "add_dependency '..'\nadd_dependency ''\nadd_dependency 'b'\nadd_dependency('../..')"}, ["/gems/a-1/a.rb"], ["/specifications/a-1.gemspec"], id="odd names"),
    ],
)  # fmt: skip
def test_gems(tree: Tree, accesses: list[str], kept: list[str]) -> None:
    assert added("ruby", tree, *accesses) == kept


@pytest.mark.parametrize("top", ["/usr/local/lib/ruby/3.2.0", "/usr/lib/x86_64-linux-gnu/ruby/3.1.0", "/usr/lib64/ruby/3.0.0"])
def test_standard_library(top: str) -> None:
    tree: Tree = {f"{top}/{name}": "x" for name in ("set.rb", "json/ext.rb", "irb.rb", "irb/x.rb", "bundler/x.rb", "rdoc.rb", "used.rb")}
    assert added("ruby", tree, f"{top}/used.rb") == [f"{top}/json/ext.rb", f"{top}/set.rb"]
    prefix, _, version = top.rpartition("/")
    gems = f"{prefix}/gems/{version}/gems"
    tree |= {f"{gems}/matrix-0.4.2/lib/matrix.rb": "x", f"{gems}/rbs-2.1.0/lib/rbs.rb": "x"}
    assert added("ruby", tree, f"{top}/used.rb") == sorted([f"{gems}/matrix-0.4.2/lib/matrix.rb", f"{top}/json/ext.rb", f"{top}/set.rb"])


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        pytest.param("def f\n  require 'irb'\nend\n", ["irb.rb", "irb/x.rb", "rdoc.rb", "rdoc/ri.rb", "reline.rb"], id="a library that loads it"),
        pytest.param("# require 'irb'\nrequire 'irb2'\nrequire irb\n", [], id="none"),
    ],
)
def test_console(source: str, kept: list[str]) -> None:
    top = "/usr/local/lib/ruby/3.2.0"
    tree: Tree = {f"{top}/{name}": "x" for name in ("irb.rb", "irb/x.rb", "reline.rb", "rdoc.rb", "rdoc/ri.rb", "rdoc/generator/x.rb", "used.rb")}
    tree |= {f"{TOP}/gems/web-1.0/lib/web.rb": "x", f"{TOP}/gems/web-1.0/lib/console.rb": source}
    files = [f"{TOP}/gems/web-1.0/lib/console.rb", *(f"{top}/{name}" for name in kept)]
    assert added("ruby", tree, f"{top}/used.rb", f"{TOP}/gems/web-1.0/lib/web.rb") == files


def test_programs_of_gems() -> None:
    tree: Tree = {
        f"{TOP}/gems/web-1.0/lib/web.rb": "x", f"{TOP}/gems/web-1.0/exe/web": "x", f"{TOP}/gems/web-1.0/bin/setup": "x", f"{TOP}/gems/dev-1.0/exe/dev": "x",
        "/usr/bin/web": "#!/usr/bin/ruby\n", "/usr/bin/dev": "#!/usr/bin/ruby\n", "/usr/bin/setup": "x" * 5000, "/opt/web": "x",
    }  # fmt: skip
    assert added("ruby", tree, f"{TOP}/gems/web-1.0/lib/web.rb") == ["/usr/bin/web", f"{TOP}/gems/web-1.0/bin/setup", f"{TOP}/gems/web-1.0/exe/web"]


def test_installers_offer_consoles() -> None:
    top = "/usr/local/lib/ruby/3.2.0"
    tree: Tree = {f"{top}/irb.rb": "x", f"{top}/used.rb": "x", f"{TOP}/gems/bundler-1.0/lib/a.rb": "require 'irb'"}
    assert added("ruby", tree, f"{top}/used.rb", f"{TOP}/gems/bundler-1.0/lib/a.rb") == []


def test_rubygems_of_debian() -> None:
    top = "/usr/lib/ruby/vendor_ruby/rubygems"
    tree: Tree = {f"{top}/{name}": "x" for name in ("used.rb", "request_set.rb", "resolver/a.rb", "commands/b.rb", "package.rb")}
    assert added("ruby", tree, f"{top}/used.rb") == [f"{top}/request_set.rb", f"{top}/resolver/a.rb"]


VENDOR = "/usr/lib/ruby/vendor_ruby"


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        pytest.param("def f\n  require 'lazy'\nend\n", OTHERS, id="a gem, in a method"),
        pytest.param('autoload :N, "n/x"\n', OTHERS, id="autoload"),
        pytest.param("require('p.rb')", [one for one in OTHERS if "plain" in one], id="a gem that requires none"),
        pytest.param("gem 'yaml2'\nrequire 'deb'\nrequire \"deb/more\"\n", [f"{VENDOR}/deb.rb", f"{VENDOR}/deb/more.rb"], id="files of Debian's packages"),
        pytest.param("x.require 'lazy'\n# require 'lazy'\nrequire lazy\nrequire_relative 'lazy'\nrequire '../lazy'\n", [], id="other words"),
    ],
)  # fmt: skip
def test_what_the_apps_sources_load(source: str, kept: list[str]) -> None:
    tree: Tree = {**GEMS, "/app/a.rb": source, "/app/b": "#!/usr/bin/env ruby\nrequire 'gone'\n", f"{VENDOR}/deb.rb": "x", f"{VENDOR}/deb/more.rb": "x"}
    web = [f"{TOP}/gems/web-1.0/lib/web.rb"] if "web" in str(kept) else []
    assert added("ruby", tree, "/app/a.rb", "/app/b") == sorted([*kept, *web])
