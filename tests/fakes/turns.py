"""A turn that comes late, by a clock that only it moves."""

import time


class LateTurn:
    """In the place of a semaphore; a minute goes by before it lets anybody in."""

    def __init__(self, monkeypatch):
        self._now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: self._now)

    def __enter__(self):
        self._now += 60.0

    def __exit__(self, *_):
        return None
