"""Which paths of an image each kind drops, what stays, and which patterns dpkg gets."""

from __future__ import annotations

import pytest

from docker_slim_plugin.base.file_kinds import DEFAULTS, NAMES, find_needed_kinds, make_dpkg_exclusions, make_rules
from docker_slim_plugin.base.plan import find_removable, make_base_plan
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.entry import RootPath
from tests.rootfs import rootfs

TREE = {
    "/bin/sh": "\x7fELF",
    "/etc/dpkg/dpkg.cfg.d/": "",
    "/usr/share/doc/bash/README.gz": "text",
    "/usr/share/doc/bash/copyright": "GPL",
    "/usr/share/doc/bash/examples/loop.sh": "#!/bin/sh",
    "/usr/share/doc/only/changelog.gz": "text",
    "/usr/share/doc/link": "-> bash",
    "/usr/share/doc/gone": "-> only",
    "/usr/share/man/man1/sh.1.gz": "man",
    "/usr/share/man/de/man1/sh.1.gz": "Mann",
    "/usr/share/info/dir": "info",
    "/usr/share/locale/locale.alias": "alias",
    "/usr/share/locale/de/LC_MESSAGES/bash.mo": "de",
    "/usr/share/locale/de_AT/LC_MESSAGES/bash.mo": "de_AT",
    "/usr/share/locale/pt/LC_MESSAGES/bash.mo": "pt",
    "/usr/share/locale/pt_BR/LC_MESSAGES/bash.mo": "pt_BR",
    "/usr/share/locale/sr@latin/LC_MESSAGES/bash.mo": "sr@latin",
    "/usr/share/i18n/locales/de_DE": "de_DE",
    "/usr/share/zoneinfo/Etc/UTC": "utc",
    "/usr/share/zoneinfo/UTC": "-> Etc/UTC",
    "/usr/share/zoneinfo/Europe/Berlin": "cet",
    "/usr/share/zoneinfo/Asia/Tokyo": "jst",
    "/usr/share/zoneinfo/Japan": "-> Asia/Tokyo",
    "/var/lib/apt/lists/partial/": "",
    "/var/lib/apt/lists/deb_Packages": "packages",
    "/var/cache/apt/archives/bash.deb": "deb",
    "/var/cache/debconf/templates.dat": "templates",
    "/var/cache/debconf/templates.dat-old": "templates",
    "/var/lib/dpkg/status": "status",
    "/var/lib/dpkg/status-old": "status",
    "/var/lib/dpkg/alternatives/x-old": "an alternative",
    "/var/log/dpkg.log": "log",
    "/var/log/nginx/access.log": "log",
    "/usr/lib/python3/dist-packages/a/__pycache__/b.cpython-311.pyc": "code",
    "/usr/lib/python3/dist-packages/a/b.py": "code",
    "/usr/lib/x86_64-linux-gnu/gconv/UTF-16.so": "\x7fELF",
    "/usr/lib/x86_64-linux-gnu/gconv/SJIS.so": "\x7fELF",
    "/usr/lib/x86_64-linux-gnu/gconv/IBM850.so": "\x7fELF",
    "/usr/lib/x86_64-linux-gnu/gconv/IBM1140.so": "\x7fELF",
    "/usr/lib/x86_64-linux-gnu/gconv/EBCDIC-US.so": "\x7fELF",
    "/usr/include/stdio.h": "C",
    "/usr/lib/x86_64-linux-gnu/perl/5.36.0/CORE/perl.h": "C",
    "/usr/lib/x86_64-linux-gnu/perl/5.36.0/POSIX.pm": "perl",
    "/usr/lib/x86_64-linux-gnu/perl/5.36.0/POSIX.pod": "=pod",
    "/usr/share/perl/5.36.0/pod/perldiag.pod": "=pod",
}


def below(directory: str, *names: str) -> list[str]:
    return [f"{directory}/{name}" for name in names]


def removed(kind: str, *locales: str, **config: object) -> list[str]:
    return sorted(find_removable(rootfs(TREE), make_rules({kind}, locales), config))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param(
            "docs",
            [
                "/usr/lib/x86_64-linux-gnu/perl/5.36.0/POSIX.pod",
                "/usr/share/doc/bash/README.gz",
                "/usr/share/doc/bash/examples",
                "/usr/share/doc/bash/examples/loop.sh",
                "/usr/share/doc/gone",
                "/usr/share/doc/only",
                "/usr/share/doc/only/changelog.gz",
            ],
            id="documents, but not the copyright file, nor the link that leads to it",
        ),
        pytest.param(
            "man",
            below("/usr/share/man", "de", "de/man1", "de/man1/sh.1.gz", "man1/sh.1.gz"),
            id="man pages; the sections' directories stay",
        ),
        pytest.param("info", ["/usr/share/info/dir"], id="info pages"),
        pytest.param("i18n", below("/usr/share/i18n", "locales", "locales/de_DE"), id="sources of locales"),
        pytest.param(
            "zoneinfo",
            below("/usr/share/zoneinfo", "Asia", "Asia/Tokyo", "Europe", "Europe/Berlin", "Japan"),
            id="zones, but UTC and what its link leads to",
        ),
        pytest.param("lists", ["/var/lib/apt/lists/deb_Packages"], id="lists, but not apt's own directories"),
        pytest.param(
            "caches",
            ["/var/cache/apt/archives/bash.deb", "/var/cache/debconf/templates.dat-old", "/var/lib/dpkg/status-old"],
            id="caches, but no alternative that is called so",
        ),
        pytest.param("logs", ["/var/log/dpkg.log"], id="logs of the package manager alone"),
        pytest.param(
            "pycache",
            ["/usr/lib/python3/dist-packages/a/__pycache__/b.cpython-311.pyc"],
            id="compiled Python",
        ),
        pytest.param(
            "gconv",
            below("/usr/lib/x86_64-linux-gnu/gconv", "EBCDIC-US.so", "IBM1140.so", "IBM850.so", "SJIS.so"),
            id="character sets, but Unicode",
        ),
        pytest.param(
            "ebcdic",
            below("/usr/lib/x86_64-linux-gnu/gconv", "EBCDIC-US.so", "IBM1140.so"),
            id="character sets of mainframes, but not of PCs",
        ),
        pytest.param(
            "headers",
            ["/usr/include/stdio.h", "/usr/lib/x86_64-linux-gnu/perl/5.36.0/CORE/perl.h"],
            id="headers",
        ),
        pytest.param("perl-headers", ["/usr/lib/x86_64-linux-gnu/perl/5.36.0/CORE/perl.h"], id="Perl's headers"),
    ],
)
def test_a_kind(kind: str, expected: list[str]) -> None:
    assert removed(kind) == expected


@pytest.mark.parametrize(
    ("locales", "kept"),
    [
        pytest.param((), [], id="none"),
        pytest.param(("de",), ["de", "de_AT"], id="a language has its territories"),
        pytest.param(("pt_BR.UTF-8",), ["pt", "pt_BR"], id="a territory falls back to its language"),
        pytest.param(("sr@latin",), ["sr@latin"], id="a modifier"),
    ],
)
def test_locales_that_are_kept(locales: tuple[str, ...], kept: list[str]) -> None:
    left = {RootPath(path) for path in TREE if path.startswith("/usr/share/locale/")} - set(removed("locales", *locales))
    assert sorted(path.split("/")[4] for path in left) == sorted([*kept, "locale.alias"])


def test_translated_man_pages_are_translations() -> None:
    assert "/usr/share/man/de/man1/sh.1.gz" in removed("locales")
    assert "/usr/share/man/man1/sh.1.gz" not in removed("locales")
    assert "/usr/share/man/de/man1/sh.1.gz" not in removed("locales", "de")


def test_kept_locales_keep_their_sources() -> None:
    assert removed("i18n", "de") == []


def test_the_zone_of_the_image_stays() -> None:
    assert "/usr/share/zoneinfo/Asia/Tokyo" not in removed("zoneinfo", Env=["TZ=:Japan"])
    assert "/usr/share/zoneinfo/Japan" not in removed("zoneinfo", Env=["TZ=:Japan"])
    tree = rootfs({**TREE, "/etc/localtime": "-> /usr/share/zoneinfo/Europe/Berlin"})
    assert "/usr/share/zoneinfo/Europe/Berlin" not in find_removable(tree, make_rules({"zoneinfo"}), {})


def test_an_invalid_locale() -> None:
    with pytest.raises(UsageError, match="cannot read the locale"):
        make_rules({"locales"}, ["German"])


def test_dpkg_gets_the_same_patterns() -> None:
    lines = make_dpkg_exclusions(make_rules(DEFAULTS, ["de"])).splitlines()
    assert [line for line in lines if "locale" in line and not line.startswith("#")] == [
        "path-exclude=/usr/share/locale/*",
        "path-include=/usr/share/locale/locale.alias",
        "path-include=/usr/share/locale/de/*",
        "path-include=/usr/share/locale/de_*/*",
        "path-include=/usr/share/locale/de@*/*",
    ]
    # With an include, dpkg would install every link below the first directory of the pattern.
    assert [line for line in lines if "/man" in line] == ["path-exclude=/usr/share/man/*"]
    assert not any("zoneinfo" in line or "/var/" in line for line in lines)
    assert make_dpkg_exclusions(make_rules({"caches"})) == ""


def test_the_file_for_dpkg_is_in_the_plan_and_the_rest_is_as_it_was() -> None:
    tree = rootfs(TREE)
    base_plan = make_base_plan(tree, make_rules(DEFAULTS), {})
    by_path = base_plan.plan.by_path()
    written = by_path[RootPath("/etc/dpkg/dpkg.cfg.d/docker-slim")]
    assert written.content == make_dpkg_exclusions(make_rules(DEFAULTS)).encode()
    assert (written.entry.mode, written.entry.size) == (0o644, len(written.content or b""))
    others = {path: kept.entry for path, kept in by_path.items() if kept is not written}
    assert others == {path: tree.entries[path] for path in others}
    dropped = {one.kind.name: (one.files, one.size) for one in base_plan.dropped}
    assert dropped["man"] == (2, 7)
    assert set(dropped) == set(DEFAULTS)
    size = sum(entry.size for entry in tree.entries.values())
    assert base_plan.size == size - sum(size for _, size in dropped.values()) + written.entry.size


@pytest.mark.parametrize("name", ["/etc/dpkg/dpkg.cfg.d/docker-slim/", "/etc/dpkg/dpkg.cfg.d"])
def test_warns_if_the_dpkg_file_cannot_be_written(name: str) -> None:
    tree = {path: what for path, what in TREE.items() if not path.startswith("/etc/")}
    base_plan = make_base_plan(rootfs({**tree, name: "x"}), make_rules(DEFAULTS), {})
    assert "cannot be written" in base_plan.plan.warnings[0]


def test_a_directory_for_dpkg_is_made() -> None:
    tree = {path: what for path, what in TREE.items() if not path.startswith("/etc/")}
    plan = make_base_plan(rootfs({**tree, "/etc/dpkg/dpkg.cfg": "x"}), make_rules(DEFAULTS), {}).plan
    assert {"/etc/dpkg/dpkg.cfg.d", "/etc/dpkg/dpkg.cfg.d/docker-slim"} <= set(plan.by_path())
    assert make_base_plan(rootfs(tree), make_rules(DEFAULTS), {}).plan.warnings


@pytest.mark.parametrize("name", ["cc", "gcc-12", "clang", "x86_64-linux-gnu-gcc-12"])
def test_headers_stay_for_a_compiler(name: str) -> None:
    assert find_needed_kinds(DEFAULTS, ["/usr/bin/ls", f"/usr/bin/{name}"]) == {"perl-headers": f"/usr/bin/{name}"}


def test_other_programs_do_not_need_headers() -> None:
    assert find_needed_kinds(DEFAULTS, ["/usr/bin/gccgo-13-x", "/usr/bin/ncc", "/usr/share/gcc", "/usr/lib/gcc/cc"]) == {}
    assert find_needed_kinds({"headers"}, ["/usr/bin/cc"]) == {}


def test_nothing_is_dropped_that_is_not_asked_for() -> None:
    assert find_removable(rootfs(TREE), make_rules(()), {}) == {}
    assert len(set(NAMES)) == len(NAMES)
