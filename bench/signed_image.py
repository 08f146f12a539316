"""The measured algorithm's image, with a signature of real cosign and with tags of its own."""

from __future__ import annotations

import hashlib
import json
import secrets
from itertools import cycle
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.station import ALGORITHM, BenchStation
from devcluster.console import Console
from devcluster.errors import DevClusterError
from devcluster.parts import COSIGN
from devcluster.registry import Client
from devstation import StationError
from devstation.cosign import Cosign
from devstation.programs import built

#: Name of the key in the node's configuration, its records and its audit trail.
KEY = "bench"
# The node keeps a tag's digest for ten seconds. With tags in turns, each run asks the registry.
_TAGS = 10


class SignedImage:
    """The image under a new digest, signed by a new key pair.

    Attributes:
        settings: ``kubernetes.images`` of a node that needs digest and signature.
    """

    def __init__(self, station: BenchStation, folder: Path) -> None:
        """Push and sign the image; ``folder`` is for the key pair. Raise BenchError."""
        try:
            public_key = self._push(station, folder)
        except (DevClusterError, StationError) as error:
            raise BenchError(f"the image cannot be signed: {error}") from error
        images, registry = station.cluster.images, station.cluster.settings["REGISTRY"]
        rule = {"images": [f"{images}/{ALGORITHM}"], "keys": {KEY: public_key}}
        mirrors = {} if images == registry else {images: f"http://{registry}"}
        self.settings = {"resolve": "on", "signatures": [rule], "mirrors": mirrors}
        self._names = cycle(f"{station.image}:bench-{number}" for number in range(_TAGS))

    def next_name(self) -> str:
        """Return the image's name with the tag whose turn it is."""
        return next(self._names)

    def _push(self, station: BenchStation, folder: Path) -> str:
        """Return the public key."""
        registry = station.cluster.settings["REGISTRY"]
        client = Client(registry)
        headers, text = client.request("GET", f"/v2/{ALGORITHM}/manifests/latest")
        manifest: dict[str, Any] = json.loads(text)
        # A known digest would get one more signature with each measurement.
        manifest["annotations"] = {"bench": secrets.token_hex(8)}
        body = json.dumps(manifest).encode()
        for number in range(_TAGS):
            client.tag(ALGORITHM, f"bench-{number}", body, headers["content-type"])
        cosign = Cosign(built(COSIGN, Console()) / "cosign", folder)
        key = cosign.key_pair(KEY)
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        cosign.sign(f"{registry}/{ALGORITHM}@{digest}", key)
        return key.public_pem
