"""Package URLs (purl-spec), with the qualifiers by which scanners find vulnerabilities of distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docker_slim_plugin.model.inventory import SYSTEM_KINDS, PackageKind, PackageRecord

if TYPE_CHECKING:
    from packageurl import PackageURL


def make_purl(record: PackageRecord, distribution: tuple[str, str]) -> PackageURL:
    """Return the package URL of a package."""
    from packageurl import PackageURL  # noqa: PLC0415 (a library that need not be there)

    namespace, name = record.group, record.name
    qualifiers: dict[str, str] = {}
    if record.kind in SYSTEM_KINDS:
        namespace = distribution[0]
        qualifiers = {
            "arch": record.architecture,
            "distro": "-".join(filter(None, distribution)),
            "epoch": record.epoch,
            "upstream": record.upstream,
        }
    elif record.kind in (PackageKind.NPM, PackageKind.GOLANG):
        namespace, _, name = name.rpartition("/")
    return PackageURL(
        type=record.kind.value,
        namespace=namespace or None,
        name=name or record.name,
        version=record.version or None,
        qualifiers={key: value for key, value in qualifiers.items() if value},
    )


def make_product(reference: str, identity: str) -> str:
    """Return the package URL of an image: the last part of its name, and its id."""
    from packageurl import PackageURL  # noqa: PLC0415

    # In package URLs of OCI images, names are in lower case.
    name = reference.rpartition("/")[2].partition("@")[0].partition(":")[0]
    return PackageURL(type="oci", name=name.lower(), version=identity).to_string()
