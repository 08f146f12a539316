"""Wait for a condition."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from devstation.errors import StationError

#: Enough for an image pull on two busy cores; only reached after a failure.
PATIENCE_SECONDS = 200.0


def wait_for(
    check: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS, every: float = 0.2
) -> Any:
    """Wait until ``check`` returns a true value, and return the value.

    Raises:
        StationError: ``check`` returned no true value in time; the text has ``what``.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(every)
    raise StationError(f"waited {seconds} s in vain: {what}")
