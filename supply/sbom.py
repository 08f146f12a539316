"""The software bill of materials of the node's image and wheel, in CycloneDX 1.6 JSON.

The bill lists the Python packages of the node's lock. The packages of the base image (Python itself
and the operating system) are not part of the bill.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supply import licences
from supply.errors import SupplyError
from supply.locks import Locked

NAME = "v6-node-on-kubernetes"
_IMAGE = re.compile(r"(?P<name>[^@\s]+)@sha256:(?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Product:
    """The subject of the bill: the node.

    Args:
        version: the node's version.
        requirements: the packages required by name, as in ``node_poc/requirements.txt``.
        wheel: the wheel's file; its hash is in the bill.
        image: the node's image as ``name@sha256:digest``; the digest is in the bill.
    """

    version: str
    requirements: tuple[Requirement, ...]
    wheel: Path | None = None
    image: str | None = None


def make(product: Product, packages: Iterable[Locked], epoch: int) -> str:
    """Return the bill as text; the same arguments give the same text.

    Args:
        product: the subject of the bill.
        packages: the packages of its lock, all installed here.
        epoch: the time in the bill, in seconds since 1970.

    Raises:
        SupplyError: a package is not installed, a licence is unknown, the wheel cannot be read, or
            the image has no digest.
    """
    listed = {one.name: one for one in packages}
    components = {name: _component(one) for name, one in listed.items()}
    root = _root(product)
    bom = Bom(components=components.values())
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.fromtimestamp(epoch, tz=UTC)
    bom.register_dependency(root, _chosen(product.requirements, "", components))
    extras = {canonicalize_name(one.name): one.extras for one in product.requirements}
    for name, one in listed.items():
        texts = licences.installed(one).requires or []
        needed: set[Component] = set()
        for extra in ("", *extras.get(canonicalize_name(name), ())):
            needed.update(_chosen((Requirement(text) for text in texts), extra, components))
        bom.register_dependency(components[name], needed)
    return _text(bom)


def problems(text: str) -> str:
    """Return how a bill breaks CycloneDX's schema; empty for a valid bill."""
    return str(JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) or "")


def _component(package: Locked) -> Component:
    return Component(
        name=package.name,
        version=str(package.version),
        type=ComponentType.LIBRARY,
        bom_ref=f"pkg:pypi/{package.name}@{package.version}",
        purl=PackageURL("pypi", None, package.name, str(package.version)),
        licenses=[LicenseExpression(licences.of(package))],
        # Each file allowed by the lock, for any platform.
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in package.hashes],
    )


def _root(product: Product) -> Component:
    root = Component(
        name=NAME,
        version=product.version,
        type=ComponentType.APPLICATION,
        bom_ref=f"pkg:pypi/{NAME}@{product.version}",
        purl=PackageURL("pypi", None, NAME, product.version),
        licenses=[LicenseExpression("Apache-2.0")],
    )
    if product.wheel is not None:
        try:
            digest = hashlib.sha256(product.wheel.read_bytes()).hexdigest()
        except OSError as error:
            text = f"{product.wheel.name}: the wheel cannot be read ({type(error).__name__})"
            raise SupplyError(text) from error
        root.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=digest))
        root.properties.add(Property(name="vantage6-node:wheel", value=product.wheel.name))
    if product.image is not None:
        root.components.add(_container(product.image))
    return root


def _container(image: str) -> Component:
    found = _IMAGE.fullmatch(image)
    if found is None:
        raise SupplyError(
            "the image has no digest; give NAME@sha256:… with 64 hexadecimal digits, as the "
            "registry or the push tells"
        )
    return Component(
        name=found["name"],
        version=f"sha256:{found['digest']}",
        type=ComponentType.CONTAINER,
        bom_ref=image,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=found["digest"])],
    )


def _chosen(
    requirements: Iterable[Requirement], extra: str, components: dict[str, Component]
) -> list[Component]:
    """Return the components named by requirements on this platform, with an extra."""
    found = []
    for one in requirements:
        name = canonicalize_name(one.name)
        here = one.marker is None or one.marker.evaluate({"extra": extra})
        if here and name in components:
            found.append(components[name])
    return found


def _text(bom: Bom) -> str:
    """Return the bill with a serial number made of its contents, instead of a random number."""
    bom.serial_number = uuid.UUID(int=0)
    output = json.loads(JsonV1Dot6(bom).output_as_string())
    contents = json.dumps(output, sort_keys=True)
    output["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, contents).urn
    return json.dumps(output, indent=2, sort_keys=True) + "\n"
