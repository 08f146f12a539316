"""A proxy with small limits, plain and encrypting, for the tests of each module."""

import pytest
from quick_proxy import PATIENT, QUICK, rsa

from tests.fakes.proxy import proxy
from tests.fakes.station import eventually


@pytest.fixture(params=["plain", "encrypted"], scope="module")
def running(request):
    with proxy(rsa() if request.param == "encrypted" else None, QUICK) as made:
        yield made


@pytest.fixture
def patient(running):
    """A proxy for tests in which many connections are open: its limits of time come late."""
    with proxy(rsa() if running.encrypts else None, PATIENT) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_seen(running):
    running.upstream.seen.clear()
    yield
    assert eventually(running.serves)
