"""What a profile lacks, by the calls that it refuses."""

from __future__ import annotations

from docker_slim_plugin.model.calls import Call
from docker_slim_plugin.model.request import Restrictions
from docker_slim_plugin.profile.evidence import Extra
from docker_slim_plugin.profile.repair import find_missing, refused
from docker_slim_plugin.profile.switches import conclude
from tests.evidence import call, evidence

TREE = {"/var/lib/app/": "", "/app/__pycache__/": ""}


def missing(*confined: Call, before: tuple[Call, ...] = (), **switches: bool) -> Extra:
    found = evidence(*before, tree=TREE)
    return find_missing(found, conclude(found, Restrictions(**switches)), confined)


def test_calls_capabilities_and_places() -> None:
    assert set(missing(call("keyctl", refused="EPERM")).calls) == {"keyctl"}
    assert set(missing(call("fchown", refused="EPERM")).capabilities) == {"CHOWN"}
    assert set(missing(call("openat", "/var/lib/app/x/y", refused="EROFS")).paths) == {"/var/lib/app"}
    found = missing(call("kill", "other", "9", refused="EPERM"))
    assert set(found.capabilities) == {"KILL"}
    assert found.capabilities["KILL"] == "refused under the profile (EPERM): app calls kill(other, 9)"


def test_what_the_original_could_not_do_either_is_not_missing() -> None:
    before = (call("openat", "/x", refused="EACCES"), call("keyctl", refused="EPERM"))
    assert missing(*before, before=before).count() == 0
    # It was refused for another reason.
    assert missing(call("openat", "/x", refused="EROFS"), before=before).count() == 0
    assert missing(call("clone3", refused="ENOSYS"), call("read")).count() == 0


def test_caches_are_not_missing() -> None:
    assert refused((call("openat", "/app/__pycache__/x.pyc", refused="EROFS"),), ()) == ()


def test_what_is_not_restricted_is_not_missing() -> None:
    assert missing(call("fchown", refused="EPERM"), no_capabilities=True).count() == 0
    assert missing(call("openat", "/var/lib/app/x", refused="EROFS"), no_read_only=True).count() == 0
    # docker gives no such capability, so the original had none.
    assert missing(call("settimeofday", refused="EPERM"), no_syscalls=True).count() == 0


def test_code_in_writable_places() -> None:
    found = missing(call("mmap", refused="EPERM"))
    assert found.executes == "refused under the profile (EPERM): app calls mmap()"
    (place,) = conclude(evidence(call("openat", "/var/lib/app/x"), tree=TREE, extra=found), Restrictions()).files.places  # type: ignore[union-attr]
    assert place.executes
