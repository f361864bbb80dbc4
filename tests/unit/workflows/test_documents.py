"""Documents become part of an image that is written: files without a package, labels, notes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.image import writer
from docker_slim_plugin.image.names import make_names
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.plan import FilePlan, Group, KeptEntry, Reason, ReasonKind, Selection
from docker_slim_plugin.model.request import PackRequest
from docker_slim_plugin.progress import Silent
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.workflows.steps.clock import Clock
from docker_slim_plugin.workflows.steps.documents import add_documents, make_inventory
from docker_slim_plugin.workflows.steps.job import ImageJob
from docker_slim_plugin.workflows.steps.layering import Extras
from tests.directly import DIRECTLY
from tests.observed import source_image
from tests.rootfs import rootfs

SOURCE = source_image(reference="app:1", id=f"sha256:{'a' * 64}", created="2026-01-02T03:04:05Z")
TREE = {
    "/var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 5\n\nPackage: none\nStatus: install ok installed\n\n",
    "/var/lib/dpkg/info/bash.list": "/bin/bash\n",
    "/var/lib/dpkg/info/none.list": "/bin/none\n",
    "/bin/bash": b"\x7fELF",
    "/bin/none": b"\x7fELF",
    "/own": "own",
}


def plan(tree: Rootfs, *paths: str, more: tuple[KeptEntry, ...] = ()) -> FilePlan:
    reason = Reason(ReasonKind.ACCESS, "app", "open")
    kept = [KeptEntry(entry=entry, reasons=(reason,)) for path, entry in tree.entries.items() if path in paths or entry.kind is EntryKind.DIRECTORY]
    return FilePlan(kept=tuple(sorted((*kept, *more), key=lambda one: one.entry.path)), total_files=6, total_bytes=9, level="app")


def job(directory: Path, outputs: tuple[str, ...], vex_for: str = "") -> ImageJob[Any]:
    request = PackRequest(image="app:1", selection=Selection(), outputs=outputs, vex_for=vex_for)
    nothing: Any = None
    caller: Any = DIRECTLY
    return ImageJob(
        request=request, engine=nothing, source=SOURCE, target=SOURCE, image_names=make_names(SOURCE, ""), tree=nothing,
        directory=directory, clock=Clock(Silent()), extras=Extras(), sandbox=caller,
    )  # fmt: skip


def written(directory: Path, *outputs: str, vex_for: str = "", more: tuple[KeptEntry, ...] = ()) -> writer.Draft:
    tree = rootfs(TREE)
    wanted = plan(tree, "/bin/bash", "/bin/none", "/own", more=more)
    draft = writer.write_layers(SOURCE, tree, wanted, directory)
    made, _ = add_documents(job(directory, outputs, vex_for), SOURCE, tree, wanted, draft)
    return made


def test_labels_have_the_digests(tmp_path: Path) -> None:
    draft = written(tmp_path, "layered", "sbom=x", "spdx=y")
    labels = json.loads(draft.config)["config"]["Labels"]
    for form in ("sbom", "spdx"):
        assert labels[f"docker-slim.{form}"] == f"sha256:{hashlib.sha256(draft.documents[form]).hexdigest()}"
    assert draft.image.id == f"sha256:{hashlib.sha256(draft.config).hexdigest()}"
    assert draft.notes == ("1 packages are listed without a version ('none' ...)",)


def test_nothing_is_added_without_a_document(tmp_path: Path) -> None:
    draft = written(tmp_path, "layered")
    assert draft.documents == {}
    assert not any(name.startswith("docker-slim.s") for name in json.loads(draft.config)["config"]["Labels"])


def test_files_that_docker_slim_adds_are_listed(tmp_path: Path) -> None:
    entry = Entry(path=RootPath("/zz"), kind=EntryKind.FILE, mode=0o755, size=5)
    shell = KeptEntry(entry=entry, reasons=(Reason(ReasonKind.SHELL, "x"),), group=Group.SHELL, content=b"shell")
    document = json.loads(written(tmp_path, "spdx=y", more=(shell,)).documents["spdx"])
    sums = {one["fileName"]: one["checksums"][0]["checksumValue"] for one in document["files"]}
    assert sums == {"./own": hashlib.sha1(b"own").hexdigest(), "./zz": hashlib.sha1(b"shell").hexdigest()}


def test_an_applet_of_the_shell_is_not_the_program_of_its_name(tmp_path: Path) -> None:
    tree = rootfs(TREE)
    applet = Entry(path=RootPath("/bin/none"), kind=EntryKind.SYMLINK, mode=0o777, target="busybox")
    shell = KeptEntry(entry=applet, reasons=(Reason(ReasonKind.SHELL, "x"),), group=Group.SHELL)
    found = make_inventory(job(tmp_path, ("sbom=x",)), tree, plan(tree, "/bin/bash", more=(shell,)), is_for_vex=False)
    assert [one.name for one in found.present] == ["bash"]


def test_vex_names_the_image(tmp_path: Path) -> None:
    (tmp_path / "found").write_text("CVE-1 pkg:deb/debian/bash@5\n")
    draft = written(tmp_path, "vex=z", vex_for=str(tmp_path / "found"))
    assert json.loads(draft.documents["vex"])["statements"] == []
    assert draft.notes[-2:] == (
        "VEX: 0 of 1 vulnerabilities are not in the image",
        "VEX: no statement about 1: a file that may be code is kept (CVE-1, pkg:deb/debian/bash@5)",
    )


@pytest.mark.parametrize("form", ["sbom", "spdx"])
def test_every_kept_file_is_in_a_package_or_listed(tmp_path: Path, form: str) -> None:
    text = written(tmp_path, f"{form}=x").documents[form].decode()
    assert "/own" in text
    assert "/bin/bash" not in text
