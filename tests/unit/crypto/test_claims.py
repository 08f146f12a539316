"""The claims of a JWT."""

import base64

import pytest

from node_poc.crypto.claims import claims_of


def token(payload):
    return f"head.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.signature"


def test_the_claims_are_the_middle_part_whatever_its_padding():
    for name in ("a", "ab", "abc", "abcd"):
        assert claims_of(token(b'{"sub": "%s"}' % name.encode())) == {"sub": name}


@pytest.mark.parametrize(
    "text",
    ["", "head", "head.", "a.b.c", "a.\u00e9.c", token(b"[]"), token(b"null"), token(b"\xff")],
)
def test_other_text_is_no_token_and_the_error_shows_none_of_it(text):
    with pytest.raises(ValueError, match=r"^the token is not a JWT that can be read$"):
        claims_of(text)


def test_deep_nesting_is_an_error_like_any_other():
    with pytest.raises(ValueError, match="not a JWT"):
        claims_of(token(b"[" * 100_000))
