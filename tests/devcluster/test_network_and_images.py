"""On the running dev cluster: policies are enforced, images are pulled, builds leave no traces."""

import io
import json
import os
import subprocess
import tarfile
from typing import Any

import pytest

from devcluster import build_settings
from devcluster.image_list import IMAGES
from devcluster.layout import MANIFEST_REGISTRY
from devcluster.network import METADATA_IP
from devcluster.registry import Client
from tests.devcluster.running import CHOSEN, LAYOUT, kubectl, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.dev_cluster, pytest.mark.timeout(300)]
FETCH = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=3)"


def run_pod(namespace: str, image: str, name: str = "probe") -> dict[str, Any]:
    """Return a pod that sleeps, once it runs or once its image could not be pulled."""
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Always",
        "command": ["sleep", "600"],
    }
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    meta = {"name": name, "namespace": namespace, "labels": {"app": name}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
    kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    state: dict[str, Any] = {}

    def settled() -> bool:
        found = json.loads(kubectl("-n", namespace, "get", "pod", name, "-o", "json"))
        statuses = found["status"].get("containerStatuses", [])
        state.update(statuses[0] if statuses else {})
        waiting = state.get("state", {}).get("waiting", {}).get("reason", "")
        return "running" in state.get("state", {}) or "Err" in waiting or "BackOff" in waiting

    wait_for(settled, f"pod {name} neither ran nor failed")
    return state


def reaches(namespace: str, url: str) -> bool:
    words = ("-n", namespace, "exec", "probe", "--", "python3", "-c", FETCH, url)
    result = subprocess.run([*CHOSEN.kubectl, *words], capture_output=True, text=True, check=False)
    return result.returncode == 0


def test_a_policy_blocks_the_way_out_that_is_open_without_it(namespace: str, image: str) -> None:
    run_pod(namespace, image)
    outside = f"http://{LAYOUT.outside}/"
    assert reaches(namespace, outside), "without a policy the outside must be reachable"
    assert reaches(namespace, f"http://{METADATA_IP}/"), "as a cloud's metadata must be"
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": []},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(policy))
    wait_for(lambda: not reaches(namespace, outside), "the policy does not block the outside")
    kubectl("-n", namespace, "delete", "networkpolicy", "deny")
    wait_for(lambda: reaches(namespace, outside), "the way out stays closed without the policy")


def test_names_of_services_resolve_and_others_fail_at_once(namespace: str, image: str) -> None:
    run_pod(namespace, image)
    look = "import socket, sys; print(socket.gethostbyname(sys.argv[1]))"
    words = ("-n", namespace, "exec", "probe", "--", "python3", "-c", look)
    assert kubectl(*words, "kubernetes.default").strip() == LAYOUT.api_service_ip
    assert kubectl(*words, "kube-dns.kube-system.svc.cluster.local").strip() == LAYOUT.dns_ip
    gone = subprocess.run(
        [*CHOSEN.kubectl, *words, "no-such.example"], capture_output=True, text=True, check=False
    )
    assert "Name or service not known" in gone.stderr


def test_pods_reach_the_host(namespace: str, image: str) -> None:
    run_pod(namespace, image)
    assert reaches(namespace, f"http://{LAYOUT.registry}/v2/")


def test_an_image_is_pulled_by_its_digest(namespace: str, image: str) -> None:
    _, digest = image.split("@")
    state = run_pod(namespace, image)
    assert "running" in state["state"]
    assert state["imageID"].endswith(digest)


@pytest.mark.parametrize("name", [f"{MANIFEST_REGISTRY}/no-such:1", "no-such-owner/no-such:1"])
def test_an_absent_image_is_told_as_not_found(namespace: str, image: str, name: str) -> None:
    assert image
    waiting = run_pod(namespace, name)["state"]["waiting"]
    assert waiting["reason"] in ("ErrImagePull", "ImagePullBackOff")
    assert "not found" in waiting["message"]


#: Places over which the machine's settings are mounted while an image is built.
LENT = ("etc/pip.conf", "etc/ssl/certs/ca-certificates.crt", "etc/resolv.conf", "etc/hosts")


def _own_files(client: Client, name: str, base: set[str]) -> dict[str, bytes]:
    """Return the files of an image's own layers, without those of its base."""
    found = client.manifest(name, "latest")
    assert found is not None, "the images are not built: python3 -m devcluster images"
    files: dict[str, bytes] = {}
    for layer in found[1]["layers"]:
        if layer["digest"] in base:
            continue
        _, blob = client.request("GET", f"/v2/{name}/blobs/{layer['digest']}")
        with tarfile.open(fileobj=io.BytesIO(blob)) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                files[member.name.removeprefix("./")] = stream.read() if stream else b""
    return files


@pytest.mark.parametrize("name", [image.name for image in IMAGES if not image.only_named])
def test_nothing_of_the_machines_settings_stays_in_images(image: str, name: str) -> None:
    client = Client(LAYOUT.registry)
    base_name, digest = image.removeprefix(f"{MANIFEST_REGISTRY}/").split("@")
    base = client.manifest(base_name, digest)
    assert base is not None
    files = _own_files(client, name, {layer["digest"] for layer in base[1]["layers"]})
    assert files, "the image has nothing of its own"
    assert [path for path in LENT if files.get(path)] == []
    assert [path for path in files if path.startswith(("run/", "tmp/", "root/.cache"))] == []

    manifest = client.manifest(name, "latest")
    assert manifest is not None
    _, config = client.request("GET", f"/v2/{name}/blobs/{manifest[1]['config']['digest']}")
    variables = json.loads(config)["config"].get("Env", [])
    assert [v for v in variables if v.startswith(("PIP_", "SSL_", "http", "HTTP"))] == []
    lent = build_settings.pip_settings(build_settings.pip_files(os.environ), os.environ)
    for value in lent.values():
        if value.startswith("http"):
            assert value not in config.decode()
            assert [path for path, text in files.items() if value.encode() in text] == []
