"""Runs whose image cannot be pulled: the node waits if the image may still come, else ends the run.

All runs are posted at once. Beside the real registry there is a registry that refuses pulls, limits
their rate and breaks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from devcluster.layout import Layout
from devstation import Cluster
from tests.cluster.odd_images import OddImages
from tests.cluster.side_station import (
    Listener,
    SideStation,
    assert_nothing_can_start,
    listening,
    told,
)
from tests.cluster.unwilling_registry import UnwillingRegistry

LIMITS = {"pull_seconds": 25, "hopeless_seconds": 5}
CHECK = (
    "Check the image's name and tag, that it was pushed, and that this node's registry "
    "credentials may read it."
)
BROKEN = ("ImagePullError", "the registry did not give the image; it is tried again", CHECK)
# The failures: the image, and the cause, detail and advice that researchers get.
EXPECTED = {
    "image-missing": (
        "localhost:5001/v6_no_such_image",
        ("ImageNotFound", "the image was not found in its registry", CHECK),
    ),
    "image-tag-missing": (
        "localhost:5001/v6_average_algorithm:no-such-tag",
        ("ImageNotFound", "the image was not found in its registry", CHECK),
    ),
    "image-refused": (
        "unwilling.test/private/forbidden-fruit",
        ("ImageRefused", "the registry refuses to give the image to this node", CHECK),
    ),
    "image-wrong-architecture": (
        "localhost:5001/v6_test_s390x",
        (
            "WrongArchitecture",
            "the image is not made for the data station's kind of processor",
            "Build the image for that processor as well.",
        ),
    ),
    "image-rate-limited": (
        "unwilling.test/busy/unauthorized",
        (
            "ImageRateLimited",
            "the registry gives no more images for now; it is tried again",
            "Wait, or use a registry without a limit.",
        ),
    ),
    "registry-away": ("away.test/image", BROKEN),
}
HOPELESS = {"image-missing", "image-tag-missing", "image-refused", "image-wrong-architecture"}


@pytest.fixture(scope="module")
def registry(cluster: Cluster) -> Iterator[UnwillingRegistry]:
    layout = Layout.chosen(os.environ)
    registry = UnwillingRegistry(cluster.server_ip, cluster.settings["REGISTRY"], layout)
    registry.open()
    yield registry
    registry.close()


@pytest.fixture(scope="module")
def listener(
    cluster: Cluster,
    recorder: None,
    registry: UnwillingRegistry,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Listener]:
    OddImages(cluster.settings["REGISTRY"]).derive_for("v6_test_s390x", "s390x")
    station = SideStation(cluster, "image", tmp_path_factory.mktemp("image"), limits=LIMITS)
    with listening(station) as listener:
        yield listener


@pytest.fixture(scope="module")
def runs(listener: Listener, registry: UnwillingRegistry) -> dict[str, int]:
    runs = {name: listener.post(name, image=image) for name, (image, _) in EXPECTED.items()}
    image = "unwilling.test/shaky/v6_average_algorithm"
    recovers = listener.post("registry-recovers", image=image)
    listener.status(recovers, "ImagePullError")
    registry.is_shaky = False
    return runs | {"registry-recovers": recovers}


def seconds(result: dict[str, Any]) -> float:
    """Return how long a run took, according to its own timeline."""
    begin, end = (datetime.fromisoformat(result["timeline"][k]) for k in ("job_created", "ended"))
    return (end - begin).total_seconds()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_run_without_an_image_tells_why_and_cannot_start_later(
    listener: Listener, runs: dict[str, int], name: str
):
    expected = EXPECTED[name][1]
    assert told(listener.status(runs[name], expected[0])) == ("initializing", *expected)
    result = listener.result(runs[name])
    assert told(result) == ("non-existing Docker image", *expected)
    assert (result["exit_code"], result["log"]) == (None, "")
    assert_nothing_can_start(listener.station, runs[name])
    # The node waits for an image that may still come, and for no other.
    assert (seconds(result) < LIMITS["pull_seconds"]) == (name in HOPELESS)


def test_a_run_whose_registry_recovers_completes(listener: Listener, runs: dict[str, int]):
    run_id = runs["registry-recovers"]
    assert told(listener.status(run_id, "ImagePullError")) == ("initializing", *BROKEN)
    assert told(listener.result(run_id)) == ("completed", None, None, None)
