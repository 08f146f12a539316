"""PURE: payloads piece by piece: `update` takes a piece and gives what is ready, `finish` the rest.

What vantage6 calls the blob form: the header `base64(key)$base64(iv)$`, then the encrypted bytes
as they are. The key is AES-256's, encrypted for the reader by RSA (PKCS#1 v1.5); the cipher is
AES-256-CTR. Nothing in the format proves that a payload is whole and unaltered: only what breaks
the header or the base64 is noticed here.
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
# RSA of 16384 bits is 2732 characters of base64; longer is no header.
HEADER_BYTES = 4096
# A multiple of 3 and of 4, so that base64 needs no leftovers.
PIECE_BYTES = 3 << 18
NO_HEADER = (
    "the payload does not begin with vantage6's header `key$iv$`: it is cut, altered, or was not "
    "encrypted at all"
)
_NO_BASE64 = "the payload is not base64 throughout: it is cut or altered"


class Step(Protocol):
    """A way from one form of a payload to another."""

    def update(self, piece: bytes) -> bytes:
        """Take a piece; returns what is ready, which may be nothing."""

    def finish(self) -> bytes:
        """Return the rest. Raises PayloadError if something is missing."""


class EncodeBase64:
    """Bytes → base64."""

    def __init__(self) -> None:
        self._rest = b""

    def update(self, piece: bytes) -> bytes:
        """Take a piece; three bytes at a time are ready."""
        if self._rest:
            piece = self._rest + piece
        ready = len(piece) - len(piece) % 3
        self._rest = piece[ready:]
        return binascii.b2a_base64(memoryview(piece)[:ready], newline=False)

    def finish(self) -> bytes:
        """Return the last, padded group."""
        return binascii.b2a_base64(self._rest, newline=False)


class DecodeBase64:
    """Base64 → bytes; line breaks are dropped, anything else in the text is an error."""

    def __init__(self) -> None:
        self._rest = b""
        self._ended = False

    def update(self, piece: bytes) -> bytes:
        """Take a piece; four characters at a time are ready."""
        if b"\n" in piece or b"\r" in piece:
            piece = piece.translate(None, b"\r\n")
        if not piece:  # it says nothing about the end either
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
        """Check that no group of four was left unfinished."""
        if self._rest:
            raise PayloadError("the payload is cut: its base64 ends inside a group of four")
        return b""


class Encrypt:
    """Bytes → blob form for the owner of `public_key`. Raises PublicKeyError."""

    def __init__(self, public_key: str | None) -> None:
        key = os.urandom(_KEY_BYTES)
        iv = os.urandom(_IV_BYTES)
        encrypted_key = load_public_key(public_key).encrypt(key, PKCS1v15())
        self._header = b"".join(
            binascii.b2a_base64(part, newline=False) + SEPARATOR for part in (encrypted_key, iv)
        )
        self._cipher = _aes(key, iv).encryptor()

    def header(self) -> bytes:
        """Return the header if it was not given yet."""
        header, self._header = self._header, b""
        return header

    def update(self, piece: bytes) -> bytes:
        """Encrypt a piece; the header goes before the first."""
        return self.header() + self._cipher.update(piece)

    def finish(self) -> bytes:
        """Return the header if no piece ever came."""
        return self.header() + self._cipher.finalize()


class Decrypt:
    """Blob form → bytes, with our private key."""

    def __init__(self, private_key: RSAPrivateKey) -> None:
        self._private_key = private_key
        self._start = b""
        self._cipher: CipherContext | None = None

    def update(self, piece: bytes) -> bytes:
        """Take a piece; nothing is ready before the header is whole."""
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
        """Check that there was a header at all."""
        if self._cipher is None:
            raise PayloadError(NO_HEADER)
        return self._cipher.finalize()


def open_header(private_key: RSAPrivateKey, key_text: bytes, iv_text: bytes) -> Cipher[CTR]:
    """Return the cipher that a header describes. Raises PayloadError.

    In CTR mode both directions are the same: take its `encryptor`, one for each time of reading.
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
    """Return the AES key, which vantage6's web interface sends as base64 text.

    With a wrong private key OpenSSL gives no error but bytes of any number, on purpose: an error
    would help an attacker. So the number is what gives it away.
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
    """Undo base64, strictly. Raises PayloadError."""
    # Python lets any padding follow a whole group; in pieces it would depend on where they end.
    if len(text) % 4 or text[-3:] == b"===":
        raise PayloadError(_NO_BASE64)
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise PayloadError(_NO_BASE64) from error


def _aes(key: bytes, iv: bytes) -> Cipher[CTR]:
    return Cipher(AES(key), CTR(iv))


def through(step: Step, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Send pieces through a step; gives no empty ones."""
    for piece in pieces:
        if ready := step.update(piece):
            yield ready
    if rest := step.finish():
        yield rest


def slices(data: bytes | memoryview) -> Iterator[bytes]:
    """Give bytes in pieces."""
    for start in range(0, len(data), PIECE_BYTES):
        yield bytes(data[start : start + PIECE_BYTES])
