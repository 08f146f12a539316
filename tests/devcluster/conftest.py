"""What tests on the running dev cluster share."""

import uuid
from collections.abc import Iterator

import pytest

from devcluster import base_image
from devcluster.console import Console
from devcluster.layout import MANIFEST_REGISTRY
from tests.devcluster.running import LAYOUT, kubectl


@pytest.fixture(scope="module")
def image() -> str:
    if not LAYOUT.kubeconfig.exists():
        pytest.fail("the dev cluster is not running: python3 -m devcluster up")
    return base_image.ensure(LAYOUT, Console()).replace(LAYOUT.registry, MANIFEST_REGISTRY)


@pytest.fixture
def namespace(image: str) -> Iterator[str]:
    assert image
    name = f"devcluster-test-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")
