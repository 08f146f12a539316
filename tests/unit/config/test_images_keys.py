"""The keys of ``kubernetes.images``."""

import pytest
from pydantic import ValidationError

from node_poc.config.images import Images, SignatureRule
from tests.fakes.image_signer import Signer


def test_mirrors_are_hosts_and_urls():
    mirrors = {"localhost:5001": "http://172.30.0.1:5001", "ghcr.io": "https://mirror.example"}
    assert Images(mirrors=mirrors).mirrors == mirrors


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("a/b", "https://mirror.example"),
        ("", "https://mirror.example"),
        ("ghcr.io", "mirror.example"),
        ("ghcr.io", "https://mirror.example/path"),
        ("ghcr.io", "https://user:password@mirror.example"),
        ("ghcr.io", "ftp://mirror.example"),
    ],
)
def test_other_mirrors_are_refused(host, url):
    with pytest.raises(ValidationError):
        Images(mirrors={host: url})


@pytest.mark.parametrize(
    "pattern",
    ["*", "registry.example/*", "registry.example:5000/a/*", "python", "group/a", "[::1]:5000/a"],
)
def test_patterns_name_repositories(pattern):
    rule = SignatureRule(images=[pattern], keys={"site": Signer().pem})
    assert rule.images == [pattern]


@pytest.mark.parametrize(
    "pattern",
    ["", "host/a:1", "python:3", "host/a@sha256:" + "1" * 64, "^host/.*", "host/a*", "host/*/a"],
)
def test_patterns_name_no_tags_and_are_no_expressions(pattern):
    with pytest.raises(ValidationError):
        SignatureRule(images=[pattern], keys={"site": Signer().pem})


@pytest.mark.parametrize(
    "keys", [{}, {"site": "no key"}, {"a b": Signer().pem}, {"site": "-----BEGIN PRIVATE KEY-----"}]
)
def test_a_rule_needs_readable_public_keys(keys):
    with pytest.raises(ValidationError) as told:
        SignatureRule(images=["*"], keys=keys)
    assert "no key" not in str(told.value.errors(include_input=False))
