"""Images that real cosign signed run by their digest; all others end with a cause of their own.

All runs are posted at once, at a station whose node takes images below ``signed/`` with a signature
of the site only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.registry import Client
from devstation import Cluster
from devstation.cosign import FORMS, Cosign
from node_poc.registry import tags
from tests.cluster.odd_images import OddImages
from tests.cluster.side_station import (
    Listener,
    SideStation,
    assert_nothing_can_start,
    listening,
)

pytestmark = pytest.mark.dev_cluster
_KIND = "application/vnd.oci.image.manifest.v1+json"
#: The images that nobody may run, and the cause that the researcher gets.
REFUSED = {
    "unsigned": ("not allowed", "ImageNotSigned"),
    "stranger": ("not allowed", "SignatureNotTrusted"),
    "copied": ("not allowed", "SignatureOfOtherImage"),
}
AWAY = "away.test/image"
MOVED = "moved"


class Registry:
    """The cluster's registry with the test's images below ``signed/``."""

    def __init__(self, cluster: Cluster, cosign: Cosign) -> None:
        self._address = cluster.settings["REGISTRY"]
        self._client = Client(self._address)
        self._images = OddImages(self._address)
        self._cosign = cosign
        self.site, self.stranger = cosign.key_pair("site"), cosign.key_pair("stranger")
        self.digests: dict[str, str] = {}

    def push(self, name: str) -> None:
        """Push an image with a new digest as ``signed/NAME:latest``."""
        self.digests[name] = self._images.derive_new(f"signed/{name}")

    def sign(self, name: str, form: str = "tag", *, by_site: bool = True) -> None:
        """Sign the digest that was pushed last."""
        key = self.site if by_site else self.stranger
        self._cosign.sign(f"{self._address}/signed/{name}@{self.digests[name]}", key, form)

    def copy_signature(self, source: str, target: str) -> None:
        """Store an image's signature beside another image."""
        found = self._client.manifest(f"signed/{source}", self._tag(source))
        assert found is not None
        manifest = found[1]
        for blob in (manifest["config"], *manifest["layers"]):
            mount = f"?mount={blob['digest']}&from=signed/{source}"
            self._client.request("POST", f"/v2/signed/{target}/blobs/uploads/{mount}", b"")
        text = json.dumps(manifest).encode()
        self._client.tag(f"signed/{target}", self._tag(target), text, _KIND)

    def tags(self, name: str) -> set[str]:
        """Return the tags of an image's repository."""
        return set(
            json.loads(self._client.request("GET", f"/v2/signed/{name}/tags/list")[1])["tags"]
        )

    def _tag(self, name: str) -> str:
        return f"{self.digests[name].replace(':', '-')}.sig"


@pytest.fixture(scope="module")
def registry(cluster: Cluster, cosign: Cosign) -> Registry:
    """Return the registry with an image for each form of signature, and for each refusal."""
    made = Registry(cluster, cosign)
    for name in (*FORMS, *REFUSED, MOVED):
        made.push(name)
    for form in FORMS:
        made.sign(form, form)
    made.sign(MOVED)
    made.sign("stranger", by_site=False)
    made.copy_signature("tag", "copied")
    return made


@pytest.fixture(scope="module")
def listener(
    cluster: Cluster, registry: Registry, api_access: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listener]:
    rule = {
        "images": [f"{cluster.images}/signed/*", "away.test/*"],
        "keys": {"site": registry.site.public_pem},
    }
    mirrors = {
        cluster.images: f"http://{cluster.settings['REGISTRY']}",
        "away.test": f"http://{cluster.server_ip}:1",
    }
    station = SideStation(
        cluster,
        "signed",
        tmp_path_factory.mktemp("signed"),
        images={"signatures": [rule], "mirrors": mirrors},
    )
    with pytest.MonkeyPatch.context() as patch, listening(station) as listener:
        patch.setattr(tags, "_KNOWN_SECONDS", 0.0)  # the tag moves without a pause
        yield listener


@pytest.fixture(scope="module")
def runs(listener: Listener) -> dict[str, int]:
    """Post a run of each image; return the run ids."""
    images = {name: _image(listener, name) for name in (*FORMS, *REFUSED, MOVED)} | {AWAY: AWAY}
    return {name: listener.post(name, image=image) for name, image in images.items()}


def _image(listener: Listener, name: str) -> str:
    return listener.station.cluster.image(f"signed/{name}")


@pytest.mark.parametrize("form", FORMS)
def test_a_signed_image_runs_by_its_digest(
    listener: Listener, registry: Registry, runs: dict[str, int], form: str
):
    result = listener.result(runs[form])
    assert result["status"] == "completed", result
    station, wanted = listener.station, f"{_image(listener, form)}@{registry.digests[form]}"
    job = station.job_of(runs[form])
    assert job is not None
    (pod,) = station.pods_of(runs[form])
    for spec in (job["spec"]["template"]["spec"], pod["spec"]):
        assert [each["image"] for each in spec["containers"]] == [wanted]
    (status,) = pod["status"]["containerStatuses"]
    assert status["imageID"].endswith(registry.digests[form])
    record = json.loads(Path(station.tasks, str(runs[form]), "run.json").read_text())
    assert record["signed_by"] == "site"


@pytest.mark.parametrize("form", FORMS)
def test_each_form_lies_in_its_own_place(registry: Registry, form: str):
    """The control: without this, all runs could have had the same kind of signature."""
    digest = registry.digests[form].replace(":", "-")
    assert (f"{digest}.sig" in registry.tags(form)) is (form == "tag")
    assert (digest in registry.tags(form)) is (form != "tag")


@pytest.mark.parametrize("name", REFUSED)
def test_an_image_without_a_signature_of_the_site_is_refused(
    listener: Listener, runs: dict[str, int], name: str
):
    result = listener.result(runs[name])
    assert (result["status"], result["cause"]) == REFUSED[name]
    assert result["exit_code"] is None
    assert_nothing_can_start(listener.station, runs[name])


def test_a_tag_that_moves_after_signing_names_an_unsigned_image(
    listener: Listener, registry: Registry, runs: dict[str, int]
):
    assert listener.result(runs[MOVED])["status"] == "completed"
    registry.push(MOVED)
    image = _image(listener, MOVED)
    moved = listener.result(listener.post("moved", image=image))
    assert (moved["status"], moved["cause"]) == ("not allowed", "TagMoved")
    registry.sign(MOVED)
    again = listener.result(listener.post("signed again", image=image))
    assert again["status"] == "completed", again


def test_a_run_waits_for_a_registry_that_is_away(listener: Listener, runs: dict[str, int]):
    """``tests/contract/test_node_images.py`` has the end of such a run."""
    listener.status(runs[AWAY], "RegistryAway")
    assert listener.station.job_of(runs[AWAY]) is None
    assert listener.kill(runs[AWAY]) == ["killed"]
    assert listener.result(runs[AWAY])["status"] == "killed by user"
