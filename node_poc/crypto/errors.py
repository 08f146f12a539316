"""What can be wrong with a payload or a key, told without showing any of it."""

from __future__ import annotations


class CryptoError(Exception):
    """A payload or key cannot be used. The text names cause and remedy, and no secret."""


class PayloadError(CryptoError):
    """The payload is cut, altered, or made for another key."""


class TooLargeError(PayloadError):
    """The payload is larger than it may be."""


class PrivateKeyError(CryptoError):
    """What was given as private key is none that can be used."""


class PublicKeyError(CryptoError):
    """An organization's public key is missing or cannot be used."""
