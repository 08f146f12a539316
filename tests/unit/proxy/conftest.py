"""The keys of vantage6's vectors."""

from tests.unit.crypto.conftest import private_key, rsa

__all__ = ["private_key", "rsa"]
