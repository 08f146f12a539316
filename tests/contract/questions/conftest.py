"""Servers and fake nodes for questions to the node."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# The scripts stand alone; therefore they and the helpers of their tests are found by path.
for folder in (ROOT / "dummy_socketio_server", ROOT / "tests/unit/dummy_socketio_server"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from live_dummy_server import Scene  # noqa: E402


@pytest.fixture
def scene():
    with Scene() as running:
        yield running
