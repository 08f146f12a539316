"""PURE: encrypt and decrypt inputs and results, byte for byte as vantage6 4.x does.

A payload has two forms: text (``str``) in the server's JSON, and blob (``bytes``) in the server's
large-file storage. In a collaboration without encryption both are base64. With encryption the text
is ``base64(key)$base64(iv)$base64(bytes)``; ``streams`` describes the blob. Large payloads are
converted in pieces: besides the input and the output, nothing in memory has their size.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CTR

from node_poc.crypto.errors import PayloadError
from node_poc.crypto.keys import public_key_text
from node_poc.crypto.streams import (
    HEADER_BYTES,
    NO_HEADER,
    PIECE_BYTES,
    SEPARATOR,
    DecodeBase64,
    Decrypt,
    EncodeBase64,
    Encrypt,
    Step,
    open_header,
    slices,
    through,
)

# Possessive and without a repeated group: the match neither backtracks nor needs memory for it.
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*+={0,2}")
# The only JSON texts that could be mistaken for base64.
_JSON_WORD = re.compile(rb"(?:0|[1-9][0-9]*)(?:[eE]\+?[0-9]+)?|true|null|Infinity")
# Text that starts with this many digits is a number: the rest need not be kept to decide.
_MOST_DIGITS = 4096


class Cryptor(Protocol):
    """Encrypts and decrypts the payloads of one collaboration."""

    @property
    def encrypts(self) -> bool:
        """Whether ``encrypt`` needs a public key."""

    def decrypt(self, text: str | bytes) -> bytes:
        """Return the plain bytes of a text (``str``) or a blob (``bytes``). Raises PayloadError."""

    def decrypt_text(self, text: str | bytes | memoryview) -> bytes:
        """Return the plain bytes of a text, ``str`` or ASCII bytes. Raises PayloadError."""

    def encrypt(self, data: bytes | memoryview, public_key: str | None) -> str:
        """Return the text for the owner of ``public_key``. Raises PublicKeyError."""

    def encrypt_stream(self, public_key: str | None) -> Step:
        """Return the step from plain bytes to a blob. Raises PublicKeyError."""

    def decrypt_stream(self) -> Step:
        """Return the step from a blob to plain bytes."""


class PlainCryptor:
    """For a collaboration without encryption: only base64; keys are ignored."""

    encrypts = False

    def decrypt(self, text: str | bytes) -> bytes:
        """Decode base64. Raises PayloadError."""
        return self.decrypt_text(text)

    def decrypt_text(self, text: str | bytes | memoryview) -> bytes:
        """Decode base64. Raises PayloadError."""
        return _joined(through(DecodeBase64(), _pieces_of(text)))

    def encrypt(self, data: bytes | memoryview, public_key: str | None = None) -> str:
        """Return base64; ignore ``public_key``."""
        del public_key
        return _text(through(EncodeBase64(), slices(data)))

    def encrypt_stream(self, public_key: str | None = None) -> Step:
        """Return the step from bytes to base64; ignore ``public_key``."""
        del public_key
        return EncodeBase64()

    def decrypt_stream(self) -> Step:
        """Return the step from base64 to bytes."""
        return DecodeBase64()


class RsaCryptor:
    """For a collaboration with encryption: uses the private key of the node's organization."""

    encrypts = True

    def __init__(self, private_key: RSAPrivateKey) -> None:
        self._private_key = private_key

    @property
    def public_key(self) -> str:
        """The public key that the node's organization should have at the server."""
        return public_key_text(self._private_key)

    def decrypt(self, text: str | bytes) -> bytes:
        """Decrypt a text or a blob with the private key. Raises PayloadError."""
        if isinstance(text, bytes):
            return _joined(through(self.decrypt_stream(), slices(text)))
        return self.decrypt_text(text)

    def decrypt_text(self, text: str | bytes | memoryview) -> bytes:
        """Decrypt a text, ``str`` or ASCII bytes, with the private key. Raises PayloadError."""
        return _joined(self.decrypted_pieces(text))

    def decrypted_pieces(self, text: str | bytes | memoryview) -> Iterator[bytes]:
        """Return the bytes of ``decrypt_text`` in pieces: the caller need not hold them all.

        The text is read to its end before the method returns, and again for the pieces: only the
        whole text shows whether the payload is complete, and whether it is base64 twice over.

        Raises:
            PayloadError: raised by the call; the pieces raise nothing.
        """
        plain = self._opened(text)
        if _is_second_base64(plain()):
            return through(DecodeBase64(), plain())
        return plain()

    def _opened(self, text: str | bytes | memoryview) -> Callable[[], Iterator[bytes]]:
        """Read the header; return a function that decrypts the rest, again at each call."""
        start = b"".join(_pieces_of(text[:HEADER_BYTES]))
        key_text, _, rest = start.partition(SEPARATOR)
        iv_text, separator, _ = rest.partition(SEPARATOR)
        if not separator:
            raise PayloadError(NO_HEADER)
        cipher = open_header(self._private_key, key_text, iv_text)
        return partial(_plain, cipher, text, len(key_text) + len(iv_text) + 2)

    def encrypt(self, data: bytes | memoryview, public_key: str | None) -> str:
        """Return the text for the owner of ``public_key``. Raises PublicKeyError."""
        return _text(self.encrypt_pieces(slices(data), public_key))

    def encrypt_pieces(self, pieces: Iterable[bytes], public_key: str | None) -> Iterator[bytes]:
        """Yield the text of ``encrypt`` in pieces, from pieces. Raises PublicKeyError."""
        step = Encrypt(public_key)
        yield step.header()
        yield from through(EncodeBase64(), through(step, pieces))

    def encrypt_stream(self, public_key: str | None) -> Step:
        """Return the step from bytes to a blob. Raises PublicKeyError."""
        return Encrypt(public_key)

    def decrypt_stream(self) -> Step:
        """Return the step from a blob to bytes."""
        return Decrypt(self._private_key)


def require_json_object(data: bytes) -> None:
    """Check that a decrypted input looks like a JSON object, as each vantage6 input is.

    AES-CTR returns bytes for any key and any altered text. The check notices the mistakes that
    decryption cannot: a change after the header, and the one wrong key in hundreds for which RSA
    happens to return bytes of the right length.

    Raises:
        PayloadError: the input is not UTF-8, or, apart from white space, does not start with ``{``
            and end with ``}``.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), PIECE_BYTES):
            decoder.decode(data[start : start + PIECE_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        # ``from None``: the error holds the plain bytes.
        raise PayloadError(_NO_JSON) from None
    if not (
        data[:PIECE_BYTES].lstrip().startswith(b"{") and data[-PIECE_BYTES:].rstrip().endswith(b"}")
    ):
        raise PayloadError(_NO_JSON)


_NO_JSON = (
    "the input is no JSON object after decryption: it was encrypted for another key, cut or altered"
)


def _plain(cipher: Cipher[CTR], text: str | bytes | memoryview, start: int) -> Iterator[bytes]:
    context = cipher.encryptor()
    for piece in through(DecodeBase64(), _pieces_of(text, start)):
        yield context.update(piece)


def _is_second_base64(pieces: Iterable[bytes]) -> bool:
    """Return whether plain bytes are base64 once more, as vantage6's web interface sends them.

    As in upstream vantage6, JSON counts as plain, and text that is base64 but not JSON counts as
    base64. Other text and binary data, on which upstream fails, count as plain too. The function
    always reads all pieces.
    """
    step, start, is_base64 = DecodeBase64(), b"", True
    for piece in pieces:
        start += piece[: _MOST_DIGITS - len(start)]
        is_base64 = is_base64 and _can_be_read(step, piece)
    if not is_base64 or _JSON_WORD.fullmatch(start):
        return False
    try:
        step.finish()
    except PayloadError:
        return False
    return True


def _can_be_read(step: DecodeBase64, piece: bytes) -> bool:
    if not _BASE64.fullmatch(piece):
        return False
    try:
        step.update(piece)
    except PayloadError:
        return False
    return True


def _ascii(text: str) -> bytes:
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        # ``from None``: the error holds the text.
        raise PayloadError("the payload is not base64 throughout: it was altered") from None


def _pieces_of(text: str | bytes | memoryview, start: int = 0) -> Iterator[bytes]:
    for index in range(start, len(text), PIECE_BYTES):
        piece = text[index : index + PIECE_BYTES]
        yield _ascii(piece) if isinstance(piece, str) else bytes(piece)


def _joined(pieces: Iterable[bytes]) -> bytes:
    whole = io.BytesIO()  # getvalue() returns the buffer without a copy
    for piece in pieces:
        whole.write(piece)
    return whole.getvalue()


def _text(pieces: Iterable[bytes]) -> str:
    whole = io.StringIO()
    for piece in pieces:
        whole.write(piece.decode("ascii"))
    return whole.getvalue()
