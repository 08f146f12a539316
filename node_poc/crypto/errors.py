"""Errors of payloads and keys. No error text shows any part of a payload or a private key."""

from __future__ import annotations


class CryptoError(Exception):
    """A payload or key cannot be used. The text names the cause and the remedy, and no secret."""


class PayloadError(CryptoError):
    """The payload is cut, altered, or was encrypted for another key."""


class TooLargeError(PayloadError):
    """The payload is larger than the limit."""


class PrivateKeyError(CryptoError):
    """The private key cannot be used."""


class PublicKeyError(CryptoError):
    """An organization's public key is missing or cannot be used."""
