"""The bill of materials: valid CycloneDX with every locked package, its licence and its hashes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from node_poc import __version__
from supply import licences, locks, sbom
from supply.errors import SupplyError

EPOCH = 1_700_000_000
DIGEST = "b" * 64
PACKAGES = locks.read(locks.NODE)
LINES = (locks.ROOT / "node_poc" / "requirements.txt").read_text().splitlines()
REQUIRED = tuple(Requirement(line) for line in LINES if not line.startswith("#"))


def make(**given: Any) -> str:
    return sbom.make(sbom.Product(__version__, REQUIRED, **given), PACKAGES, EPOCH)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    wheel = tmp_path_factory.mktemp("wheel") / "node.whl"
    wheel.write_bytes(b"a wheel")
    return make(wheel=wheel, image=f"registry.example.org/v6_node_poc@sha256:{DIGEST}")


@pytest.fixture(scope="module")
def bill(text: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_the_bill_is_valid(text: str) -> None:
    assert sbom.problems(text) == ""


@pytest.mark.parametrize(
    ("key", "value"), [("bomFormat", "other"), ("unknown", 1), ("components", [{"name": "a"}])]
)
def test_a_changed_bill_is_not_valid(bill: dict[str, Any], key: str, value: object) -> None:
    assert sbom.problems(json.dumps({**bill, key: value})) != ""


def test_every_locked_package_is_listed_with_purl_licence_and_hashes(bill: dict[str, Any]) -> None:
    listed = {one["purl"]: one for one in bill["components"]}
    assert set(listed) == {f"pkg:pypi/{one.name}@{one.version}" for one in PACKAGES}
    for one in PACKAGES:
        component = listed[f"pkg:pypi/{one.name}@{one.version}"]
        assert component["licenses"] == [{"expression": licences.of(one)}]
        assert {found["content"] for found in component["hashes"]} == set(one.hashes)
        assert {found["alg"] for found in component["hashes"]} == {"SHA-256"}


def test_wheel_and_image_are_named_by_hash(bill: dict[str, Any]) -> None:
    root = bill["metadata"]["component"]
    assert root["purl"] == f"pkg:pypi/v6-node-on-kubernetes@{__version__}"
    wheel = hashlib.sha256(b"a wheel").hexdigest()
    assert root["hashes"] == [{"alg": "SHA-256", "content": wheel}]
    assert root["components"][0]["version"] == f"sha256:{DIGEST}"


def test_every_package_is_reached_from_the_node(bill: dict[str, Any]) -> None:
    graph = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
    open_refs, seen = [bill["metadata"]["component"]["bom-ref"]], set()
    while open_refs:
        ref = open_refs.pop()
        if ref not in seen:
            seen.add(ref)
            open_refs += graph[ref]
    assert {one["bom-ref"] for one in bill["components"]} <= seen


def test_the_same_input_gives_the_same_bill() -> None:
    assert make() == make()
    other = make(image=f"v6_node_poc@sha256:{DIGEST}")
    assert json.loads(make())["serialNumber"] != json.loads(other)["serialNumber"]


@pytest.mark.parametrize("image", ["v6_node_poc", "v6_node_poc:1.0", "v6_node_poc@sha256:12"])
def test_an_image_without_digest_is_an_error(image: str) -> None:
    with pytest.raises(SupplyError, match="the image has no digest"):
        make(image=image)


def test_a_missing_wheel_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SupplyError, match=r"none\.whl: the wheel cannot be read"):
        make(wheel=tmp_path / "none.whl")
