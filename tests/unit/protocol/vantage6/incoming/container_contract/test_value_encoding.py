"""The encoding of variables, which vantage6's algorithm tools decode."""

from hypothesis import given
from hypothesis import strategies as st

from node_poc.manifests.databases import encode
from tests.unit.protocol.vantage6.incoming.container_contract.specs import decode


@given(st.text())
def test_any_value_is_decoded_as_it_was(text):
    encoded = encode(text)
    assert decode(encoded) == text
    assert set(encoded) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567!")


def test_vantage6_own_example_of_the_encoding():
    assert encode("abc") == "MFRGG!!!"
    assert encode("") == ""
