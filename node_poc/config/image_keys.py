"""PURE: public keys that verify signatures of images."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

_LEAST_BITS = 2048
_MOST_BITS = 8192  # verification takes longer with each bit
ImageKey = EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey


def load_image_key(pem: str) -> ImageKey:
    """Return a key as cosign writes it: ECDSA on P-256, RSA or Ed25519, in PEM.

    Raises:
        ValueError: the text is no such key; the error's text tells why, without the key.
    """
    if "PRIVATE KEY" in pem:
        raise ValueError("is a private key; name the public key (cosign.pub)")
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("is no public key in PEM, as in cosign.pub") from error
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    if isinstance(key, RSAPublicKey) and _LEAST_BITS <= key.key_size <= _MOST_BITS:
        return key
    if isinstance(key, Ed25519PublicKey):
        return key
    raise ValueError("must be a key of ECDSA on P-256, RSA of 2048 to 8192 bits, or Ed25519")
