"""Our payloads compared with vantage6's, in both directions, without vantage6 installed."""

import base64
import hashlib

import pytest

from node_poc.crypto import streams
from node_poc.crypto.errors import PayloadError
from node_poc.crypto.keys import KeyMatch, compare_public_key, public_key_text
from node_poc.crypto.payload import PlainCryptor, require_json_object
from node_poc.crypto.streams import through
from tests.unit.crypto.conftest import VECTORS

ENCRYPTED = VECTORS["encrypted"]
PLAIN = VECTORS["plain"]
by_name = pytest.mark.parametrize("vector", ENCRYPTED, ids=lambda vector: vector["name"])


def raw(text):
    return base64.b64decode(text)


def known_random(seed):
    """Return vantage6's "random" bytes for a vector, as in make_vectors.py."""
    count = 0

    def urandom(length):
        nonlocal count
        count += 1
        return hashlib.sha512(f"{seed}-{count}".encode()).digest()[:length]

    return urandom


@by_name
def test_we_read_what_vantage6_encrypts(vector, rsa):
    assert rsa.decrypt(vector["text"]) == raw(vector["plain"])
    assert rsa.decrypt(raw(vector["blob"])) == raw(vector["plain"])
    assert b"".join(through(rsa.decrypt_stream(), [raw(vector["streamed"])])) == raw(
        vector["plain"]
    )


@by_name
def test_we_read_it_as_vantage6_reads_it(vector, rsa):
    assert rsa.decrypt(raw(vector["blob"])) == raw(vector["blob_decrypts_to"])
    if vector["text_decrypts_to"] is not None:  # vantage6 fails on binary data in text form
        assert rsa.decrypt(vector["text"]) == raw(vector["text_decrypts_to"])


@by_name
def test_from_the_same_random_bytes_we_make_the_same_payload(vector, rsa, private_key, monkeypatch):
    """All but the encrypted key is equal; RSA padding is random, but the decrypted key is equal."""
    monkeypatch.setattr(streams.os, "urandom", known_random(vector["seed"]))
    text = rsa.encrypt(raw(vector["plain"]), VECTORS["public_key"])
    monkeypatch.setattr(streams.os, "urandom", known_random(vector["seed"]))
    step = rsa.encrypt_stream(VECTORS["public_key"])
    blob = b"".join(through(step, [raw(vector["plain"])]))
    assert text.split("$")[1:] == vector["text"].split("$")[1:]
    assert blob.split(b"$", 2)[1:] == raw(vector["blob"]).split(b"$", 2)[1:]
    assert len(text) == len(vector["text"])
    assert len(blob) == len(raw(vector["blob"]))
    assert aes_key_of(text, private_key) == aes_key_of(vector["text"], private_key)


def aes_key_of(text, private_key):
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    return private_key.decrypt(raw(text.split("$")[0]), PKCS1v15())


@pytest.mark.parametrize("vector", VECTORS["web_interface"])
def test_we_read_what_the_web_interface_encrypts(vector, rsa):
    assert rsa.decrypt(vector["text"]) == raw(vector["plain"]) == raw(vector["decrypts_to"])


@pytest.mark.parametrize("vector", PLAIN)
def test_without_encryption_it_is_base64_both_ways(vector):
    plain = PlainCryptor()
    assert plain.encrypt(raw(vector["plain"])) == vector["text"] == vector["streamed"]
    assert plain.decrypt(vector["text"]) == raw(vector["plain"])
    assert plain.decrypt(vector["streamed"].encode()) == raw(vector["plain"])
    step = plain.encrypt_stream()
    assert b"".join(through(step, [raw(vector["plain"])])).decode() == vector["streamed"]


def test_a_payload_for_another_key_is_noticed(rsa):
    with pytest.raises(PayloadError, match="encrypted for another key"):
        rsa.decrypt(VECTORS["for_another"])


def test_keys_compare_as_vantage6_compares_them(private_key):
    assert public_key_text(private_key) == VECTORS["public_key"]
    assert VECTORS["same_key_verified"] is True
    assert VECTORS["other_key_verified"] is False
    assert compare_public_key(private_key, VECTORS["public_key"]) is KeyMatch.SAME
    assert compare_public_key(private_key, VECTORS["other_public_key"]) is KeyMatch.DIFFERENT


@by_name
def test_only_json_objects_pass_as_inputs(vector):
    plain = raw(vector["plain"])
    if plain.startswith(b"{"):
        require_json_object(plain)
    else:
        with pytest.raises(PayloadError, match="no JSON object"):
            require_json_object(plain)
