"""Write the packages of a slim image as CycloneDX JSON."""

from __future__ import annotations

import importlib
import json
import warnings
from typing import TYPE_CHECKING, Any

from docker_slim_plugin import __version__
from docker_slim_plugin.model.inventory import Inventory, PackageRecord
from docker_slim_plugin.sbom.content import TOOL, Content, ListedFile, Subject, readable_path
from docker_slim_plugin.sbom.purls import make_purl

if TYPE_CHECKING:
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License

PREFIX = "docker-slim:"
"""Of the names of our properties."""


def write_cyclonedx(content: Content) -> bytes:
    """Return the document. The same content gives the same bytes with the same version of the library."""
    from cyclonedx.model.bom import Bom  # noqa: PLC0415 (a library that need not be there, and slow to load)
    from cyclonedx.model.dependency import Dependency  # noqa: PLC0415
    from cyclonedx.output import make_outputter  # noqa: PLC0415
    from cyclonedx.schema import OutputFormat, SchemaVersion  # noqa: PLC0415

    subject = content.subject
    bom = Bom(serial_number=subject.make_uuid("CycloneDX"), version=1)
    bom.metadata.timestamp = subject.time
    image = bom.metadata.component = _image(subject)
    bom.metadata.tools.components.add(_tool())
    components = _packages(content.inventory)
    if system := _operating_system(content.inventory):
        components.append(system)
    bom.components.update(components)
    parts = [Dependency(one.bom_ref) for one in components]
    bom.dependencies.update([Dependency(image.bom_ref, parts), *parts])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = json.loads(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string())
    # For thousands of components, the library takes quadratic time.
    files = sorted(map(_file, content.files), key=lambda one: str(one["name"]))
    document["components"] = [*document.get("components", ()), *files]
    return f"{json.dumps(document, indent=2)}\n".encode()


def _image(subject: Subject) -> Component:
    from cyclonedx.model import Property  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415

    said = [("source", subject.source_id), ("level", subject.level)]
    said += [("diff-id", f"{place} {layer}") for place, layer in enumerate(subject.layers)]
    return Component(
        type=ComponentType.CONTAINER,
        name=subject.source,
        version=subject.chain_id,
        bom_ref=subject.chain_id,
        properties=[Property(name=f"{PREFIX}{name}", value=value) for name, value in said],
    )


def _tool() -> Component:
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415

    return Component(type=ComponentType.APPLICATION, name=TOOL, version=__version__, bom_ref=f"{TOOL}@{__version__}")


def _operating_system(inventory: Inventory) -> Component | None:
    """Return the distribution. Scanners look for its name and version."""
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415

    name, version = inventory.distribution
    if not name:
        return None
    return Component(
        type=ComponentType.OPERATING_SYSTEM, name=name, version=version or None, bom_ref=f"os:{name}@{version}"
    )


def _packages(inventory: Inventory) -> list[Component]:
    licences = _licence_factory()
    return [_package(one, inventory.distribution, licences) for one in inventory.present]


def _licence_factory() -> Any:
    """Return the library's reader of licences. It has another place since version 11."""
    try:
        module = importlib.import_module("cyclonedx.contrib.license.factories")
    except ModuleNotFoundError:
        module = importlib.import_module("cyclonedx.factory.license")
    return module.LicenseFactory()


def _package(record: PackageRecord, distribution: tuple[str, str], factory: Any) -> Component:
    from cyclonedx.model import Property  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415

    purl = make_purl(record, distribution)
    said = [
        ("package:kind", record.kind.value),
        ("package:kept", "whole" if record.is_whole else "in part"),
        ("package:files", f"{record.kept} of {record.files}"),
        ("package:read-from", readable_path(record.place)),
        ("package:note", record.note),
    ]
    return Component(
        type=ComponentType.LIBRARY,
        name=record.name,
        group=record.group or None,
        version=record.version or None,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=_licences(record.licences, factory),
        properties=[Property(name=f"{PREFIX}{name}", value=value) for name, value in said if value],
    )


def _licences(texts: tuple[str, ...], factory: Any) -> list[License]:
    """Return licences: an SPDX id or expression where the text is one, otherwise the text as a name."""
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression  # noqa: PLC0415

    found = [factory.make_from_string(text) for text in texts]
    if len(found) == 1:
        return found
    # An expression can only be alone.
    return [DisjunctiveLicense(name=one.value) if isinstance(one, LicenseExpression) else one for one in found]


def _file(one: ListedFile) -> dict[str, Any]:
    """Return a file as a component in JSON."""
    path = readable_path(one.path)
    return {
        "bom-ref": f"file:{path}",
        "hashes": [{"alg": "SHA-256", "content": one.sha256}],
        "name": path,
        "type": "file",
    }
