"""Signs images with a key pair in cosign's forms, and keeps the signatures in a fake registry."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.fakes.registry import Registry, digest

SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
#: The kind of a bundle in the index that cosign 2.6.5 keeps in an old registry.
EMPTY = "application/vnd.oci.empty.v1+json"
STATEMENT = "application/vnd.in-toto+json"


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Signer:
    """A key pair of ``kind`` ``ecdsa``, ``rsa`` or ``ed25519``."""

    def __init__(self, kind: str = "ecdsa") -> None:
        self.key: Any = {
            "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
            "rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ed25519": ed25519.Ed25519PrivateKey.generate,
        }[kind]()
        self.kind = kind

    @property
    def pem(self) -> str:
        form = PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(Encoding.PEM, form).decode()

    def sign(self, data: bytes) -> bytes:
        if self.kind == "ecdsa":
            return self.key.sign(data, ec.ECDSA(SHA256()))
        if self.kind == "rsa":
            return self.key.sign(data, PKCS1v15(), SHA256())
        return self.key.sign(data)

    def simple(self, image: str, **changes: Any) -> tuple[bytes, str]:
        """Return payload and signature for the digest of an image."""
        critical = {
            "identity": {"docker-reference": "registry.example/name"},
            "image": {"docker-manifest-digest": image},
            "type": "cosign container image signature",
        }
        payload = json.dumps({"critical": critical | changes, "optional": None}).encode()
        return payload, text_of(self.sign(payload))

    def bundle(self, image: str, **changes: Any) -> bytes:
        """Return a bundle for the digest of an image; ``changes`` go into the statement."""
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"digest": {"sha256": image.partition(":")[2]}}],
            "predicateType": "https://sigstore.dev/cosign/sign/v1",
            "predicate": {},
        }
        payload = json.dumps(statement | changes).encode()
        signed = f"DSSEv1 {len(STATEMENT)} {STATEMENT} {len(payload)} ".encode() + payload
        envelope = {
            "payload": text_of(payload),
            "payloadType": STATEMENT,
            "signatures": [{"sig": text_of(self.sign(signed))}],
        }
        return json.dumps({"mediaType": BUNDLE, "dsseEnvelope": envelope}).encode()


def keep_simple(
    registry: Registry, name: str, image: str, *signed: tuple[bytes, str], artifact: str = ""
) -> bytes:
    """Store simple signatures as cosign does: by tag, or with ``artifact`` as a referrer."""
    layers = []
    for payload, signature in signed:
        registry.blobs[digest(payload)] = payload
        notes = {"dev.cosignproject.cosign/signature": signature}
        layers.append({"mediaType": SIMPLE, "digest": digest(payload), "annotations": notes})
    manifest = json.dumps({"schemaVersion": 2, "layers": layers}).encode()
    if artifact:
        keep_referrer(registry, name, image, manifest, artifact)
    else:
        registry.manifests[f"{name}:{image.replace(':', '-')}.sig"] = manifest
    return manifest


def keep_bundle(
    registry: Registry, name: str, image: str, bundle: bytes, kind: str = BUNDLE
) -> None:
    """Store a bundle as a referrer of an image, under this kind in the index."""
    registry.blobs[digest(bundle)] = bundle
    layers = [{"mediaType": BUNDLE, "digest": digest(bundle)}]
    manifest = json.dumps({"schemaVersion": 2, "layers": layers}).encode()
    keep_referrer(registry, name, image, manifest, kind)


def keep_referrer(registry: Registry, name: str, image: str, manifest: bytes, kind: str) -> None:
    registry.manifests[f"{name}:{digest(manifest)}"] = manifest
    listed = registry.referrers.setdefault(f"{name}@{image}", [])
    listed.append({"digest": digest(manifest), "artifactType": kind})
