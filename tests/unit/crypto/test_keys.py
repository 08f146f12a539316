"""Private and public keys: created, read, compared and refused."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from node_poc.crypto.errors import PrivateKeyError, PublicKeyError
from node_poc.crypto.keys import (
    KeyMatch,
    compare_public_key,
    load_private_key,
    load_public_key,
    make_private_key,
    private_key_pem,
    public_key_pem,
    public_key_text,
)
from tests.unit.crypto.conftest import VECTORS

PEM = VECTORS["private_key"].encode()


def test_a_new_key_has_vantage6s_form():
    key = make_private_key()
    pem = private_key_pem(key)
    assert key.key_size == 4096
    assert key.public_key().public_numbers().e == 65537
    assert pem.startswith(b"-----BEGIN RSA PRIVATE KEY-----\n")
    assert public_key_text(load_private_key(pem)) == public_key_text(key)


def test_a_key_in_the_newer_form_is_read_as_well(private_key):
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert public_key_text(load_private_key(pem)) == VECTORS["public_key"]


def behind_passphrase(key):
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret")
    )


def of_a_curve():
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def weak_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  on purpose


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda _: b"", "is empty"),
        (lambda _: b" \n", "is empty"),
        (lambda _: b"\x00\xff junk", "not a readable private key"),
        (lambda _: PEM[: len(PEM) // 2], "not a readable private key"),
        (lambda _: PEM.replace(b"M", b"N"), "not a readable private key"),
        (public_key_pem, "this is a public key"),
        (behind_passphrase, "behind a passphrase"),
        (lambda _: of_a_curve(), "not an RSA key"),
        (lambda _: private_key_pem(weak_key()), "has 1024 bits"),
    ],
)
def test_a_key_of_no_use_is_told(private_key, make, told):
    with pytest.raises(PrivateKeyError, match=told) as error:
        load_private_key(make(private_key))
    assert PEM.decode().splitlines()[5] not in str(error.value)


def public_text(key):
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(pem).decode()


def test_public_keys_that_protect_nothing_are_refused():
    for key in (weak_key(), ec.generate_private_key(ec.SECP256R1())):
        with pytest.raises(PublicKeyError, match="RSA key of at least 2048 bits"):
            load_public_key(public_text(key))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (None, KeyMatch.MISSING),
        ("", KeyMatch.MISSING),
        ("QQ", KeyMatch.UNREADABLE),
        ("é", KeyMatch.UNREADABLE),
        ("QUFB", KeyMatch.DIFFERENT),
        (VECTORS["other_public_key"], KeyMatch.DIFFERENT),
        (VECTORS["public_key"], KeyMatch.SAME),
    ],
)
def test_the_organizations_key_is_compared(private_key, text, match):
    assert compare_public_key(private_key, text) is match


def test_as_upstream_a_key_that_differs_in_a_line_break_is_another(private_key):
    pem = public_key_pem(private_key)
    longer = base64.b64encode(pem + b"\n").decode()
    assert compare_public_key(private_key, longer) is KeyMatch.DIFFERENT
