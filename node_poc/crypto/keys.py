"""PURE: RSA keys in vantage6's forms.

The private key is PEM, PKCS#1, without a passphrase. The public key is PEM, SubjectPublicKeyInfo,
as base64 text, as in the field ``public_key`` of an organization at the server.
"""

from __future__ import annotations

import base64
import binascii
from enum import StrEnum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from node_poc.crypto.errors import PrivateKeyError, PublicKeyError

_KEY_BITS = 4096
_LEAST_BITS = 2048
_EXPONENT = 65537
_MAKE_ONE = "make one with `python -m node_poc create-private-key`"


class KeyMatch(StrEnum):
    """How an organization's public key at the server relates to the node's private key."""

    SAME = "same"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    DIFFERENT = "different"


def make_private_key() -> RSAPrivateKey:
    """Make a new key in vantage6's form: RSA, 4096 bits. The call takes seconds."""
    return generate_private_key(public_exponent=_EXPONENT, key_size=_KEY_BITS)


def private_key_pem(key: RSAPrivateKey) -> bytes:
    """Return the content of a private key's file. Secret."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def load_private_key(pem: bytes) -> RSAPrivateKey:
    """Read a private key from the bytes of its file (PKCS#1 or PKCS#8).

    Raises:
        PrivateKeyError: the file is empty or not PEM, or the key is a public key, is protected by
            a passphrase, is damaged, is not RSA or is too short.
    """
    if not pem.strip():
        raise PrivateKeyError(f"the private key's file is empty; {_MAKE_ONE}")
    if b"PUBLIC KEY-----" in pem:
        raise PrivateKeyError("this is a public key; give the private one that belongs to it")
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise PrivateKeyError(
            "the private key is behind a passphrase, and vantage6's keys have none; take it off "
            "with `openssl rsa -in OLD -out NEW -traditional`"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PrivateKeyError(
            "this is not a readable private key: it must be the whole PEM text, from "
            f"-----BEGIN RSA PRIVATE KEY----- to the END line; {_MAKE_ONE}"
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise PrivateKeyError(f"the private key is not an RSA key, as vantage6 needs; {_MAKE_ONE}")
    if key.key_size < _LEAST_BITS:
        raise PrivateKeyError(
            f"the private key has {key.key_size} bits, too few to protect anything (at least "
            f"{_LEAST_BITS}); {_MAKE_ONE}"
        )
    return key


def public_key_pem(key: RSAPrivateKey) -> bytes:
    """Return the public key of a private key, as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_key_text(key: RSAPrivateKey) -> str:
    """Return the public key of a private key, in the form of an organization's ``public_key``."""
    return base64.b64encode(public_key_pem(key)).decode("ascii")


def load_public_key(text: str | None) -> RSAPublicKey:
    """Read an organization's ``public_key``.

    Raises:
        PublicKeyError: the key is missing, unreadable, not RSA or too short.
    """
    if not text:
        raise PublicKeyError(
            "the organization has no public key at the server; it must upload one before anything "
            "can be encrypted for it"
        )
    try:
        key = load_pem_public_key(_public_pem(text))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PublicKeyError(
            "the organization's public key at the server cannot be read: it must be base64 of a "
            "PEM public key; the organization must upload it again"
        ) from error
    if not isinstance(key, RSAPublicKey) or key.key_size < _LEAST_BITS:
        raise PublicKeyError(
            "the organization's public key at the server cannot be used: it must be an RSA key of "
            f"at least {_LEAST_BITS} bits; the organization must upload another"
        )
    return key


def compare_public_key(key: RSAPrivateKey, text: str | None) -> KeyMatch:
    """Compare an organization's ``public_key`` with the public key of ``key``.

    As in vantage6, the two keys must be the same PEM, byte for byte.
    """
    if not text:
        return KeyMatch.MISSING
    try:
        pem = _public_pem(text)
    except ValueError:
        return KeyMatch.UNREADABLE
    return KeyMatch.SAME if pem == public_key_pem(key) else KeyMatch.DIFFERENT


def _public_pem(text: str) -> bytes:
    """Decode the base64 of a public key. Raises ValueError."""
    try:
        return binascii.a2b_base64(text)
    except binascii.Error as error:
        raise ValueError("not base64") from error
