"""Dependencies of a dpkg image: packages that nothing needs, and packages that may be purged."""

from __future__ import annotations

import pytest

from docker_slim_plugin.base.dpkg_selections import InstalledPackages, read_installed
from docker_slim_plugin.base.package_manager import plan_purge
from docker_slim_plugin.errors import SlimError

STATUS = """\
Package: apt
Status: install ok installed
Priority: important
Depends: libc6 (>= 2.34), gpgv | gpgv2, keyring

Package: libc6
Status: install ok installed
Depends: libgcc-s1

Package: libgcc-s1
Status: install ok installed
Depends: libc6

Package: gpgv
Status: install ok installed
Depends: libc6

Package: keyring
Status: install ok installed

Package: init-system-helpers
Essential: yes
Status: install ok installed
Depends: usrmerge | usr-is-merged

Package: usrmerge
Status: install ok installed
Provides: usr-is-merged
Depends: perl:any, libfind-perl

Package: libfind-perl
Status: install ok installed
Depends: perl:any

Package: perl
Status: install ok installed
Depends: libperl5.36 (= 5.36),
 libc6

Package: libperl5.36
Status: install ok installed
Architecture: amd64
Depends: libc6

Package: base-files
Essential: yes
Status: install ok installed
Pre-Depends: awk

Package: mawk
Status: install ok installed
Priority: required
Provides: awk

Package: e2fsprogs
Status: install ok installed
Priority: required
Depends: logsave
Pre-Depends: libss2

Package: logsave
Status: install ok installed
Depends: libc6

Package: libss2
Status: install ok installed
Depends: libc6

Package: dmsetup
Status: install ok installed
Depends: libdevmapper

Package: libdevmapper
Status: install ok installed
Depends: dmsetup

Package: removed
Status: deinstall ok config-files
Depends: e2fsprogs
"""
SIZES = {"perl": 500, "libperl5.36": 50_000_000, "usrmerge": 10, "e2fsprogs": 1000, "libss2": 20, "dmsetup": 30}


@pytest.fixture
def installed() -> InstalledPackages:
    stanzas = [part.encode() + b"\n\n" for part in STATUS.split("\n\n")]
    return read_installed((part.split(b"\n")[0].split()[1].decode(), part) for part in stanzas)


def test_what_is_installed(installed: InstalledPackages) -> None:
    assert "removed" not in installed.packages
    assert installed.packages["perl"].depends == (("libperl5.36",), ("libc6",))
    assert installed.packages["usrmerge"].provides == {"usrmerge", "usr-is-merged"}
    assert installed.packages["base-files"].essential


def test_unneeded_packages(installed: InstalledPackages) -> None:
    found = {group.names: (group.size, group.required, group.replacements) for group in installed.find_unneeded(SIZES)}
    assert found == {
        ("usrmerge", "libfind-perl", "libperl5.36", "perl"): (50_000_510, False, ("usr-is-merged",)),
        ("e2fsprogs", "libss2", "logsave"): (1020, True, ()),
        ("dmsetup", "libdevmapper"): (30, False, ()),
    }
    assert [group.size for group in installed.find_unneeded(SIZES)] == [50_000_510, 1020, 30]


def test_soft_dependencies_count_if_the_gain_is_large(installed: InstalledPackages) -> None:
    groups = installed.find_unneeded({"gpgv": 2_000_000})
    assert groups[0].names == ("gpgv",)
    assert groups[0].replacements == ("gpgv2",)


@pytest.mark.parametrize(
    ("names", "needs_network"),
    [
        pytest.param(["e2fsprogs"], False, id="one that nothing needs"),
        pytest.param(["logsave", "e2fsprogs"], False, id="two together"),
        pytest.param(["usrmerge"], True, id="one that another has to replace"),
        pytest.param(["mawk"], True, id="one that provides what another could"),
    ],
)
def test_plan_purge(installed: InstalledPackages, names: list[str], needs_network: bool) -> None:
    purge = plan_purge(installed, names, "image")
    assert (purge.names, purge.needs_network) == (tuple(names), needs_network)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("e2fsprog", "--purge e2fsprogs"),
        ("qqqqq", "docker run --rm --entrypoint dpkg-query image --show"),
        ("removed", ""),
    ],
)
def test_purges_of_what_is_not_installed(installed: InstalledPackages, name: str, hint: str) -> None:
    with pytest.raises(SlimError, match="no such package is installed in image") as error:
        plan_purge(installed, [name], "image")
    assert hint in error.value.hint


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("apt", "has to be able to install packages", "leave it out"),
        ("base-files", "calls it essential", "leave it out"),
        ("libc6", "it is needed by apt", "leave it out"),
        ("perl", "it is needed by libfind-perl, usrmerge", "--purge perl,libfind-perl,usrmerge"),
    ],
)
def test_refused_purges(installed: InstalledPackages, name: str, said: str, hint: str) -> None:
    with pytest.raises(SlimError, match=said) as error:
        plan_purge(installed, [name], "image")
    assert hint in error.value.hint


def test_many_packages_take_no_time() -> None:
    text = "\n\n".join(
        f"Package: p{number}\nStatus: install ok installed\nDepends: p{number // 2}, p{number // 3}, p0"
        for number in range(1500)
    )
    stanzas = [(part.split("\n")[0].split()[1], part.encode()) for part in text.split("\n\n")]
    groups = read_installed(stanzas).find_unneeded({})
    assert all(len(group.names) >= 1 for group in groups)
