"""Every reader of foreign text stays linear, and takes whatever it gets: each on input that is made to stall it.

What comes from an image, an app or a file of somebody else is a repetition of the tokens that mean something to its
reader: alone, two in turn, after an opener that nothing closes, and at random (the seeds are fixed). A reader that is
quadratic takes minutes for these sizes, a linear one milliseconds; so the bound is absolute, and generous.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import random
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from docker_slim_plugin.base import dpkg_selections, package_manager
from docker_slim_plugin.cli.text import printable
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.kernel.mountinfo import parse_mountinfo
from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.plan import Reason, ReasonKind, Selection
from docker_slim_plugin.observe.launch import launch
from docker_slim_plugin.observe.probes.crawl import links
from docker_slim_plugin.observe.probes.http import Response, Server
from docker_slim_plugin.observe.trace import load
from docker_slim_plugin.observe.tracer import existing_processes, privilege_gain
from docker_slim_plugin.resolve import image_config, patterns, presets, script_commands, script_interpreters
from docker_slim_plugin.resolve.app_level.facts import AppFacts
from docker_slim_plugin.resolve.app_level.rules import RULES, AppLevel
from docker_slim_plugin.resolve.elf import elf_file
from docker_slim_plugin.resolve.elf.loader import Loader
from docker_slim_plugin.resolve.elf.search_paths import MappedObject, SearchPaths
from docker_slim_plugin.resolve.inventory import golang, java
from docker_slim_plugin.resolve.inventory.collect import read_inventory
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.os_release import read_distribution
from docker_slim_plugin.resolve.packages.package_units import PackageUnits
from docker_slim_plugin.resolve.plan import resolve
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.sbom.findings import read_findings
from docker_slim_plugin.verify import compare
from docker_slim_plugin.xray.certificates import NotDER, find_certificates, fingerprint, read_certificate
from docker_slim_plugin.xray.layers import read_layers
from docker_slim_plugin.xray.secrets import find_secrets
from tests.archives_of_code import go_program, jar, pom
from tests.elves import elf as made
from tests.layers import layer
from tests.observed import IMAGE, execution, observations, probe, run_result, source_image
from tests.rootfs import rootfs

SIZE, LARGE, SECONDS = 1 << 16, 1 << 19, 1.5
"""Bytes of an input, of the plain repetitions among them, and what one may take of a processor."""
SERVER = Server("127.0.0.1", 32768, 8080)
COMMON = (b"\0", b"\n", b" ", b"\r", b"\t", b"\\", b"\xff", b"\xc3\xbc", b"a", b"9")


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader of foreign text, and what means something to it."""

    read: Callable[[bytes], object]
    tokens: tuple[bytes, ...]


def of_files(read: Callable[[Rootfs], object], *names: str, **others: str) -> Callable[[bytes], object]:
    """Return a reader that finds its text in each of the named files of an image."""

    def reader(text: bytes) -> object:
        return read(rootfs({**dict.fromkeys(names, text), "/lib/libc.so.6": made(), "/usr/share/x/y": "z"}))

    return reader


def answer(kind: str) -> Callable[[bytes], object]:
    return lambda text: links(SERVER, "/", Response(200, kind, text))


def read_elf(text: bytes) -> object:
    with contextlib.suppress(elf_file.MalformedElf):
        elf_file.read(io.BytesIO(text))
    return elf_file.read_imports(io.BytesIO(text))


def elf_with(text: bytes) -> object:
    """Read ELF files whose names and search paths are foreign, and look for their libraries."""
    word = os.fsdecode(text[:4000].replace(b"\0", b""))
    tree = rootfs({"/bin/app": made(word, "lib.so", interpreter="/lib/ld.so", rpath=word), "/lib/lib.so": made()})
    return Loader(tree, (word,)).closure(RootPath("/bin/app"))


def read_jar(text: bytes) -> object:
    found = []
    with contextlib.suppress(*java.ERRORS):
        found.extend(java.read_archive(io.BytesIO(text), "/a-1.jar", java.Budget()))
    return found


def read_go(text: bytes) -> object:
    with contextlib.suppress(golang.OldBuildInfo):
        return golang.read_modules(io.BytesIO(text))


def read_vulnerabilities(text: bytes) -> object:
    with contextlib.suppress(SlimError):
        return read_findings(text)


def records(text: bytes) -> object:
    """Read what a Python distribution says of its files."""
    top = "/usr/lib/python3/site-packages"
    tree = rootfs({f"{top}/x-1.dist-info/RECORD": text, f"{top}/x.py": "", "/usr/lib/ruby/gems/x-1.0/lib/x.rb": ""})
    return PackageUnits(tree, ownership.Packages()).files_of_units([RootPath(f"{top}/x.py")])


def units(text: bytes) -> object:
    """Look for the unit of a file whose path is foreign."""
    path = "/" + os.fsdecode(text[:4000].replace(b"\0", b"")).strip("/")
    return PackageUnits(rootfs({"/a": ""}), ownership.Packages()).files_of_units([RootPath(path)])


def script(text: bytes) -> object:
    interpreter, argument = script_interpreters.parse_shebang(text[:256])
    return interpreter, script_interpreters.parse_env_program(argument), script_commands.find_command_words(os.fsdecode(text[: script_commands.MAX_SCRIPT]))


def compare_results(text: bytes) -> object:
    one = os.fsdecode(text)
    first, second = (run_result(probe("exec", output=said)) for said in (one, f"{one}7#x"))
    found = compare.compare(first, second)
    return compare.classify_outputs(found.doubtful, (first, first), (second, second))


def started(text: bytes) -> object:
    word = os.fsdecode(text[:20_000])
    config = {"Env": [word, f"PATH={word}"], "Cmd": ["x"], "ExposedPorts": {word: {}}, "WorkingDir": word, "User": word}
    image = source_image({**config, "Volumes": {f"/{word}": {}}})
    tree = rootfs({"/etc/passwd": f"{word}:x:0:0::{word}:/bin/sh\n"})
    with contextlib.suppress(SlimError):
        launch(image, [f"--publish={word}"], ())
    return list(image_config.find_directories(tree, image)), image_config.find_volume_content(tree, image, [word], [])


def planned(tree: Rootfs) -> object:
    """Plan an image of all that is there: the metadata of each package is read, and cut."""
    nothing = observations(mode="off", watch="off")
    return resolve(tree, nothing, Selection(keep=("/**",), drop=("/usr/share/x/y",)), IMAGE)


def of_rule(name: str, path: str, *others: str, **kinds: str) -> Callable[[bytes], object]:
    """Return a reader that is one rule of the level `app`, with its text in a file of an image of which all is kept.

    `others` have the text too. `kinds` are further files.
    """

    def reader(text: bytes) -> object:
        tree = rootfs({**dict.fromkeys((path, *others), text), **{place.replace("__", "/"): what for place, what in kinds.items()}})
        return asked(name, tree)

    return reader


def asked(name: str, tree: Rootfs, level: str = "app") -> object:
    accesses = tuple(execution(path) for path, entry in tree.entries.items() if entry.kind is EntryKind.FILE)
    facts = AppFacts(rootfs=tree, packages=ownership.read(tree), config={"WorkingDir": "/app"}, accesses=accesses, loader=Loader(tree))
    rules = AppLevel(facts, Selection(level=level, hints_off=frozenset(RULES) - {name}))
    kept: dict[RootPath, list[Reason]] = {path: [Reason(ReasonKind.ACCESS, "app")] for path in tree.entries}
    return list(rules.rules[name].find(kept)), list(rules.notes())


def with_head(name: str, path: str, head: bytes, **kinds: str) -> Callable[[bytes], object]:
    """Return a reader of a script with a #! line."""
    reader = of_rule(name, path, **kinds)
    return lambda text: reader(head + text)


def dependencies(text: bytes) -> object:
    tree = rootfs({"/var/lib/dpkg/status": b"Package: a\nDepends: " + text + b"\nProvides: " + text, "/var/lib/dpkg/info/a.list": "/app/a\n",
                   "/app/a": made(), "/var/lib/apt/extended_states": text})  # fmt: skip
    return asked("packages", tree), asked("packages", tree, "package")


def certificates(text: bytes) -> object:
    """Read a file of certificates, and each that seems to be in it."""
    for der in (text, *find_certificates(text, "x.crt")):
        with contextlib.suppress(NotDER):
            read_certificate(der)
    return fingerprint(text)


def layers(text: bytes) -> object:
    """Read a layer that is no tar, and one with foreign names."""
    with contextlib.suppress(SlimError):
        read_layers([io.BytesIO(text)], listed=True)
    names = [os.fsdecode(part) for part in text[:20_000].replace(b"\0", b"").split(b"\n") if part]
    with contextlib.suppress(SlimError):
        return read_layers([io.BytesIO(layer(dict.fromkeys(names, b"x")))] * 2, listed=True)
    return None


def hinted(tree: Rootfs) -> object:
    facts = presets.gather_facts(tree, (execution("/entry.sh", "sh"),), {"LANG": "de_DE.UTF-8"})
    return list(presets.find_needs(facts, frozenset()))


def matched(text: bytes) -> object:
    tree = rootfs({f"/usr/{'a' * 200}/{'ab' * 100}": "", "/etc/x/y/z": ""})
    return patterns.find_matches(tree, os.fsdecode(text[:SIZE]))


def mounted(text: bytes) -> object:
    # The kernel escapes blanks, line ends and backslashes in names, and nothing else.
    text = text[:20_000].replace(b"\0", b"")
    name = text
    for special in b"\\ \n\t":
        name = name.replace(bytes([special]), b"\\%03o" % special)
    line = b"1 2 0:3 /%s /%s rw - overlay none rw,lowerdir=/%s\n" % (name, name, name)
    (mount,) = parse_mountinfo(line)
    assert os.fsencode(mount.point) == b"/" + text
    return mount


DPKG = (b"Package: a\n", b"Status: install ok installed\n", b"Conffiles:\n", b" /etc/x ", b"0" * 32, b" obsolete", b"Depends: ")
READERS: Mapping[str, Reader] = {
    "html": Reader(
        answer("text/html"),
        (b"<", b"<a", b"<a ", b"</a", b"<a href=", b'"', b"'", b"=", b">", b"/", b"<!--", b"-->", b"--!", b"<!", b"<?", b"<![CDATA[",
         b"<script>", b"</script", b"<style>", b"<title>", b"&", b"&#", b"&#x", b"&amp;", b"href", b"<base href=x>", b"<img srcset='",
         b"a.png 1x,", b'<meta http-equiv=refresh content="', b"url", b"url=", b"<a href=x>", b"<a href='//[", b"../", b"http://"),
    ),
    "css": Reader(answer("text/css"), (b"url(", b")", b"'", b'"', b"@import", b"@import '", b"/*", b"*/", b"url('x')", b";")),
    "scripts": Reader(
        script,
        (b"#!", b"/bin/env ", b"-S", b"--split-string=", b"'", b'"', b'"\\', b"`", b"$(", b"(", b")", b"echo ", b";", b"trap ", b"eval",
         b" -c ", b"#", b"word", b"x=", b"$", b"${", b"|", b"&&", b"\\\n", b".", b"+", b"-"),
    ),
    "elf": Reader(read_elf, (b"\x7fELF\x02\x01\x01" + bytes(9), b"\x7fELF\x01\x02\x01" + bytes(9), b"\xff\xff\xff\xff", b"\x01\0\0\0", made("a"))),
    "elf names": Reader(elf_with, (b"$ORIGIN", b"${ORIGIN}", b"$LIB", b"$", b"{", b"}", b":", b"/", b"../", b"lib.so", b"/lib/")),
    "ld.so.conf": Reader(
        of_files(lambda tree: (SearchPaths(tree).ld_so_conf(), SearchPaths(tree).musl_directories()), "/etc/ld.so.conf", "/etc/ld-musl-x86_64.path"),
        (b"include ", b"/", b"*", b"?", b"[", b"]", b"**/", b"/**/", b"#", b":", b",", b"/lib\n", b"include /usr/**/*\n", b"hwcap ", b"=", b"!"),
    ),
    "dpkg": Reader(
        of_files(lambda tree: (found := ownership.read(tree), dpkg_selections.read_installed(found.stanzas)),
                 "/var/lib/dpkg/status", "/var/lib/dpkg/info/a.list"),
        (*DPKG, b"\n\n", b", ", b"| ", b"Description: x\n", b" .\n", b"/usr/share/x/y\n", b"/..", b"/usr", b":", b"Priority: required\n"),
    ),
    "distroless": Reader(
        of_files(ownership.read, "/var/lib/dpkg/status.d/a", "/var/lib/dpkg/status.d/a.md5sums"),
        (b"0" * 32 + b"  ", b"./usr", b"/", b"Package: a\n", b"Essential: yes\n"),
    ),
    "apk": Reader(
        of_files(ownership.read, "/lib/apk/db/installed"),
        (b"P:", b"F:", b"R:", b"p:", b"D:", b"\n\n", b"\nP:a\n", b"a=", b"!a ", b"so:x ", b"<", b"~", b"/"),
    ),
    "dpkg, cut": Reader(
        of_files(planned, "/var/lib/dpkg/status", "/var/lib/dpkg/info/a.list", "/var/lib/dpkg/info/a.md5sums",
                 "/var/lib/dpkg/info/a.conffiles", "/var/lib/dpkg/diversions"),
        (*DPKG, b"\n\n", b"Conffiles:\n", b" /etc/a 0123456789abcdef0123456789abcdef\n", b"/usr/share/x/y\n", b"  usr/x\n"),
    ),
    "apk, cut": Reader(
        of_files(planned, "/lib/apk/db/installed"), (b"P:a\n", b"F:usr\n", b"R:x\n", b"a:0:0:755\n", b"Z:Q1\n", b"M:", b"\n\n", b"F:", b"R:"),
    ),
    "rpm, cut": Reader(of_files(planned, "/var/lib/rpm/rpmdb.sqlite"), (b"SQLite format 3\0", b"\x10\0\1\1", b"\xff")),
    "languages, cut": Reader(
        of_files(planned, *(f"/usr/lib/python3/dist-packages/{name}" for name in ("x-1.dist-info/RECORD", "x-1.dist-info/METADATA",
                 "x-1.egg-info/PKG-INFO", "y.egg-info", "x.py")), "/app/node_modules/x/package.json",
                 "/app/node_modules/.package-lock.json", "/app/node_modules/x/index.js",
                 "/var/lib/gems/specifications/x-1.gemspec", "/var/lib/gems/gems/x-1/lib/x.rb"),
        (b"Name: x\n", b"Version: 1\n", b"x.py,sha256=0,1\n", b'{"packages":', b"{", b"}", b"[", b'"a":', b",", b'"', b"\n", b"Gem::"),
    ),
    "packages for an SBOM": Reader(
        of_files(lambda tree: read_inventory(tree, tuple(tree.entries), all_archives=True), "/var/lib/dpkg/status", "/var/lib/dpkg/info/a.list",
                 *(f"/usr/lib/python3/dist-packages/{name}" for name in ("x-1.dist-info/RECORD", "x-1.dist-info/METADATA", "y.egg-info", "x.py")),
                 "/app/node_modules/x/package.json", "/app/package.json", "/app/node_modules/x/index.js",
                 "/var/lib/gems/specifications/x-1.gemspec", "/var/lib/gems/gems/x-1/lib/x.rb", "/a.jar"),
        (*DPKG, b"\n\n", b"Source: a (1)\n", b"Source: ", b"(", b"Status: install ok installed\n", b"Status: ", b" installed", b"Name: x\n", b"License: ",
         b"Classifier: License :: ", b"{", b"}", b"[", b'"a":', b'{"license":[', b"# stub: x 1 ", b"s.licenses = [", b"s.name = '", b"'", b'"', b"x.py,"),
    ),
    "Alpine's packages for an SBOM": Reader(
        of_files(lambda tree: read_inventory(tree, tuple(tree.entries), all_archives=True), "/lib/apk/db/installed"),
        (b"P:a\n", b"V:1\n", b"L:", b"o:", b"F:usr\n", b"R:x\n", b"\n\n", b"A:"),
    ),
    "rpm's packages for an SBOM": Reader(
        of_files(lambda tree: read_inventory(tree, (), all_archives=True), "/var/lib/rpm/rpmdb.sqlite"), (b"SQLite format 3\0", b"\x10\0\1\1", b"\xff")
    ),
    "Java archives": Reader(read_jar, (b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7", jar({"a.jar": jar(pom("a", "b", "1"))}), bytes(40), b"\xff" * 40)),
    "what Java archives say": Reader(
        lambda text: read_jar(jar({"META-INF/MANIFEST.MF": text, "META-INF/maven/a/b/pom.properties": text})),
        (b"\n ", b"\r\n", b"Bundle-SymbolicName: a", b"Bundle-Version:", b";", b":", b"artifactId=", b"version=", b"=", b"#", b"\xe2\x80\xa8"),
    ),
    "Go programs": Reader(read_go, (go_program("mod\ta\tb\n"), b"\x7fELF\2\1\1", b"\xff Go buildinf:", b"\xff\xff", b".go.buildinfo\0")),
    "Go's modules": Reader(
        lambda text: read_go(go_program(os.fsdecode(text).encode(errors="replace").decode())), (b"mod\t", b"dep\t", b"=>\t", b"path\t", b"a\t", b"\n", b"."),
    ),
    "vulnerabilities": Reader(
        read_vulnerabilities,
        (b"{", b"}", b"[", b'{"matches":[', b'{"Results":[', b'{"vulnerability":{"id":', b'"', b",", b"CVE-1 pkg:a/b@1\n", b"CVE-1=", b"pkg:", b"pkg:///", b"/", b"@",
         b"?a=1&", b"&", b"#", b"%40", b"CVE-1 pkg:a/b@1?" + b"a=1&" * 200 + b"\n"),
    ),
    "records": Reader(records, (b"x.py,", b'"', b",", b"sha256=", b"../", b"/", b"x.py\n", b'""')),
    "units": Reader(units, (b"/gems/", b"x-1", b"-1", b"/node_modules/", b"@a/", b"/site-packages/", b"/", b"/dist-packages", b".")),
    "passwd and configuration": Reader(started, (b":", b"/", b"root", b"x:x:0:0::/root:", b"1:", b"99999-", b"/tcp", b"-", b"=", b"8000-8999")),
    "os-release": Reader(of_files(read_distribution, "/etc/os-release"), (b"ID=", b"VERSION_ID=", b'"', b"'", b"=", b"#")),
    "dependencies": Reader(dependencies, (b", ", b"| ", b"|", b" | ", b"a", b" (= 1)", b":any", b" ", b"\nPackage: a\nDepends: ", b"Auto-Installed: 1\n", b"Package: ", b": ", b"\n\n")),
    "distributions": Reader(
        of_rule("python", *(f"/python/site-packages/x-1.dist-info/{name}" for name in ("METADATA", "RECORD")), **{"__python__site-packages__x.py": "x"}),
        (b"Name: x\n", b"Name:", b"Requires-Dist: x\n", b"Requires-Dist:", b"x.py,\n", b"x.py", b'"', b'""', b",", b"../", b"/", b"-", b".", b"_", b"\n\n", b"x/../"),
    ),
    "manifests": Reader(
        of_rule("node", "/app/node_modules/x/package.json", **{"__app__node_modules__x__x.js": "x", "__node_modules__y__package.json": "{}"}),
        (b"{", b"}", b"[", b"]", b'{"dependencies":{', b'{"dependencies":', b'"x":1,', b'"../x":', b'"', b":", b",", b"1", b"e9", b"\\u0000", b"\\ud800", b"null", b"-"),
    ),
    "gemspecs": Reader(
        of_rule("ruby", "/gems/specifications/x-1.gemspec", **{"__gems__gems__x-1__x.rb": "x", "__gems__gems__y-1__x.rb": "x"}),
        (b"add_dependency", b"add_runtime_dependency(", b"add_dependency '", b"%q<", b"'", b"(", b"y", b"-", b".", b">", b"add_"),
    ),
    "perl": Reader(
        with_head("perl", "/bin/x", b"#!/usr/bin/perl\n", __usr__share__perl5__A="x"),
        (b"use ", b"use", b"no ", b"require ", b"do '", b"use parent ", b"use base", b"A", b"A::", b"::", b"'", b'"', b"qw(", b"\n__END__", b";", b"./", b"\nuse A", b"\n", b" ", b"a"),
    ),
    "first lines": Reader(lambda text: with_head("perl", "/bin/x", b"#!")(text[:300]), (b"/usr/bin/env ", b"perl", b"-S", b"'", b'"', b"/")),
    "commands": Reader(
        with_head("commands", "/bin/x", b"#!/bin/sh\n"),
        (b"word", b"/bin/x", b"../", b"/", b"'", b'"', b'"\\', b"`", b"$(", b")", b"echo ", b";", b"trap ", b"#", b"=", b"${", b"|", b".", b"+", b"-"),
    ),
    "pam": Reader(
        of_rule("pam", "/etc/pam.d/other", "/etc/passwd", **{"__lib__security__pam_a.so": "x", "__home__a__x": "x", "__lib__libpam.so.0": "x"}),
        (b"pam_", b"pam_a.so", b".so", b"_", b"\n", b"a:x:0:0::/home/a:/bin/sh\n", b"a:x:0:0::/home/../..:/\n", b":", b"/", b"/home/a", b"../"),
    ),
    "configuration": Reader(
        of_rule("config-names", "/etc/x.conf", __usr__share__x="x"),
        (b"/", b"/etc/x.conf", b"/a", b"a/", b"../", b".", b"@", b"+", b"-", b"@/", b"+/", b"//", b"_", b"="),
    ),
    "programs": Reader(
        with_head("authorities", "/bin/x", b"\x7fELF"), (b"/etc/ssl/cert", b"/etc/ssl/", b"ca-certificates.cr", b"cacert.pe", b"c", b"/")
    ),
    "hints": Reader(
        of_files(hinted, "/etc/nsswitch.conf", "/entry.sh", "/usr/lib/locale/x"),
        (b"passwd:", b"files ", b"[", b"]", b"#", b"../", b"hosts: dns\n", b"#!/bin/sh\n", b'"\\', b"/"),
    ),
    "patterns": Reader(matched, (b"*", b"?", b"[", b"]", b"[!", b"[]", b"**", b"/**", b"/", b"*a", b"a-", b"-", b"..", b"/../", b"{", b"(")),
    "mountinfo": Reader(mounted, (b" - ", b"/", b"\\040", b",", b":", b"lowerdir=")),
    "answers": Reader(compare_results, (b"0x", b"deadbee", b"deadbeef", b"#", b"1", b"\xef\xb7\x90", b"Z")),
    "apt": Reader(lambda text: package_manager._STEP.findall(os.fsdecode(text)), (b"Purg ", b"\nInst ", b":", b"a:", b"[1]")),
    "certificates": Reader(
        certificates,
        (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN ", b"-----END ", b"MII", b"\x30\x80", b"\x30\x82\xff\xff", b"\x30\x01", b"\x31", b"\xa0\x03\x02\x01\x02", b"\x17\x0d", b"="),
    ),
    "layers": Reader(layers, (b"ustar\x0000", b"./", b"../", b".wh.", b".wh..wh..opq", b"L", b"x", b"path=", b"0000755\0", b"99 path=a\n", b"\x80\xff")),
    "secrets": Reader(
        lambda text: [list(find_secrets(text, name)) for name in ("x", ".env", "shadow", "config.json")],
        (b"-----BEGIN ", b"PRIVATE KEY-----", b"-----BEGIN PRIVATE KEY-----", b"AKIA", b"ghp_", b"password", b"token: ", b'"auth":', b":$", b"="),
    ),
    "texts": Reader(lambda text: printable(os.fsdecode(text)), (b"\x1b[", b"\x9b", b"\xe2\x80\xae")),
}  # fmt: skip


def inputs(tokens: tuple[bytes, ...], seed: str) -> Iterator[bytes]:
    """Yield hostile texts: each token over and over, pairs in turn, one before many of another, and all at random."""
    chance = random.Random(seed)
    known = (*tokens, *COMMON)
    yield b""
    for token in tokens:
        yield token * (LARGE // len(token))
    pairs = list(itertools.permutations(known, 2))
    for one, other in chance.sample(pairs, min(30, len(pairs))):
        yield (one + other) * (SIZE // len(one + other))
        yield one + other * (SIZE // len(other)) + one
    for _ in range(12):
        text = b"".join(chance.choices(known, k=4000))
        yield text[: chance.randrange(len(text))]


@pytest.mark.parametrize("name", READERS)
def test_foreign_text_is_read_in_linear_time(name: str) -> None:
    reader = READERS[name]
    for text in inputs(reader.tokens, name):
        begun = time.process_time()
        reader.read(text)
        assert time.process_time() - begun < SECONDS, (text[:60], text[-60:], len(text))


def test_what_has_once_stalled_a_run() -> None:
    """The inputs that were seen to take minutes or for ever."""
    begun = time.process_time()
    for text in (b'<meta http-equiv=refresh content="' + b" " * 3000, b"<a" * 100_000, b"<a href=x" * 100_000):
        READERS["html"].read(text)
    READERS["html"].read(b"<base href='/" + b"x/" * 250_000 + b"'>" + b"<a href=y>" * 40_000)
    script_commands.find_command_words('"\\' * (script_commands.MAX_SCRIPT // 2))
    assert time.process_time() - begun < SECONDS


def test_users_whose_home_is_the_whole_image() -> None:
    tree = {f"/srv/d{index % 100}/f{index}": "" for index in range(20_000)} | {"/lib/libpam.so.0": "x"}
    users = "".join(f"u{index}:x:{index}:1::/home/..:/bin/sh{index}\n" for index in range(5000))
    begun = time.process_time()
    found = asked("pam", rootfs({**tree, "/home/a": "", "/etc/passwd": users}))
    assert "/home/a" not in str(found)
    assert time.process_time() - begun < SECONDS


def test_distributions_that_one_package_brought() -> None:
    """Each of them has the files of the package, if they have no RECORD."""
    top = "/python/dist-packages"
    names = [f"{top}/x{index}.egg-info" for index in range(4000)]
    tree = {name: f"Name: x{index}\nRequires-Dist: x{index + 1}\n" for index, name in enumerate(names)}
    tree |= {f"{top}/x.py": "x", "/var/lib/dpkg/status": "Package: a\n", "/var/lib/dpkg/info/a.list": "\n".join([*names, f"{top}/x.py"])}
    image = rootfs(tree)
    begun = time.process_time()
    asked("python", image)
    assert time.process_time() - begun < SECONDS


def test_elf_files_with_bytes_of_chance() -> None:
    chance = random.Random(7)
    whole = made("libc.so.6", "libm.so.6", interpreter="/lib/ld.so", soname="x", rpath="/a:/b", runpath="$ORIGIN")
    begun = time.process_time()
    for _ in range(1500):
        text = bytearray(whole)
        for _ in range(chance.randrange(1, 8)):
            at = chance.randrange(len(text) - 8)
            text[at : at + 8] = chance.choice((
                chance.randbytes(8),
                struct.pack("<Q", chance.choice((0, 1, (1 << 64) - 1, 1 << 63, 0x400000, len(text)))),
            ))
        read_elf(bytes(text[: chance.randrange(len(text) + 1)]))
    assert time.process_time() - begun < 3 * SECONDS


def test_search_paths_of_foreign_files_are_bounded() -> None:
    """Memory, not time: what is kept of each file of an image."""
    path = ":".join("/" * 1 for _ in range(2000))
    found = elf_file.read(io.BytesIO(made("x", rpath=path)))
    assert len(found.rpath) <= elf_file.MAX_DIRECTORIES
    deep = MappedObject("/" + "d/" * 1900 + "app", found)
    assert len(list(SearchPaths(rootfs({"/a": ""}), ("$ORIGIN" * 500,)).directories_for(deep, musl=False))) <= 256
    assert all(len(place) <= 4096 for place in SearchPaths(rootfs({"/a": ""}), ("$ORIGIN" * 500,)).directories_for(deep, musl=False))


@pytest.mark.parametrize(
    "text", [b"[" * LARGE, b'{"Format":"docker-slim-trace","SchemaVersion":1,"Runs":' + b"[" * LARGE, b'"' + b"\\u0000" * LARGE, b"9" * LARGE]
)  # fmt: skip
def test_traces(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "t").write_bytes(text)
    begun = time.process_time()
    with pytest.raises(SlimError):
        load(str(tmp_path / "t"))
    assert time.process_time() - begun < SECONDS


def test_a_process_may_be_called_anything() -> None:
    """A name with a carriage return is one line of /proc/PID/status, whatever it looks like."""
    code = r"open('/proc/self/comm', 'wb').write(b'x\rUid:1\rx'); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        assert privilege_gain._effective_ids(process.pid) == (os.geteuid(), os.getegid())
        assert not existing_processes.is_traced_or_ended(process.pid)
        process.stdin.close()
