"""A late turn at a semaphore, with a clock that moves only while waiting for the turn."""

import time


class LateTurn:
    """A replacement for a semaphore: each entry takes a minute of a fake monotonic clock."""

    def __init__(self, monkeypatch):
        self._now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: self._now)

    def __enter__(self):
        self._now += 60.0

    def __exit__(self, *_):
        return None
