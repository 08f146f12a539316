"""PURE: convert payloads piece by piece.

Each step has two methods: ``update`` takes a piece and returns the converted bytes that are ready,
``finish`` returns the rest.

vantage6's blob form is the header ``base64(key)$base64(iv)$`` and then the raw encrypted bytes. The
key is an AES-256 key, encrypted with the reader's RSA key (PKCS#1 v1.5); the cipher is AES-256-CTR.
Nothing in the format proves whether a payload is complete and unaltered: the steps notice only
changes that break the header or the base64.
"""

from __future__ import annotations

import binascii
import os
from collections.abc import Iterable, Iterator
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from node_poc.crypto.errors import PayloadError
from node_poc.crypto.keys import load_public_key

SEPARATOR = b"$"
_KEY_BYTES = 32
_KEY_TEXT_BYTES = 44
_IV_BYTES = 16
# A 16384-bit RSA key gives 2732 characters of base64; longer text is no header.
HEADER_BYTES = 4096
# A multiple of 3 and of 4: base64 then leaves no rest between pieces.
PIECE_BYTES = 3 << 18
NO_HEADER = (
    "the payload does not begin with vantage6's header `key$iv$`: it is cut, altered, or was not "
    "encrypted at all"
)
_NO_BASE64 = "the payload is not base64 throughout: it is cut or altered"


class Step(Protocol):
    """A conversion of a payload from one form to another."""

    def update(self, piece: bytes) -> bytes:
        """Take a piece and return the converted bytes that are ready, possibly none."""

    def finish(self) -> bytes:
        """Return the rest. Raises PayloadError if the payload is incomplete."""


class EncodeBase64:
    """Convert bytes to base64."""

    def __init__(self) -> None:
        self._rest = b""

    def update(self, piece: bytes) -> bytes:
        """Take a piece and return base64 of whole groups of three bytes."""
        if self._rest:
            piece = self._rest + piece
        ready = len(piece) - len(piece) % 3
        self._rest = piece[ready:]
        return binascii.b2a_base64(memoryview(piece)[:ready], newline=False)

    def finish(self) -> bytes:
        """Return the last group, padded."""
        return binascii.b2a_base64(self._rest, newline=False)


class DecodeBase64:
    """Convert base64 to bytes; drop line breaks and reject any other character."""

    def __init__(self) -> None:
        self._rest = b""
        self._ended = False

    def update(self, piece: bytes) -> bytes:
        """Take a piece and return the bytes of whole groups of four. Raises PayloadError."""
        if b"\n" in piece or b"\r" in piece:
            piece = piece.translate(None, b"\r\n")
        if not piece:  # an empty piece after the padding is no error
            return b""
        if self._rest:
            piece = self._rest + piece
        if self._ended:
            raise PayloadError("the payload goes on after the end of its base64: it was altered")
        ready = len(piece) - len(piece) % 4
        self._rest = piece[ready:]
        group = memoryview(piece)[:ready]
        self._ended = ready > 0 and group[-1] == ord("=")
        return decode_base64(group)

    def finish(self) -> bytes:
        """Check that the last group of four is complete. Raises PayloadError."""
        if self._rest:
            raise PayloadError("the payload is cut: its base64 ends inside a group of four")
        return b""


class Encrypt:
    """Convert bytes to the blob form for the owner of ``public_key``. Raises PublicKeyError."""

    def __init__(self, public_key: str | None) -> None:
        key = os.urandom(_KEY_BYTES)
        iv = os.urandom(_IV_BYTES)
        encrypted_key = load_public_key(public_key).encrypt(key, PKCS1v15())
        self._header = b"".join(
            binascii.b2a_base64(part, newline=False) + SEPARATOR for part in (encrypted_key, iv)
        )
        self._cipher = _aes(key, iv).encryptor()

    def header(self) -> bytes:
        """Return the header at the first call, then nothing."""
        header, self._header = self._header, b""
        return header

    def update(self, piece: bytes) -> bytes:
        """Encrypt a piece; the header goes before the first piece."""
        return self.header() + self._cipher.update(piece)

    def finish(self) -> bytes:
        """Return the header if there was no piece."""
        return self.header() + self._cipher.finalize()


class Decrypt:
    """Convert the blob form to bytes with the node's private key."""

    def __init__(self, private_key: RSAPrivateKey) -> None:
        self._private_key = private_key
        self._start = b""
        self._cipher: CipherContext | None = None

    def update(self, piece: bytes) -> bytes:
        """Decrypt a piece; return nothing before the header is complete. Raises PayloadError."""
        if self._cipher is not None:
            return self._cipher.update(piece)
        self._start += piece
        parts = self._start.split(SEPARATOR, 2)
        if len(parts) < 3:
            if len(self._start) > HEADER_BYTES:
                raise PayloadError(NO_HEADER)
            return b""
        self._start = b""
        self._cipher = open_header(self._private_key, parts[0], parts[1]).encryptor()
        return self._cipher.update(parts[2])

    def finish(self) -> bytes:
        """Check that there was a header. Raises PayloadError."""
        if self._cipher is None:
            raise PayloadError(NO_HEADER)
        return self._cipher.finalize()


def open_header(private_key: RSAPrivateKey, key_text: bytes, iv_text: bytes) -> Cipher[CTR]:
    """Return the cipher for a header. Raises PayloadError.

    In CTR mode encryption and decryption are the same: call ``encryptor()`` once for each pass
    over the data.
    """
    encrypted_key, iv = decode_base64(key_text), decode_base64(iv_text)
    if len(iv) != _IV_BYTES:
        raise PayloadError(
            f"the payload's header was altered: its IV has {len(iv)} bytes instead of {_IV_BYTES}"
        )
    try:
        key = private_key.decrypt(encrypted_key, PKCS1v15())
    except ValueError as error:
        raise PayloadError(_wrong_key()) from error
    return _aes(_plain_key(key), iv)


def _plain_key(key: bytes) -> bytes:
    """Return the AES key; vantage6's web interface sends the key as base64 text.

    With a wrong private key OpenSSL deliberately returns a random number of bytes instead of an
    error, which would help an attacker. Therefore only the length shows a wrong private key.
    """
    if len(key) == _KEY_TEXT_BYTES:
        try:
            key = binascii.a2b_base64(key, strict_mode=True)
        except binascii.Error:
            key = b""
    if len(key) != _KEY_BYTES:
        raise PayloadError(_wrong_key())
    return key


def _wrong_key() -> str:
    return (
        "the payload cannot be opened with this private key: it was encrypted for another key, or "
        "its header was altered; compare the private key with the organization's public key at the "
        "server"
    )


def decode_base64(text: bytes | memoryview) -> bytes:
    """Decode base64 strictly. Raises PayloadError."""
    # Python accepts any padding after a whole group. Without this check, the result would depend
    # on where the pieces end.
    if len(text) % 4 or text[-3:] == b"===":
        raise PayloadError(_NO_BASE64)
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise PayloadError(_NO_BASE64) from error


def _aes(key: bytes, iv: bytes) -> Cipher[CTR]:
    return Cipher(AES(key), CTR(iv))


def through(step: Step, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces converted by a step; leave out empty pieces."""
    for piece in pieces:
        if ready := step.update(piece):
            yield ready
    if rest := step.finish():
        yield rest


def slices(data: bytes | memoryview) -> Iterator[bytes]:
    """Yield ``data`` in pieces of ``PIECE_BYTES``."""
    for start in range(0, len(data), PIECE_BYTES):
        yield bytes(data[start : start + PIECE_BYTES])
