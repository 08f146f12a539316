"""What can go wrong with an API server, to be switched on by a test."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

FOR_EVER = 10**9


@dataclass
class Fault:
    """Something that befalls the next ``times`` requests that match.

    ``status`` None: the request is served as usual, but for the pauses. ``raw`` is an answer's
    body sent as it is, for an answer that no API server gives.
    """

    method: str
    path_part: str
    status: int | None = None
    reason: str = ""
    message: str = "a fault that the test asked for"
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    seconds_before: float = 0.0
    seconds_after: float = 0.0


class Faults:
    """The faults that are on. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on: list[Fault] = []

    def add(self, method: str, path_part: str, **details: Any) -> Fault:
        """Switch one on; see ``Fault``."""
        fault = Fault(method, path_part, **details)
        with self._lock:
            self._on.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        with self._lock:
            self._on.clear()

    def take(self, method: str, path: str, flags: Iterable[str] = ()) -> Fault | None:
        """The fault that befalls this request, if any; counts it. ``flags``: "watch"."""
        verb = "WATCH" if "watch" in flags else method
        with self._lock:
            for fault in self._on:
                if fault.times and fault.method == verb and fault.path_part in path:
                    fault.times -= 1
                    return fault
        return None
