"""The stand-in for the API with Leases."""

import pytest
from lease_api import LeaseApi


@pytest.fixture
def api():
    return LeaseApi()
