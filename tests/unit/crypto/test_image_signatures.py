"""Signatures of images: which forms are read, which keys verify, and for which image they count."""

import json

import pytest

from node_poc.config.image_keys import load_image_key
from node_poc.crypto.image_signatures import (
    SignatureFormError,
    Verdict,
    judge,
    parse_bundle,
    parse_simple,
)
from tests.fakes.image_signer import STATEMENT, Signer, text_of

ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64
SITE = Signer()
KEYS = {"site": load_image_key(SITE.pem)}


@pytest.mark.parametrize("kind", ["ecdsa", "rsa", "ed25519"])
def test_each_kind_of_key_verifies_both_forms(kind):
    signer, other = Signer(kind), Signer(kind)
    keys = {"site": load_image_key(signer.pem)}
    for claim in (parse_simple(*signer.simple(ONE)), parse_bundle(signer.bundle(ONE))):
        assert judge([claim], keys, ONE) == Verdict(frozenset({"site"}), False, True)
        assert judge([claim], {"other": load_image_key(other.pem)}, ONE).signed_by == set()


def test_a_signature_counts_for_its_own_image_only():
    for claim in (parse_simple(*SITE.simple(TWO)), parse_bundle(SITE.bundle(TWO))):
        assert judge([claim], KEYS, ONE) == Verdict(frozenset(), True, True)


def test_a_payload_that_was_changed_afterwards_does_not_count():
    payload, signature = SITE.simple(TWO)
    claim = parse_simple(payload.replace(TWO.encode(), ONE.encode()), signature)
    assert claim.digests == {ONE}
    assert judge([claim], KEYS, ONE) == Verdict(frozenset(), False, True)
    bundle = json.loads(SITE.bundle(TWO))
    bundle["dsseEnvelope"]["payload"] = json.loads(SITE.bundle(ONE))["dsseEnvelope"]["payload"]
    claim = parse_bundle(json.dumps(bundle).encode())
    assert judge([claim], KEYS, ONE).signed_by == set()


def test_a_simple_signature_is_none_of_a_bundle():
    """The envelope's type is signed too, so one form cannot pass for the other."""
    bundle = json.loads(SITE.bundle(ONE))
    payload = text_of(SITE.simple(ONE)[0])
    bundle["dsseEnvelope"] |= {"payload": payload, "signatures": [{"sig": SITE.simple(ONE)[1]}]}
    with pytest.raises(SignatureFormError):
        parse_bundle(json.dumps(bundle).encode())


def test_one_good_claim_among_others_suffices_and_the_rest_is_not_read():
    def claims():
        yield parse_simple(*Signer().simple(ONE))
        yield parse_simple(*SITE.simple(TWO))
        yield parse_simple(*SITE.simple(ONE))
        pytest.fail("read on after a good claim")

    assert judge(claims(), KEYS, ONE).signed_by == {"site"}


def test_no_claim_is_no_signature():
    assert judge([], KEYS, ONE) == Verdict(frozenset(), False, False)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{}",
        b'{"critical": []}',
        b"[" * 100_000,
        b'{"critical": {"type": "something else", "image": {"docker-manifest-digest": "x"}}}',
        b'{"critical": {"type": "cosign container image signature", "image": {}}}',
        b'{"critical": {"type": "cosign container image signature"}}',
        b"\xff",
    ],
)
def test_other_payloads_are_no_signature(payload):
    with pytest.raises(SignatureFormError):
        parse_simple(payload, text_of(b"x"))


@pytest.mark.parametrize("signature", ["", "no base64!", "None"])
def test_a_signature_is_base64(signature):
    try:
        claim = parse_simple(SITE.simple(ONE)[0], signature)
    except SignatureFormError:
        return
    assert judge([claim], KEYS, ONE).signed_by == set()


@pytest.mark.parametrize(
    "change",
    [
        {"dsseEnvelope": None},
        {"dsseEnvelope": {}},
        {"dsseEnvelope": {"payloadType": "text/plain", "payload": ""}},
        {"dsseEnvelope": {"payloadType": STATEMENT, "payload": 5}},
        {"dsseEnvelope": {"payloadType": STATEMENT, "payload": text_of(b"{}")}},
    ],
)
def test_other_bundles_are_no_signature(change):
    with pytest.raises(SignatureFormError):
        parse_bundle(json.dumps(json.loads(SITE.bundle(ONE)) | change).encode())


@pytest.mark.parametrize(
    "change",
    [{"predicateType": "https://spdx.dev/Document"}, {"subject": 5}, {"subject": [5]}],
)
def test_a_signed_statement_of_another_kind_is_no_signature_of_the_image(change):
    with pytest.raises(SignatureFormError):
        parse_bundle(SITE.bundle(ONE, **change))


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN PRIVATE KEY-----", "é"])
def test_other_texts_are_no_key(text):
    with pytest.raises(ValueError, match="public key"):
        load_image_key(text)
