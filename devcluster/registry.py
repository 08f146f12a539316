"""The image registry on the bridge address, and the images with a single static program."""

import hashlib
import http.client
import io
import json
import platform
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from devcluster import processes, render, versions
from devcluster.errors import ApiError, DevClusterError
from devcluster.layout import Layout
from devcluster.shell import tail, wait_until

ROLE = "registry"
#: Label with the origin of an image's contents: the image is only made again after a change.
BUILD_LABEL = "v6.devcluster.build"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_ACCEPT = f"{_MANIFEST}, application/vnd.docker.distribution.manifest.v2+json"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def up(layout: Layout) -> None:
    """Start the registry. The cache keeps its images, so ``down`` and ``up`` need no new builds.

    Raises:
        DevClusterError: the registry does not respond; the message ends with its log.
    """
    if answers(layout):
        return
    config = layout.state_dir / "registry.json"
    config.write_text(render.registry(layout, versions.cache_root() / f"registry-{layout.name}"))
    log = layout.log_dir / "registry.log"
    processes.start(layout.name, ROLE, ["docker-registry", "serve", config], log)
    try:
        wait_until(lambda: answers(layout), 15, "the registry")
    except DevClusterError as error:
        raise DevClusterError(f"{error}\n{tail(log)}\nwhole log: {log}") from error


def answers(layout: Layout) -> bool:
    """Return whether the registry responds."""
    try:
        Client(layout.registry, timeout=2.0).request("GET", "/v2/")
    except ApiError:
        return False
    return True


def push_program(layout: Layout, name: str, version: str, program: Path) -> None:
    """Push an image of one program."""
    client = Client(layout.registry)
    # The label names the image's build; a new build replaces the image.
    made_of = program.parent.name
    if client.label(name, version, BUILD_LABEL) != made_of:
        labels = {BUILD_LABEL: made_of}
        client.push_layer(name, version, _tar(program), labels, f"/{program.name}")


class Client:
    """An HTTP client of a registry (OCI distribution API).

    Args:
        address: ``host:port``.
        timeout: seconds to wait for each response.
    """

    def __init__(self, address: str, timeout: float = 60.0) -> None:
        self._address = address
        self._timeout = timeout

    def manifest(self, name: str, reference: str) -> tuple[str, dict[str, Any]] | None:
        """Return digest and manifest of ``name:reference``, or None if there is no image."""
        try:
            headers, body = self.request("GET", f"/v2/{name}/manifests/{reference}")
        except ApiError as error:
            if error.status == http.HTTPStatus.NOT_FOUND:
                return None
            raise
        return headers.get("docker-content-digest", ""), json.loads(body)

    def label(self, name: str, reference: str, label: str) -> str | None:
        """Return the value of an image's label; None if image or label is missing."""
        found = self.manifest(name, reference)
        if found is None or "config" not in found[1]:
            return None
        _, body = self.request("GET", f"/v2/{name}/blobs/{found[1]['config']['digest']}")
        labels = json.loads(body).get("config", {}).get("Labels") or {}
        value = labels.get(label)
        return None if value is None else str(value)

    def push_layer(
        self, name: str, tag: str, layer: bytes, labels: dict[str, str], program: str = ""
    ) -> None:
        """Push an image of one layer.

        Args:
            name: the image's name.
            tag: the image's tag.
            layer: a tar archive, without compression: on one machine, push and pull are faster.
            labels: the image's labels.
            program: path of the image's entrypoint; "" for none.
        """
        layer_ref = self._blob(name, layer, _LAYER)
        settings: dict[str, Any] = {"Env": [f"PATH={_PATH}"], "Labels": labels}
        if program:
            settings["Entrypoint"] = [program]
        config = {
            "architecture": _ARCHITECTURES[platform.machine()],
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [layer_ref["digest"]]},
            # buildah counts layers by the history.
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "v6-devcluster"}],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._blob(name, json.dumps(config).encode(), _CONFIG),
            "layers": [layer_ref],
        }
        self.tag(name, tag, json.dumps(manifest).encode(), _MANIFEST)

    def tag(self, name: str, tag: str, manifest: bytes, kind: str) -> None:
        """Tag a manifest whose blobs have been pushed."""
        self.request("PUT", f"/v2/{name}/manifests/{tag}", manifest, kind)

    def request(
        self, method: str, path: str, body: bytes | None = None, kind: str = ""
    ) -> tuple[dict[str, str], bytes]:
        """Send one request; return headers (lower case names) and body.

        Raises:
            ApiError: no response (status 0) or an error status.
        """
        connection = http.client.HTTPConnection(self._address, timeout=self._timeout)
        headers = {"Accept": _ACCEPT, **({"Content-Type": kind} if kind else {})}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = response.read()
        except OSError as error:
            raise ApiError(f"registry {self._address}: {error}") from error
        finally:
            connection.close()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            text = answer.decode(errors="replace")[:300]
            raise ApiError(f"registry: {method} {path}: {response.status} {text}", response.status)
        return {key.lower(): value for key, value in response.getheaders()}, answer

    def _blob(self, name: str, data: bytes, kind: str) -> dict[str, Any]:
        """Upload a blob and return its descriptor."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        headers, _ = self.request("POST", f"/v2/{name}/blobs/uploads/", b"")
        place = urlsplit(headers["location"])
        query = f"{place.query}&" if place.query else ""
        target = f"{place.path}?{query}digest={digest}"
        self.request("PUT", target, data, "application/octet-stream")
        return {"mediaType": kind, "digest": digest, "size": len(data)}


def _tar(program: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(program.name)
        info.mode = 0o755
        info.size = program.stat().st_size
        with program.open("rb") as stream:
            archive.addfile(info, stream)
    return buffer.getvalue()
