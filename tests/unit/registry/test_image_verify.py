"""Signatures in a registry: found in each place, and each lack has a reason of its own."""

import json

import pytest

from node_poc.registry import client, signatures, verify
from node_poc.registry.settle import image_settler
from node_poc.runs.status import RunStatus
from node_poc.runs.trusted_images import ImageRefusedError, RegistryAwayError, SettledImage
from tests.fakes.examples import config
from tests.fakes.image_signer import (
    ARTIFACT,
    EMPTY,
    Signer,
    keep_bundle,
    keep_referrer,
    keep_simple,
)
from tests.fakes.registry import OWN, Registry, digest, manifest

NAME = "group/name"
NEW = manifest("new")
IMAGE = digest(OWN)
SITE = Signer()


def settler(registry, *rules, resolve="auto"):
    wanted = rules or ({"images": [f"{registry.host}/group/*"], "keys": {"site": SITE.pem}},)
    return image_settler(config(images={"resolve": resolve, "signatures": list(wanted)}))


def refusal(registry, image=None, settle=None):
    with pytest.raises(ImageRefusedError) as told:
        (settle or settler(registry))(image or f"{registry.host}/{NAME}:1")
    return told.value.failure.cause


def by_tag(registry):
    keep_simple(registry, NAME, IMAGE, SITE.simple(IMAGE))


def by_referrer(registry):
    keep_simple(registry, NAME, IMAGE, SITE.simple(IMAGE), artifact=ARTIFACT)


def by_bundle(registry):
    keep_bundle(registry, NAME, IMAGE, SITE.bundle(IMAGE))


def by_bundle_in_an_old_registry(registry):
    registry.is_old = True
    keep_bundle(registry, NAME, IMAGE, SITE.bundle(IMAGE), EMPTY)


@pytest.mark.parametrize(
    "sign", [by_tag, by_referrer, by_bundle, by_bundle_in_an_old_registry], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("resolve", ["auto", "on", "off"])
def test_a_signed_image_runs_by_its_digest(registry, sign, resolve):
    sign(registry)
    settle = settler(registry, resolve=resolve)
    assert settle(f"{registry.host}/{NAME}:1") == SettledImage(IMAGE, "site")
    assert settle(f"{registry.host}/{NAME}@{IMAGE}") == SettledImage(IMAGE, "site")


def test_an_image_without_a_rule_needs_no_signature(registry):
    registry.manifests["other/name:1"] = OWN
    assert settler(registry)(f"{registry.host}/other/name:1") == SettledImage(IMAGE)


def test_an_unsigned_image_is_not_allowed(registry):
    with pytest.raises(ImageRefusedError) as told:
        settler(registry)(f"{registry.host}/{NAME}:1")
    assert told.value.failure.cause == "ImageNotSigned"
    assert told.value.status is RunStatus.NOT_ALLOWED
    assert "site" in told.value.failure.site_detail


def test_a_signature_by_another_key(registry):
    keep_simple(registry, NAME, IMAGE, Signer().simple(IMAGE))
    assert refusal(registry) == "SignatureNotTrusted"


def test_a_copied_signature_of_another_image(registry):
    keep_simple(registry, NAME, IMAGE, SITE.simple(digest(NEW)))
    assert refusal(registry) == "SignatureOfOtherImage"


def test_a_tag_that_moves_after_signing(registry, monkeypatch):
    by_tag(registry)
    settle = settler(registry)
    settle(f"{registry.host}/{NAME}:1")
    registry.manifests[f"{NAME}:1"] = NEW
    now = client.time.monotonic()
    monkeypatch.setattr(client.time, "monotonic", lambda: now + 60)
    assert refusal(registry, settle=settle) == "TagMoved"
    assert refusal(registry) == "ImageNotSigned"  # a new process does not know the old image
    assert settle(f"{registry.host}/{NAME}@{IMAGE}") == SettledImage(IMAGE, "site")


@pytest.mark.parametrize("resolve", ["auto", "on", "off"])
def test_a_registry_that_is_away_lets_nothing_through(registry, resolve):
    by_tag(registry)
    registry.trouble = (503, b"")
    with pytest.raises(RegistryAwayError):
        settler(registry, resolve=resolve)(f"{registry.host}/{NAME}:1")
    with pytest.raises(RegistryAwayError):
        settler(registry, resolve=resolve)(f"{registry.host}/{NAME}@{IMAGE}")


def test_a_registry_that_wants_another_login(registry):
    registry.trouble = (403, b"{}")
    assert refusal(registry) == "ImageRefused"


def test_each_rule_that_covers_an_image_wants_its_signature(registry):
    other = Signer("ed25519")
    rules = (
        {"images": [f"{registry.host}/*"], "keys": {"site": SITE.pem, "backup": Signer().pem}},
        {"images": ["*"], "keys": {"other": other.pem}},
    )
    settle = settler(registry, *rules)
    by_tag(registry)
    assert refusal(registry, settle=settle) == "SignatureNotTrusted"
    keep_simple(registry, NAME, IMAGE, SITE.simple(IMAGE), other.simple(IMAGE))
    assert settle(f"{registry.host}/{NAME}:1") == SettledImage(IMAGE, "other,site")


def test_a_verified_image_is_not_verified_again(registry):
    by_tag(registry)
    settle = settler(registry)
    for _ in range(3):
        settle(f"{registry.host}/{NAME}:1")
    assert len(registry.asked) == 3  # the tag, the signatures, the payload
    registry.trouble = (503, b"")
    assert settle(f"{registry.host}/{NAME}@{IMAGE}") == SettledImage(IMAGE, "site")


def test_what_is_remembered_has_a_limit(registry, monkeypatch):
    monkeypatch.setattr(verify, "_MOST_KNOWN", 1)
    settle = settler(registry)
    for tag in ("1", "2", "3"):
        registry.manifests[f"{NAME}:{tag}"] = body = manifest(tag)
        keep_simple(registry, NAME, digest(body), SITE.simple(digest(body)))
        settle(f"{registry.host}/{NAME}:{tag}")
    verifier = settle.__self__._verifier
    assert len(verifier._verified) == len(verifier._signed_tags) == 1


# --- limits of everything that a registry answers


def test_the_number_of_signatures_has_a_limit(registry):
    many = [SITE.simple(digest(NEW))] * (signatures._MOST_LAYERS + 1)
    keep_simple(registry, NAME, IMAGE, *many)
    assert refusal(registry) == "SignatureUnreadable"
    keep_simple(registry, NAME, IMAGE, *many[2:], SITE.simple(IMAGE))
    assert settler(registry)(f"{registry.host}/{NAME}:1").signed_by == "site"


def test_the_number_of_referrers_has_a_limit(registry):
    for number in range(signatures._MOST_REFERRERS + 1):
        keep_referrer(registry, NAME, IMAGE, manifest(str(number)), "text/plain")
    assert refusal(registry) == "SignatureUnreadable"


def test_other_referrers_are_not_asked_for(registry):
    keep_referrer(registry, NAME, IMAGE, manifest("an SBOM"), "application/spdx+json")
    assert refusal(registry) == "ImageNotSigned"
    assert not any(digest(manifest("an SBOM")) in path for path, _ in registry.asked)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"layers": 5}', b'{"layers": [5]}', b"[" * 100_000])
def test_a_malformed_answer_is_a_reason_of_its_own(registry, body):
    registry.manifests[f"{NAME}:{IMAGE.replace(':', '-')}.sig"] = body or b"x"
    assert refusal(registry) == "SignatureUnreadable"


def test_the_manifest_of_signatures_has_a_size(registry):
    registry.manifests[f"{NAME}:{IMAGE.replace(':', '-')}.sig"] = b" " * (1 << 20) + b"{}"
    with pytest.raises(RegistryAwayError, match="more than 1048576 bytes"):
        settler(registry)(f"{registry.host}/{NAME}:1")


def test_a_payload_has_a_size(registry):
    payload, signature = SITE.simple(IMAGE, padding="x" * (1 << 18))
    keep_simple(registry, NAME, IMAGE, (payload, signature))
    with pytest.raises(RegistryAwayError, match="more than 262144 bytes"):
        settler(registry)(f"{registry.host}/{NAME}:1")


def test_a_payload_with_other_bytes_than_its_manifest_says_is_left_out(registry):
    payload, signature = SITE.simple(IMAGE)
    keep_simple(registry, NAME, IMAGE, (payload, signature))
    registry.blobs[digest(payload)] = payload + b" "
    assert refusal(registry) == "ImageNotSigned"


def test_a_payload_that_the_registry_lost_is_no_lack_of_a_signature(registry):
    by_tag(registry)
    registry.blobs.clear()
    with pytest.raises(RegistryAwayError, match="HTTP 404"):
        settler(registry)(f"{registry.host}/{NAME}:1")


def test_a_payload_may_be_kept_elsewhere_and_the_login_stays_here(registry):
    elsewhere = Registry()
    payload = SITE.simple(IMAGE)
    keep_simple(registry, NAME, IMAGE, payload)
    elsewhere.blobs = dict(registry.blobs)
    registry.redirect = f"http://{elsewhere.host}/v2/x/blobs/{digest(payload[0])}"
    try:
        assert settler(registry)(f"{registry.host}/{NAME}:1").signed_by == "site"
        assert [told for _, told in elsewhere.asked] == [None]
    finally:
        elsewhere.close()


def test_redirects_have_a_limit(registry):
    by_tag(registry)
    registry.redirect = "/v2/group/name/blobs/again"
    with pytest.raises(RegistryAwayError, match="HTTP 307"):
        settler(registry)(f"{registry.host}/{NAME}:1")
    assert sum("/blobs/" in path for path, _ in registry.asked) == 1 + signatures._BLOB_REDIRECTS


def test_a_registry_with_tls_points_to_no_address_without(monkeypatch):
    reply = client.Reply(307, b"", "", "http://elsewhere.example/blob")
    monkeypatch.setattr(client, "_ask", lambda *_: reply)
    site = client.Site("https://registry.example")
    with pytest.raises(RegistryAwayError, match="that is not https"):
        client.ask(site, NAME, "blobs/x", "*/*", client.Bounds(1000, 3))


def test_the_form_of_an_index_is_json(registry):
    registry.referrers[f"{NAME}@{IMAGE}"] = json.loads('[{"artifactType": 5}]')
    assert refusal(registry) == "ImageNotSigned"
