"""Finds the signatures that a registry keeps beside an image.

cosign stores signatures in the image's repository, in one of two places:

- under the tag ``sha256-<hex>.sig``: one layer for each signature (``specs/SIGNATURE_SPEC.md``);
- as *referrers*: manifests that name the image as their subject (OCI distribution specification
  1.1, "Listing Referrers"), under ``/referrers/<digest>``, or under the tag ``sha256-<hex>`` of a
  registry without this address.

Whatever the registry answers has limits in size and number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from node_poc.crypto.image_signatures import (
    Claim,
    SignatureFormError,
    json_object,
    parse_bundle,
    parse_simple,
)
from node_poc.registry.client import Bounds, Site, ask
from node_poc.runs.image_names import ImageName
from node_poc.runs.trusted_images import RegistryAwayError

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
_SIMPLE_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
_BUNDLE = "application/vnd.dev.sigstore.bundle"
#: In a registry without the address for referrers, cosign 2.6.5 keeps this kind in its index for a
#: bundle: the kind of the manifest's configuration. The layers then tell the kind.
_EMPTY = "application/vnd.oci.empty.v1+json"
_SIGNATURE = "dev.cosignproject.cosign/signature"
_MANIFEST_BYTES = 1 << 20
_CLAIM_BYTES = 1 << 18
#: More manifests or layers than these are not looked at: the answer then counts as unusable.
_MOST_REFERRERS = 50
_MOST_LAYERS = 50
_BLOB_REDIRECTS = 3
_ABSENT = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED})


class Unusable(Exception):  # noqa: N818  a finding about the registry's answer
    """The registry's answer about signatures is malformed, or too large to be looked at."""


class SignatureFinder:
    """Reads the claims about one image from its registry."""

    def __init__(self, site: Site, name: ImageName, digest: str) -> None:
        """``digest`` is ``sha256:...`` of the image; ``site`` is the registry of ``name``."""
        self._site = site
        self._path = name.path
        self._digest = digest

    def find(self) -> Iterator[Claim]:
        """Yield the claims, and ask only for as many as the caller takes.

        A claim in an unknown form is left out.

        Raises:
            RegistryAwayError: the registry gave no usable answer; a later try may succeed.
            Unusable: the registry's answer is malformed or too large.
        """
        tag = self._digest.replace(":", "-")
        signed = self._manifest(f"{tag}.sig", _MANIFEST)
        if signed is not None:
            yield from self._claims(signed)
        found = self._get(f"referrers/{self._digest}", _INDEX)
        index = self._manifest(tag, _INDEX) if found is None else _object(found)
        for each in _listed(index or {}, "manifests", _MOST_REFERRERS):
            kind, digest = str(each.get("artifactType", "")), str(each.get("digest", ""))
            if kind in {_SIMPLE_ARTIFACT, _EMPTY} or kind.startswith(_BUNDLE):
                referrer = self._manifest(digest, _MANIFEST)
                yield from self._claims(referrer or {})

    def _claims(self, manifest: dict[str, Any]) -> Iterator[Claim]:
        for layer in _listed(manifest, "layers", _MOST_LAYERS):
            kind, notes = str(layer.get("mediaType", "")), layer.get("annotations")
            digest = str(layer.get("digest", ""))
            try:
                if kind == _SIMPLE and isinstance(notes, dict):
                    yield parse_simple(self._blob(digest), str(notes.get(_SIGNATURE)))
                elif kind.startswith(_BUNDLE):
                    yield parse_bundle(self._blob(digest))
            except SignatureFormError:
                continue

    def _manifest(self, reference: str, kind: str) -> dict[str, Any] | None:
        body = self._get(f"manifests/{reference}", kind)
        return None if body is None else _object(body)

    def _get(self, what: str, kind: str) -> bytes | None:
        """Return the registry's answer; None if the registry has no such thing."""
        reply = ask(self._site, self._path, what, kind, Bounds(_MANIFEST_BYTES))
        if reply.status == HTTPStatus.OK:
            return reply.body
        if reply.status in _ABSENT:
            return None
        raise RegistryAwayError(f"{self._site.url}: HTTP {reply.status} for signatures")

    def _blob(self, digest: str) -> bytes:
        bounds = Bounds(_CLAIM_BYTES, _BLOB_REDIRECTS)
        reply = ask(self._site, self._path, f"blobs/{digest}", "*/*", bounds)
        if reply.status != HTTPStatus.OK:
            raise RegistryAwayError(f"{self._site.url}: HTTP {reply.status} for a signature")
        if f"sha256:{hashlib.sha256(reply.body).hexdigest()}" != digest:
            raise SignatureFormError("the bytes are others than the manifest says")
        return reply.body


def _object(body: bytes) -> dict[str, Any]:
    try:
        return json_object(body)
    except SignatureFormError as error:
        raise Unusable(f"the registry's answer: {error}") from error


def _listed(data: dict[str, Any], key: str, most: int) -> list[dict[str, Any]]:
    items = data.get(key) or []
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise Unusable(f"{key} in the registry's answer is no list of objects")
    if len(items) > most:
        raise Unusable(f"the registry's answer has {len(items)} {key}, and {most} are looked at")
    return items
