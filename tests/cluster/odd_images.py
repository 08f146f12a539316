"""Images that cannot run: the example algorithm's layers with a changed image configuration."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import secrets
import tarfile
from collections.abc import Callable
from typing import Any

from devcluster.registry import Client

BASE = "v6_average_algorithm"
_INDEX = "application/vnd.oci.image.index.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
Config = dict[str, Any]


class OddImages:
    """Push images to the cluster's registry; ``address`` is the registry's ``host:port``."""

    def __init__(self, address: str) -> None:
        self._client = Client(address)

    def derive(
        self, name: str, change: Callable[[Config], None], file: tuple[str, str] | None = None
    ) -> bytes:
        """Push ``name:latest``: the algorithm with a changed configuration and one more file.

        Return the manifest.
        """
        found = self._client.manifest(BASE, "latest")
        assert found is not None, f"{BASE} is not in the registry: python3 -m devcluster images"
        manifest = found[1]
        _, text = self._client.request("GET", f"/v2/{BASE}/blobs/{manifest['config']['digest']}")
        config: Config = json.loads(text)
        change(config)
        for layer in manifest["layers"]:
            mount = f"/v2/{name}/blobs/uploads/?mount={layer['digest']}&from={BASE}"
            self._client.request("POST", mount, b"")
        if file is not None:
            data = _tar(*file)
            manifest["layers"].append(self._client._blob(name, gzip.compress(data), _LAYER))
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            config["rootfs"]["diff_ids"].append(digest)
            config["history"].append({"created_by": "a test"})
        kind = manifest["config"]["mediaType"]
        manifest["config"] = self._client._blob(name, json.dumps(config).encode(), kind)
        made = json.dumps(manifest).encode()
        self._client.tag(name, "latest", made, manifest["mediaType"])
        return made

    def derive_new(self, name: str) -> str:
        """Push ``name:latest``: the algorithm under a digest that no image has had.

        The registry outlives the test, and would keep adding signatures to a known digest.

        Return the digest.
        """

        def change(config: Config) -> None:
            config["config"]["Labels"] = {"test": secrets.token_hex(8)}

        return f"sha256:{hashlib.sha256(self.derive(name, change)).hexdigest()}"

    def derive_for(self, name: str, architecture: str) -> None:
        """Push ``name:latest``: an image list with an image for ``architecture`` only."""

        def change(config: Config) -> None:
            config["architecture"] = architecture

        made = self.derive(name, change)
        manifest = {
            "mediaType": json.loads(made)["mediaType"],
            "digest": f"sha256:{hashlib.sha256(made).hexdigest()}",
            "size": len(made),
            "platform": {"os": "linux", "architecture": architecture},
        }
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [manifest]}
        self._client.tag(name, "latest", json.dumps(index).encode(), _INDEX)


def command(*words: str) -> Callable[[Config], None]:
    """Return a change of the image configuration: run ``words``, whatever the arguments are."""

    def change(config: Config) -> None:
        config["config"]["Entrypoint"] = list(words)

    return change


def _tar(path: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(path)
        info.size = len(text.encode())
        archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()
