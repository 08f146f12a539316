"""Options, fixtures and settings for the whole test suite."""

import signal

import pytest
from hypothesis import settings

# A slow machine is not a defect: the examples of Hypothesis have no deadline.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(autouse=True, scope="session")
def interruptible():
    """Make SIGINT work in child processes even if a shell started the tests with ``&``."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write tests/golden anew from what the builders give; look at the diff afterwards",
    )
