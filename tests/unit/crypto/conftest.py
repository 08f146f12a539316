"""Keys and vectors made by vantage6's own code; see tests/wire/encryption/make_vectors.py."""

import json
from pathlib import Path

import pytest

from node_poc.crypto.keys import load_private_key
from node_poc.crypto.payload import RsaCryptor

WIRE = Path(__file__).parents[2] / "wire/encryption"
VECTORS = json.loads((WIRE / "vectors.json").read_text())


@pytest.fixture(scope="session")
def private_key():
    return load_private_key(VECTORS["private_key"].encode())


@pytest.fixture(scope="session")
def rsa(private_key):
    return RsaCryptor(private_key)
