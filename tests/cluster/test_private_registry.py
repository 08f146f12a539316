"""An image in a registry with a password: refused without a login, pulled with the site's login.

The registry is a second process of the dev cluster's registry, over the same images, which asks for
a password. The test needs the dev cluster, because its nodes must know that this registry speaks
HTTP.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import requests
import yaml

from devstation import ROOT, Cluster, DummyServer, DummyStation, Location, own_home, wait_for
from devstation.cosign import Cosign
from node_poc.config.images import SignatureRule
from node_poc.config.sections import Registry as Login
from node_poc.registry.client import Site
from node_poc.registry.tags import Registries
from node_poc.registry.verify import Verifier
from node_poc.runs.image_names import parse_image
from node_poc.runs.trusted_images import RegistryAwayError
from tests.cluster.odd_images import OddImages
from tests.cluster.station import no_self_test

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PORT = 5011
USER, PASSWORD = "site", "a-registry-password"
# bcrypt is the only kind that the registry reads; made with `htpasswd -Bbn site
# a-registry-password`.
HTPASSWD = "site:$2b$05$cFAnO/feGzVmH6HoBiPTnu2ziyuAVf8wkTCfrOzxaBDYzaPzRXkeW\n"
NAMESPACE = "v6-test-registry"


@pytest.fixture(scope="module")
def registry(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a registry that gives its images to USER only."""
    state = Path(cluster.settings["KUBECONFIG"]).parent
    folder = tmp_path_factory.mktemp("registry")
    address = f"{cluster.server_ip}:{PORT}"
    (folder / "htpasswd").write_text(HTPASSWD)
    config = json.loads((state / "registry.json").read_text())
    config["http"]["addr"] = address
    config["auth"] = {"htpasswd": {"realm": "site", "path": str(folder / "htpasswd")}}
    (folder / "registry.json").write_text(json.dumps(config))
    hosts = [node / "registries" / address for node in state.glob("node*")]
    for place in hosts:
        place.mkdir()
        (place / "hosts.toml").write_text(
            f'server = "http://{address}"\n'
            f'[host."http://{address}"]\n  capabilities = ["pull", "resolve"]\n'
        )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "registry.json")], stdout=log, stderr=log
        )
    try:
        wait_for(lambda: status_of(address) == 401, "the registry asks for a password", 60)
        yield address
    finally:
        process.kill()
        process.wait()
        for place in hosts:
            (place / "hosts.toml").unlink()
            place.rmdir()


def status_of(address: str) -> int:
    """Return the registry's HTTP status for a request without a password; 0 without an answer."""
    with suppress(OSError):
        try:
            return urlopen(f"http://{address}/v2/", timeout=2).status
        except HTTPError as error:
            return error.code
    return 0


@pytest.fixture(scope="module")
def station(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DummyStation]:
    """Return a station whose configuration names a login file, as at a real site."""

    def change(config: dict[str, Any]) -> None:
        config["kubernetes"]["docker_config_file"] = "/srv/v6/docker/config.json"
        config["kubernetes"]["limits"] = {"hopeless_seconds": 5}
        no_self_test(config)

    log = tmp_path_factory.mktemp("server") / "dummy_server.log"
    location = Location(NAMESPACE, own_home("test-registry"), 5057)
    server = DummyServer(cluster, location.port, log)
    made = DummyStation(cluster, location, server, change)
    made.set_up()
    yield made
    made.remove()


def secret_of(registry: str, password: str, folder: Path) -> str:
    """Return the Secret as a site makes it: with the command and a configuration with passwords."""
    config = {
        "server_url": "http://127.0.0.1",
        "task_dir": "/tasks",
        "docker_registries": [{"registry": registry, "username": USER, "password": password}],
        "kubernetes": {"namespace": NAMESPACE, "node_name": "v6-node"},
    }
    path = folder / "with_passwords.yaml"
    path.write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [sys.executable, "-m", "node_poc", "render", "pull-secret", "--config", str(path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_an_image_behind_a_password_is_pulled_with_the_sites_login_only(
    station: DummyStation, registry: str, tmp_path: Path
):
    image = f"{registry}/v6_average_algorithm"
    without = station.run(station.payload(image=image))
    assert (without["status"], without["cause"]) == ("non-existing Docker image", "ImageRefused")

    apply = ("-n", NAMESPACE, "apply", "-f", "-")
    station.cluster.kubectl(*apply, text_in=secret_of(registry, "wrong", tmp_path))
    wrong = station.run(station.payload(image=image))
    assert (wrong["status"], wrong["cause"]) == ("non-existing Docker image", "ImageRefused")

    station.cluster.kubectl(*apply, text_in=secret_of(registry, PASSWORD, tmp_path))
    right = station.run(station.payload(image=image))
    assert right["status"] == "completed", right
    job = station.job_of(right["run_id"])
    assert job is not None
    (named,) = job["spec"]["template"]["spec"]["imagePullSecrets"]
    assert named["name"].endswith("-registries")
    for text in (json.dumps(job), station.node_log()):
        assert PASSWORD not in text


def test_a_tag_is_looked_up_with_the_sites_login_only(registry: str):
    host, image = f"http://{registry}", f"{registry}/v6_average_algorithm:latest"
    own = Registries([Login(registry=host, username=USER, password=PASSWORD)]).digests_of(image)
    assert own[0] == digest_told_by(f"{host}/v2/v6_average_algorithm/manifests/latest")
    wrong = Login(registry=host, username=USER, password="wrong")
    assert tuple(Registries([wrong]).digests_of(image)) == ()


def test_a_signature_is_read_with_the_sites_login_only(
    cluster: Cluster, registry: str, cosign: Cosign
):
    """The image is signed through the registry without a password, which has the same images."""
    key, open_registry = cosign.key_pair("private"), cluster.settings["REGISTRY"]
    digest = OddImages(open_registry).derive_new("signed/private")
    cosign.sign(f"{open_registry}/signed/private@{digest}", key)
    name = parse_image(f"{registry}/signed/private:latest")
    assert name is not None
    rule = SignatureRule(images=["*"], keys={"site": key.public_pem})

    def site(password: str) -> Site:
        login = Login(registry=f"http://{registry}", username=USER, password=password)
        return Registries([login]).site(name)

    assert Verifier([rule]).verify(site(PASSWORD), name, digest) == "site"
    with pytest.raises(RegistryAwayError, match="HTTP 401"):
        Verifier([rule]).verify(site("wrong"), name, digest)


def digest_told_by(url: str) -> str | None:
    """Return the digest that the registry sends in a header beside the manifest."""
    told = requests.get(url, auth=(USER, PASSWORD), headers={"Accept": MANIFEST}, timeout=5)
    return told.headers["Docker-Content-Digest"]
