"""Package metadata in the plan: only of packages that are present, and cut to their kept files."""

from __future__ import annotations

import hashlib
import random
import time

import pytest

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.model.plan import Group, Reason, ReasonKind
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.metadata import apk, dpkg, python
from tests.observed import IMAGE, access, observations
from tests.rootfs import rootfs
from tests.unit.resolve.packages.test_ownership import APK, DPKG
from tests.unit.resolve.test_plan import NO_HINTS, Tree, files, plan

WITH = NO_HINTS - {"pkgdb"}
INFO = "/var/lib/dpkg/info"
FULL = DPKG | {
    f"{INFO}/bash.md5sums": "0" * 32 + "  bin/bash\n" + "1" * 32 + "  usr/share/doc/bash/x\n",
    f"{INFO}/bash.conffiles": "/etc/bash.bashrc\n/opt/a conf\n",
    f"{INFO}/bash.postinst": "#!/bin/sh\n", f"{INFO}/bash.triggers": "x", f"{INFO}/format": "1\n",
    f"{INFO}/nginx.md5sums": "2" * 32 + "  usr/sbin/nginx\n", f"{INFO}/libc6:amd64.md5sums": "",
    "/var/lib/dpkg/arch": "amd64\n",
}  # fmt: skip


def kept_texts(tree: Tree, *kept: str | Access) -> dict[str, str]:
    """Return the kept files with their contents."""
    found = plan(tree, *kept, hints_off=WITH)
    assert found.warnings == ()
    source = rootfs(tree)
    whole = {one.entry.path: one.content for one in found.kept if one.entry.path in set(files(found))}
    return {
        path: (source.read(path) if content is None else content).decode(errors="surrogateescape")
        for path, content in whole.items()
    }


def test_dpkg() -> None:
    found = kept_texts(FULL, "/bin/bash", "/etc/bash.bashrc")
    assert {path: text for path, text in found.items() if path.startswith("/var/lib/dpkg") and path != "/var/lib/dpkg/status"} == {
        "/var/lib/dpkg/arch": "amd64\n",
        f"{INFO}/format": "1\n",
        f"{INFO}/bash.list": "/.\n/bin\n/bin/bash\n/etc/bash.bashrc\n",
        f"{INFO}/bash.md5sums": "0" * 32 + "  bin/bash\n",
        f"{INFO}/bash.conffiles": "/etc/bash.bashrc\n",
    }
    status = found["/var/lib/dpkg/status"]
    assert "Conffiles:\n /etc/bash.bashrc 89269e1298235f1b12b4c16e4065ad0d\n\n" in status
    assert status.count("Package:") == 1


def test_no_configuration_files_no_field() -> None:
    found = kept_texts(FULL, "/bin/bash")
    assert "Conffiles" not in found["/var/lib/dpkg/status"]
    assert f"{INFO}/bash.conffiles" not in found


def test_whose_files_are_in_is_the_distribution_s_group() -> None:
    found = plan(FULL, "/bin/bash", hints_off=WITH).by_path()
    one = found[RootPath(f"{INFO}/bash.list")]
    assert one.group is Group.CONFIG
    assert [reason.kind for reason in one.reasons] == [ReasonKind.GENERATED, ReasonKind.HINT]
    assert found[RootPath(f"{INFO}/format")].reasons == (Reason(ReasonKind.HINT, "pkgdb", "package database"),)


def test_metadata_that_was_read_is_unchanged() -> None:
    found = kept_texts(FULL, "/bin/bash", f"{INFO}/bash.list", f"{INFO}/nginx.list", access(f"{INFO}/nginx.md5sums", AccessKind.STAT))
    assert found[f"{INFO}/bash.list"] == FULL[f"{INFO}/bash.list"]
    assert found[f"{INFO}/nginx.list"] == FULL[f"{INFO}/nginx.list"]
    assert f"{INFO}/nginx.md5sums" not in found


def test_turned_off() -> None:
    assert files(plan(FULL | SITE, "/bin/bash", "/s/site-packages/flask/app.py")) == [
        "/bin", "/s/site-packages/flask/app.py", "/usr/bin/bash",
    ]  # fmt: skip


def test_a_link_to_a_directory_is_no_file_of_a_package() -> None:
    assert "Package: bash" not in kept_texts(FULL, "/bin")["/var/lib/dpkg/status"]


def test_diversions() -> None:
    tree = FULL | {
        "/var/lib/dpkg/diversions": "/bin/sh\n/bin/sh.distrib\ndash\n/bin/no\n/bin/no.distrib\nx\n",
        "/usr/bin/sh": "dash's", "/usr/bin/sh.distrib": "bash's",
        f"{INFO}/bash.list": "/.\n/bin/sh\n", f"{INFO}/dash.list": "/bin/sh\n",
    }  # fmt: skip
    found = ownership.read(rootfs(tree))
    assert found.owners[RootPath("/usr/bin/sh")] == "dash"
    assert found.owners[RootPath("/usr/bin/sh.distrib")] == "bash"
    kept = kept_texts(tree, "/bin/sh.distrib")
    assert kept[f"{INFO}/bash.list"] == "/.\n/bin/sh\n"
    assert f"{INFO}/dash.list" not in kept
    assert kept["/var/lib/dpkg/diversions"] == "/bin/sh\n/bin/sh.distrib\ndash\n"


def test_distroless() -> None:
    place = "/var/lib/dpkg/status.d"
    tree: Tree = {
        "/lib/a": "x", "/lib/b": "x", f"{place}/a": "Package: a\n", f"{place}/b": "Package: b\n",
        f"{place}/a.md5sums": "0" * 32 + "  lib/a\n" + "1" * 32 + "  lib/gone\n", f"{place}/b.md5sums": "0" * 32 + "  ./lib/b\n",
    }  # fmt: skip
    assert kept_texts(tree, "/lib/a", access(f"{place}/b", AccessKind.STAT)) == {
        "/lib/a": "x", f"{place}/a": "Package: a\n", f"{place}/a.md5sums": "0" * 32 + "  lib/a\n",
    }  # fmt: skip


def test_apk() -> None:
    entry = "C:Q1\nP:a\nV:1\nF:bin\nM:0:0:700\nR:a\na:0:0:755\nZ:Q1a\nR:gone\na:0:0:755\nZ:Q1b\nF:gone\nR:x\nZ:Q1c\nF:etc\nR:c\n\n"
    tree: Tree = {"/bin/a": "x", "/etc/c": "x", "/lib/apk/db/installed": entry + APK, "/lib/apk/db/scripts.tar": "x"}
    assert kept_texts(tree, "/bin/a") == {
        "/bin/a": "x", "/lib/apk/db/installed": "C:Q1\nP:a\nV:1\nF:bin\nM:0:0:700\nR:a\na:0:0:755\nZ:Q1a\nF:etc\n\n",
    }  # fmt: skip


SITE: Tree = {
    "/s/site-packages/flask/app.py": "x", "/s/site-packages/flask/cli.py": "x", "/s/bin/flask": "x",
    "/s/site-packages/flask-3.dist-info/METADATA": "Name: flask\n", "/s/site-packages/flask-3.dist-info/WHEEL": "x",
    "/s/site-packages/flask-3.dist-info/RECORD": (
        '../bin/flask,sha256=a,1\r\n"flask/a ""b"".py",sha256=b,2\r\nflask/app.py,sha256=c,3\r\nflask-3.dist-info/METADATA,sha256=d,4\r\n'
        "flask-3.dist-info/RECORD,,\r\nflask/cli.py,sha256=e,5\r\n"
    ),
    '/s/site-packages/flask/a "b".py': "x", "/s/site-packages/flask-3.dist-info/entry_points.txt": "x",
    "/s/site-packages/flask-3.dist-info/licenses/LICENSE": "x", "/s/site-packages/flask-3.dist-info/top_level.txt": "flask\n",
}  # fmt: skip
OF_FLASK = {f"/s/site-packages/flask-3.dist-info/{name}" for name in ("METADATA", "RECORD", "entry_points.txt", "top_level.txt")}


def test_python() -> None:
    found = kept_texts(SITE, "/s/site-packages/flask/app.py", '/s/site-packages/flask/a "b".py')
    assert {path for path in found if "dist-info" in path} == OF_FLASK
    assert found["/s/site-packages/flask-3.dist-info/RECORD"] == (
        '"flask/a ""b"".py",sha256=b,2\r\nflask/app.py,sha256=c,3\r\nflask-3.dist-info/METADATA,sha256=d,4\r\n'
        "flask-3.dist-info/RECORD,,\r\n"
    )


@pytest.mark.parametrize(
    ("tree", "kept", "metadata"),
    [
        pytest.param({}, ["/s/bin/flask"], OF_FLASK, id="a script alone"),
        pytest.param({}, ["/other"], set(), id="nothing"),
        pytest.param(
            {}, [access("/s/site-packages/flask-3.dist-info/METADATA", AccessKind.STAT)], set(), id="metadata that was looked for"
        ),
        pytest.param(
            {},
            ["/s/site-packages/flask-3.dist-info/entry_points.txt"],
            {"/s/site-packages/flask-3.dist-info/entry_points.txt"},
            id="metadata that was read",
        ),
        pytest.param(
            {"/d/six.py": "x", "/d/six-1.egg-info": "Name: six"}, ["/d/six.py"], {"/d/six-1.egg-info"}, id="an egg-info file"
        ),
        pytest.param({"/d/six.py": "x", "/d/six-1.egg-info": "Name: six"}, ["/other"], set(), id="an egg-info file of what is not in"),
        pytest.param(
            {"/d/yaml/a.py": "x", "/d/PyYAML-1.egg-info/PKG-INFO": "x", "/d/PyYAML-1.egg-info/top_level.txt": "_yaml\nyaml\n"},
            ["/d/yaml/a.py"],
            {"/d/PyYAML-1.egg-info/PKG-INFO", "/d/PyYAML-1.egg-info/top_level.txt"},
            id="by its top level",
        ),
        pytest.param(
            {"/d/a.py": "x", "/d/z-1.egg-info/PKG-INFO": "x", "/d/z-1.egg-info/installed-files.txt": "../a.py\n../b.py\nPKG-INFO\n"},
            ["/d/a.py"],
            {"/d/z-1.egg-info/PKG-INFO", "/d/z-1.egg-info/installed-files.txt"},
            id="by the list of an old install",
        ),
        pytest.param(
            {"/d/z-1.egg/z/a.py": "x", "/d/z-1.egg/EGG-INFO/PKG-INFO": "x"},
            ["/d/z-1.egg/z/a.py"],
            {"/d/z-1.egg/EGG-INFO/PKG-INFO"},
            id="an egg",
        ),
    ],
)
def test_python_distributions(tree: Tree, kept: list[str | Access], metadata: set[str]) -> None:
    found = plan(SITE | tree | {"/other": "x"}, *kept, hints_off=WITH)
    assert {path for path in files(found) if "info" in path.lower()} == metadata
    directories = {one.entry.path for one in found.kept} - set(files(found))
    assert {path for path in directories if "-info" in path.lower()} <= {path.rpartition("/")[0] for path in metadata} | {
        "/s/site-packages/flask-3.dist-info/licenses"
    }
    assert ("scanners may report" in "".join(found.notes)) == (metadata == {"/s/site-packages/flask-3.dist-info/entry_points.txt"})


def test_a_distribution_in_a_distribution_s_package() -> None:
    site = "/usr/lib/python3/dist-packages"
    tree = FULL | {
        f"{site}/x/a.py": "x", f"{site}/other-1.dist-info/METADATA": "x",
        f"{site}/other-1.dist-info/RECORD": "x/a.py,,\nx/b.py,,\n",
        f"{INFO}/python3-x.list": f"{site}/x/a.py\n{site}/other-1.dist-info/METADATA\n{site}/other-1.dist-info/RECORD\n",
        f"{INFO}/python3-x.md5sums": "3" * 32 + f"  {site[1:]}/other-1.dist-info/RECORD\n",
        "/var/lib/dpkg/status": "Package: python3-x\nStatus: install ok installed\n\n",
    }  # fmt: skip
    found = kept_texts(tree, f"{site}/x/a.py")
    assert found[f"{site}/other-1.dist-info/RECORD"] == "x/a.py,,\n"
    digest = hashlib.md5(b"x/a.py,,\n", usedforsecurity=False).hexdigest()
    assert found[f"{INFO}/python3-x.md5sums"] == f"{digest}  {site[1:]}/other-1.dist-info/RECORD\n"
    alone = kept_texts(tree, f"{site}/other-1.dist-info/METADATA")
    assert alone["/var/lib/dpkg/status"] == ""


def test_npm() -> None:
    modules = "/app/node_modules"
    tree: Tree = {
        "/app/package.json": '{"name": "app"}', "/app/index.js": "x", f"{modules}/.package-lock.json": "{}",
        f"{modules}/a/package.json": "{}", f"{modules}/a/lib/a.js": "x", f"{modules}/a/lib/package.json": "{}",
        f"{modules}/@s/b/package.json": "{}", f"{modules}/@s/b/b.js": "x", f"{modules}/a/node_modules/c/package.json": "{}",
        f"{modules}/a/node_modules/c/c.js": "x", f"{modules}/d/package.json": "{}", f"{modules}/d/d.js": "x",
    }  # fmt: skip
    looked = access(f"{modules}/d/package.json", AccessKind.STAT), access(f"{modules}/.package-lock.json", AccessKind.STAT)
    found = kept_texts(tree, f"{modules}/a/lib/a.js", f"{modules}/@s/b/b.js", *looked)
    assert set(found) == {f"{modules}/a/lib/a.js", f"{modules}/@s/b/b.js", f"{modules}/a/package.json", f"{modules}/@s/b/package.json"}
    assert set(kept_texts(tree, "/app/index.js")) == {"/app/index.js", "/app/package.json"}
    assert set(kept_texts(tree, f"{modules}/d/package.json")) == {f"{modules}/d/package.json"}


HOME = "/var/lib/gems/3.1.0"
DEFAULT = "/usr/lib/ruby/gems/3.1.0"
GEMS: Tree = {
    f"{HOME}/gems/rack-2.2/lib/rack.rb": "x",
    f"{HOME}/specifications/rack-2.2.gemspec": "# stub: rack 2.2 ruby lib\ns.add_development_dependency(%q<idle>.freeze)\n"
    's.add_dependency(%q<tilt>.freeze, ["> 1"])\ns.add_dependency(%q<idle>.freeze)',
    f"{HOME}/gems/tilt-2.0/lib/tilt.rb": "x", f"{HOME}/specifications/tilt-2.0.gemspec": "# stub: tilt 2.0 ruby lib\n",
    f"{HOME}/gems/idle-1.0/lib/idle.rb": "x", f"{HOME}/specifications/idle-1.0.gemspec": "# stub: idle 1.0 ruby lib\n",
    f"{HOME}/extensions/x86_64-linux/3.1.0/idle-1.0/gem.build_complete": "",
    "/usr/lib/ruby/3.1.0/json.rb": "x", "/usr/lib/ruby/3.1.0/csv.rb": "x", "/usr/lib/x86_64-linux-gnu/ruby/3.1.0/etc.so": "x",
    f"{DEFAULT}/specifications/default/json-2.6.gemspec": 's.files = ["README.md".freeze, "lib/json.rb".freeze]',
    f"{DEFAULT}/specifications/default/csv-3.2.gemspec": 's.files = ["csv.rb".freeze]',
    f"{DEFAULT}/specifications/default/etc-1.3.gemspec": 's.files = ["etc.so".freeze]',
    "/app/Gemfile.lock": "GEM\n  specs:\n    idle (1.0)\n      dep (1)\n",
}  # fmt: skip


@pytest.mark.parametrize(
    ("kept", "gems"),
    [
        pytest.param([f"{HOME}/gems/rack-2.2/lib/rack.rb"], ["rack-2.2", "tilt-2.0"], id="and what it depends on"),
        pytest.param(["/usr/lib/ruby/3.1.0/json.rb", "/usr/lib/x86_64-linux-gnu/ruby/3.1.0/etc.so"], ["etc-1.3", "json-2.6"], id="default"),
        pytest.param([f"{HOME}/extensions/x86_64-linux/3.1.0/idle-1.0/gem.build_complete"], [], id="a mark is no code"),
        pytest.param(["/app/Gemfile.lock"], ["idle-1.0"], id="locked"),
    ],
)
def test_gems(kept: list[str], gems: list[str]) -> None:
    specifications = [path for path in GEMS if path.endswith(".gemspec")]
    found = kept_texts(GEMS, *kept, *specifications)
    assert sorted(path.rpartition("/")[2].removesuffix(".gemspec") for path in found if path.endswith(".gemspec")) == gems


def test_metadata_from_a_repair_stays() -> None:
    tree, asked = SITE | GEMS, ["/s/site-packages/flask-3.dist-info", f"{HOME}/specifications/idle-1.0.gemspec"]
    missed = [access(path, AccessKind.LIST) for path in asked]
    from docker_slim_plugin.model.plan import Selection
    from docker_slim_plugin.resolve.plan import resolve

    found = resolve(rootfs(tree), observations(), Selection(hints_off=WITH), IMAGE, missed)
    assert set(files(found)) == OF_FLASK | {f"{HOME}/specifications/idle-1.0.gemspec"}


def test_both_names_the_files_of_both() -> None:
    assert dpkg.merge_file(f"{INFO}/a.list", b"/.\n/new\n", b"/.\n/old\n") == b"/.\n/old\n/new\n"
    assert dpkg.merge_file(f"{INFO}/a.md5sums", b"1" * 32 + b"  a\n", b"0" * 32 + b"  a\n" + b"2" * 32 + b"  b\n") == (
        b"1" * 32 + b"  a\n" + b"2" * 32 + b"  b\n"
    )
    assert dpkg.merge_file("/var/lib/dpkg/diversions", b"/a\n/b\nx\n/c\n/d\ny\n", b"/a\n/b\nx\n") == b"/a\n/b\nx\n/c\n/d\ny\n"
    assert dpkg.merge_file("/etc/passwd", b"a", b"b") is None
    ours, theirs = (b"Package: a\nConffiles:\n /" + name + b" " + b"0" * 32 + b"\nHomepage: x\n\n" for name in (b"x", b"y"))
    both = b"Package: a\nConffiles:\n /y " + b"0" * 32 + b"\n /x " + b"0" * 32 + b"\nHomepage: x\n\n"
    assert dpkg.merge_stanzas(ours, theirs) == both
    assert dpkg.merge_stanzas(ours, b"Package: a\n\n") == b"Package: a\nConffiles:\n /x " + b"0" * 32 + b"\n\n"
    assert python.merge_records(b"a,,\nb,2,\n", b"b,1,\nc,,\n") == b"b,2,\nc,,\na,,\n"
    assert apk.merge_stanzas(b"P:a\nF:bin\nM:1\nR:x\nZ:1\nF:etc\nR:y\n\n", b"P:a\nT:t\nF:bin\nR:z\nZ:2\n\n") == (
        b"P:a\nT:t\nF:bin\nR:z\nZ:2\nR:x\nZ:1\nF:etc\nR:y\n\n"
    )


def test_garbage_is_kept_as_it_is_or_left_out_in_linear_time() -> None:
    chance = random.Random(7)
    pieces = [b"\n", b"\n\n", b"F:", b"R:", b"Z:Q1", b"Conffiles:\n ", b"Package: a", b'"', b",", b"/", b"..", b"\0", b"\xff", b"a", b"  ", b"s.files = [", b"# stub: ",
              b".add_dependency(%q<", b".add_dependency('", b"../", b'""', b"    a (1)"]  # fmt: skip
    names = [
        "/var/lib/dpkg/status", f"{INFO}/a.list", f"{INFO}/a.md5sums", f"{INFO}/a.conffiles", "/var/lib/dpkg/diversions",
        "/s/x-1.dist-info/RECORD", "/s/x-1.egg-info/top_level.txt", "/s/x-1.egg-info/installed-files.txt", "/g/specifications/x-1.gemspec",
        "/g/specifications/default/y-1.gemspec", "/app/Gemfile.lock", "/app/node_modules/a/package.json", "/lib/apk/db/installed",
        "/var/lib/dpkg/status.d/a", "/var/lib/dpkg/status.d/a.md5sums", "/var/lib/rpm/rpmdb.sqlite",
    ]  # fmt: skip
    for _ in range(60):
        present = chance.sample(names, 9)
        tree: Tree = {name: b"".join(chance.choices(pieces, k=chance.randrange(200))) for name in present}
        found = plan(tree | {"/a": "x", "/s/x/a.py": "x"}, "/a", "/s/x/a.py", *chance.sample(present, 3), hints_off=WITH)
        assert "/a" in files(found)
    begin = time.process_time()
    for piece in pieces:
        plan({name: piece * (200_000 // len(piece)) for name in names} | {"/a": "x"}, "/a", hints_off=WITH)
    assert time.process_time() - begin < 60


def test_warns_about_files_that_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    from docker_slim_plugin.resolve.packages.metadata import file_content

    monkeypatch.setattr(file_content, "MAX_FILE", 10)
    found = plan(SITE, "/s/site-packages/flask/app.py", hints_off=WITH)
    assert found.by_path()[RootPath("/s/site-packages/flask-3.dist-info/RECORD")].content is None
    assert found.warnings == (
        "cannot read '/s/site-packages/flask-3.dist-info/RECORD': this package metadata stays as it is",
    )
