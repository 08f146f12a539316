"""Verifies, offline, that an image has the signatures that the site requires.

The node needs no service but the registry, and no certificate authority: the keys stand in the
configuration. A verified digest stays verified while this process runs, because neither the image
nor the keys can change; the registry is then not asked again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from node_poc.config.image_keys import load_image_key
from node_poc.config.images import SignatureRule
from node_poc.crypto.image_signatures import Verdict, judge
from node_poc.registry.client import Site
from node_poc.registry.signatures import SignatureFinder, Unusable
from node_poc.runs import trusted_images
from node_poc.runs.image_names import ImageName
from node_poc.runs.image_patterns import covers
from node_poc.runs.model import Failure

_MOST_KNOWN = 1000


class Verifier:
    """Finds and verifies signatures. Thread-safe."""

    def __init__(self, rules: Sequence[SignatureRule]) -> None:
        """``rules`` are ``kubernetes.images.signatures``."""
        self._rules = [
            (rule.images, {name: load_image_key(pem) for name, pem in rule.keys.items()})
            for rule in rules
        ]
        self._lock = threading.Lock()
        self._verified: dict[tuple[str, str], str] = {}
        self._signed_tags: dict[str, str] = {}

    def wants_signature(self, name: ImageName) -> bool:
        """Return whether a rule covers the image."""
        return any(covers(each, name) for images, _ in self._rules for each in images)

    def verify(self, site: Site, name: ImageName, digest: str) -> str:
        """Return the names of the keys that signed an image, with commas between them.

        Raises:
            ImageRefusedError: the image lacks a signature that is required.
            RegistryAwayError: the registry gave no usable answer; a later try may succeed.
        """
        tag = f"{name.repository}:{name.version}"
        with self._lock:
            known = self._verified.get((name.repository, digest))
        signed_by = known or self._signed_by(site, name, digest)
        with self._lock:
            if len(self._verified) >= _MOST_KNOWN or len(self._signed_tags) >= _MOST_KNOWN:
                self._verified.clear()
                self._signed_tags.clear()
            self._verified[name.repository, digest] = signed_by
            if name.digest is None:
                self._signed_tags[tag] = digest
        return signed_by

    def _signed_by(self, site: Site, name: ImageName, digest: str) -> str:
        signers: set[str] = set()
        for images, keys in self._rules:
            if not any(covers(each, name) for each in images):
                continue
            try:
                verdict = judge(SignatureFinder(site, name, digest).find(), keys, digest)
            except Unusable as error:
                failure = trusted_images.signature_unreadable(f"{name.host}: {error}")
                raise trusted_images.not_trusted(failure) from error
            if not verdict.signed_by:
                raise trusted_images.not_trusted(self._why_not(verdict, name, digest, list(keys)))
            signers |= verdict.signed_by
        return ",".join(sorted(signers))

    def _why_not(
        self, verdict: Verdict, name: ImageName, digest: str, keys: Sequence[str]
    ) -> Failure:
        detail = f"{name.repository}@{digest}: kubernetes.images.signatures wants {', '.join(keys)}"
        if verdict.has_other_image:
            return trusted_images.signature_of_other_image(detail)
        if verdict.has_claims:
            return trusted_images.signature_not_trusted(detail)
        with self._lock:
            before = self._signed_tags.get(f"{name.repository}:{name.version}")
        if name.digest is None and before is not None and before != digest:
            return trusted_images.tag_moved(f"{detail}; the tag named {before} before")
        return trusted_images.not_signed(detail)
