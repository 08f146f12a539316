"""Options and surroundings of the whole suite."""

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def interruptible():
    """Make SIGINT work in child processes even where a shell started the tests with `&`."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write tests/golden anew from what the builders give; look at the diff afterwards",
    )
