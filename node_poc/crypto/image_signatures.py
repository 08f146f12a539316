"""PURE: signatures of images as cosign makes them with a key pair, and who made them.

Two forms (github.com/sigstore/cosign, ``specs/SIGNATURE_SPEC.md`` and ``specs/BUNDLE_SPEC.md``):

- *simple signing*: a JSON payload with the image's digest; the signature signs the payload's bytes;
- a *bundle*: a DSSE envelope around an in-toto statement with the image's digest; the signature
  signs the envelope's type and payload (github.com/secure-systems-lab/dsse, ``protocol.md``).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from node_poc.config.image_keys import ImageKey

_SIMPLE_TYPE = "cosign container image signature"
_STATEMENT = "application/vnd.in-toto+json"
_SIGNED = "https://sigstore.dev/cosign/sign/v1"
_MOST_SIGNATURES = 8
_MOST_SUBJECTS = 8


class SignatureFormError(ValueError):
    """The text is no signature in a known form."""


@dataclass(frozen=True)
class Claim:
    """A statement that somebody signed: these digests are the images.

    Attributes:
        signed: the bytes that each signature signs.
        signatures: in the form of the key's algorithm.
        digests: ``sha256:...`` of each image.
    """

    signed: bytes
    signatures: tuple[bytes, ...]
    digests: frozenset[str]


@dataclass(frozen=True)
class Verdict:
    """What the claims about one image say.

    Attributes:
        signed_by: names of the keys that signed this image.
        has_other_image: a known key signed another image in one of the claims.
        has_claims: whether there was any claim.
    """

    signed_by: frozenset[str] = frozenset()
    has_other_image: bool = False
    has_claims: bool = False


def parse_simple(payload: bytes, signature: str) -> Claim:
    """Return the claim of a simple-signing payload. Raise SignatureFormError for other bytes."""
    critical = _field(json_object(payload), "critical")
    if critical.get("type") != _SIMPLE_TYPE:
        raise SignatureFormError("the payload is no signature of an image")
    digest = _field(critical, "image").get("docker-manifest-digest")
    if not isinstance(digest, str):
        raise SignatureFormError("the payload names no image")
    return Claim(payload, (_base64(signature),), frozenset({digest}))


def parse_bundle(body: bytes) -> Claim:
    """Return the claim of a bundle. Raise SignatureFormError for other bytes."""
    envelope = _field(json_object(body), "dsseEnvelope")
    kind, payload = envelope.get("payloadType"), _base64(envelope.get("payload"))
    if kind != _STATEMENT:
        raise SignatureFormError("the bundle holds no statement")
    statement = json_object(payload)
    if statement.get("predicateType") != _SIGNED:
        raise SignatureFormError("the statement is no signature of an image")
    parts = (b"DSSEv1", b"%d" % len(kind), kind.encode(), b"%d" % len(payload), payload)
    signatures = [_base64(each.get("sig")) for each in _objects(envelope, "signatures")]
    digests = [_field(each, "digest").get("sha256") for each in _objects(statement, "subject")]
    return Claim(
        b" ".join(parts),
        tuple(signatures[:_MOST_SIGNATURES]),
        frozenset(f"sha256:{each}" for each in digests[:_MOST_SUBJECTS]),
    )


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a text of others. Raise SignatureFormError for another text."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SignatureFormError("the text is no JSON") from error
    if not isinstance(data, dict):
        raise SignatureFormError("the text is no JSON object")
    return data


def judge(claims: Iterable[Claim], keys: Mapping[str, ImageKey], digest: str) -> Verdict:
    """Return whose signatures of an image the claims hold.

    Args:
        claims: read one after the other, up to the first that a key signed for this image.
        keys: by name.
        digest: of the image.
    """
    has_other = has_claims = False
    for claim in claims:
        has_claims = True
        names = frozenset(name for name, key in keys.items() if _has_signed(key, claim))
        if names and digest in claim.digests:
            return Verdict(names, has_other, has_claims)
        has_other = has_other or bool(names)
    return Verdict(frozenset(), has_other, has_claims)


def _has_signed(key: ImageKey, claim: Claim) -> bool:
    return any(_is_valid(key, each, claim.signed) for each in claim.signatures)


def _is_valid(key: ImageKey, signature: bytes, signed: bytes) -> bool:
    try:
        if isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, signed, ECDSA(SHA256()))
        elif isinstance(key, RSAPublicKey):
            key.verify(signature, signed, PKCS1v15(), SHA256())
        else:
            key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _field(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    if not isinstance(value, dict):
        raise SignatureFormError(f"{name} is missing")
    return value


def _objects(data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = data.get(name)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise SignatureFormError(f"{name} is no list of objects")
    return value


def _base64(text: object) -> bytes:
    try:
        return base64.b64decode(text if isinstance(text, str) else "?", validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureFormError("a part is no base64") from error
