"""The command sets up logging for its whole process; tests after it need their own."""

import pytest
import structlog


@pytest.fixture(autouse=True)
def own_logging():
    """Put the former setup of structlog back after each test."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
