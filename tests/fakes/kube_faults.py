"""Faults of an API server, which tests switch on."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

FOR_EVER = 10**9


@dataclass
class Fault:
    """A fault of the next ``times`` matching requests.

    Attributes:
        status: the answer's status; None serves the request as usual, apart from the pauses.
        raw: an answer's body, sent unchanged, which no API server would send.
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
    """The faults that are switched on. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on: list[Fault] = []

    def add(self, method: str, path_part: str, **details: Any) -> Fault:
        """Switch a fault on; see ``Fault``."""
        fault = Fault(method, path_part, **details)
        with self._lock:
            self._on.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._on.clear()

    def take(self, method: str, path: str, flags: Iterable[str] = ()) -> Fault | None:
        """Return the fault for this request, if any, and count it as used. ``flags``: "watch"."""
        verb = "WATCH" if "watch" in flags else method
        with self._lock:
            for fault in self._on:
                if fault.times and fault.method == verb and fault.path_part in path:
                    fault.times -= 1
                    return fault
        return None
