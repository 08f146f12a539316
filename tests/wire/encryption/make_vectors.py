"""Make vectors.json with vantage6's own code, for comparison with the node's code.

    python3.10 -m venv /tmp/vantage6 && /tmp/vantage6/bin/pip install vantage6-common==4.15.2
    /tmp/vantage6/bin/python tests/wire/encryption/make_vectors.py

The keys in the file are made for the vectors and used nowhere else. Random bytes are recorded
(``seed``): from the same bytes the node's code must make the same text as vantage6's.
"""

import base64
import hashlib
import io
import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from vantage6.common import Singleton
from vantage6.common.encryption import DummyCryptor, RSACryptor

HERE = Path(__file__).parent
PLAINTEXTS = {
    "an input": b'{"method": "partial", "args": [], "kwargs": {"column": "age"}}',
    "umlauts": '{"method": "größe", "args": ["☃"]}'.encode(),
    "an empty object": b"{}",
    "a number that could be base64": b"12345678",
    "a word that could be base64": b"true",
    "not base64, for want of a character": b'"abc"',
    "longer than one block": json.dumps({"values": list(range(800))}).encode(),
}
BINARIES = {"nothing": b"", "one byte": b"\x00", "all bytes": bytes(range(256)) * 5}


def cryptor(key_path):
    """Make a cryptor with this key: vantage6 would give the first one again."""
    Singleton._instances.clear()
    return RSACryptor(Path(key_path))


class KnownRandom:
    """Stands in for os.urandom: bytes that can be made again from a seed."""

    def __init__(self, seed):
        self.seed, self.count = seed, 0

    def __call__(self, length):
        self.count += 1
        return hashlib.sha512(f"{self.seed}-{self.count}".encode()).digest()[:length]


def text_of(blob):
    return base64.b64encode(blob).decode()


def encrypt_all(mine, public_key):
    vectors = []
    for name, plain in {**PLAINTEXTS, **BINARIES}.items():
        os.urandom, before = KnownRandom(name), os.urandom
        try:
            as_text = mine.encrypt_bytes_to_str(plain, public_key)
            os.urandom = KnownRandom(name)
            as_blob = mine.encrypt_bytes_to_str(plain, public_key, skip_base64_encoding_of_msg=True)
            os.urandom = KnownRandom(name)
            streamed = b"".join(mine.encrypt_stream(io.BytesIO(plain), public_key, chunk_size=100))
        finally:
            os.urandom = before
        vectors.append(
            {
                "name": name,
                "seed": name,
                "plain": text_of(plain),
                "text": as_text,
                "blob": text_of(as_blob),
                "streamed": text_of(streamed),
                # upstream fails on the text form of binary data
                "text_decrypts_to": text_of(mine.decrypt(as_text)) if plain in readable else None,
                "blob_decrypts_to": text_of(mine.decrypt(as_blob)),
            }
        )
    return vectors


readable = set(PLAINTEXTS.values())


def web_interface(mine, plain):
    """Encrypt as the web interface does: key and message are base64 before they are encrypted."""
    key, iv = os.urandom(32), os.urandom(16)
    encryptor = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    message = encryptor.update(base64.b64encode(plain)) + encryptor.finalize()
    encrypted_key = mine.private_key.public_key().encrypt(base64.b64encode(key), padding.PKCS1v15())
    text = "$".join(text_of(part) for part in (encrypted_key, iv, message))
    return {"plain": text_of(plain), "text": text, "decrypts_to": text_of(mine.decrypt(text))}


def plain_forms():
    Singleton._instances.clear()
    dummy = DummyCryptor()
    return [
        {
            "plain": text_of(plain),
            "text": dummy.encrypt_bytes_to_str(plain, ""),
            "streamed": b"".join(dummy.encrypt_stream(io.BytesIO(plain), chunk_size=100)).decode(),
        }
        for plain in [*PLAINTEXTS.values(), *BINARIES.values()]
    ]


def main():
    with tempfile.TemporaryDirectory() as folder:
        path, other_path = Path(folder, "mine.pem"), Path(folder, "other.pem")
        RSACryptor.create_new_rsa_key(path)
        RSACryptor.create_new_rsa_key(other_path)
        other_public_key = cryptor(other_path).public_key_str
        mine = cryptor(path)
        vectors = {
            "made_with": {"vantage6-common": version("vantage6-common")},
            "private_key": path.read_text(),
            "public_key": mine.public_key_str,
            "other_public_key": other_public_key,
            "same_key_verified": mine.verify_public_key(mine.public_key_str),
            "other_key_verified": mine.verify_public_key(other_public_key),
            "encrypted": encrypt_all(mine, mine.public_key_str),
            "for_another": mine.encrypt_bytes_to_str(b"{}", other_public_key),
            "web_interface": [web_interface(mine, plain) for plain in PLAINTEXTS.values()],
            "plain": plain_forms(),
        }
    (HERE / "vectors.json").write_text(json.dumps(vectors, indent=1) + "\n")


if __name__ == "__main__":
    main()
