"""The storage of a Kubernetes API server: objects, their versions, and the events of their changes.

One namespace, a few kinds. Objects are never changed in place, so callers may keep references.
"""

from __future__ import annotations

import copy
import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

Object = dict[str, Any]
KINDS = {
    "events": "Event",
    "jobs": "Job",
    "leases": "Lease",
    "networkpolicies": "NetworkPolicy",
    "pods": "Pod",
    "services": "Service",
}


class AlreadyThere(Exception):  # noqa: N818  it is an HTTP answer, not a mistake
    """An object of this name exists (409)."""


class Changed(Exception):  # noqa: N818
    """The object has changed since the writer read it (409)."""


class NotThere(Exception):  # noqa: N818
    """No object has this name (404)."""


class Expired(Exception):  # noqa: N818
    """The events since the given version are forgotten (410)."""


@dataclass(frozen=True)
class Event:
    """A change of an object. ``line`` is the change as sent to a watch; ``labels`` are for the
    selector.
    """

    version: int
    type: str
    object: Object

    @property
    def labels(self) -> dict[str, str]:
        return self.object["metadata"].get("labels") or {}

    @cached_property
    def line(self) -> bytes:
        return json.dumps({"type": self.type, "object": self.object}).encode() + b"\n"


class Store:
    """Objects by kind and name; a version that counts all changes; all events since ``oldest``."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, Object]] = {kind: {} for kind in KINDS}
        self._events: dict[str, list[Event]] = {kind: [] for kind in KINDS}
        self._oldest = 0
        self.version = 100
        self.changed = threading.Condition(threading.RLock())
        self.on_create: Callable[[str, Object], None] = lambda _kind, _made: None
        self.on_delete: Callable[[str, Object], None] = lambda _kind, _gone: None

    def create(self, kind: str, given: Object) -> Object:
        """Add an object. Raise AlreadyThere if its name is taken."""
        with self.changed:
            name = given["metadata"]["name"]
            if name in self._objects[kind]:
                raise AlreadyThere(name)
            made = copy.deepcopy(given)
            made["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": now_text()}
            made = self._put(kind, "ADDED", made)
        self.on_create(kind, made)
        return made

    def replace(self, kind: str, name: str, given: Object) -> Object:
        """Replace an object. Raise NotThere, or Changed if the new object has an old version."""
        with self.changed:
            known = self.get(kind, name)["metadata"]
            if (
                given["metadata"].get("resourceVersion", known["resourceVersion"])
                != (known["resourceVersion"])
            ):
                raise Changed(name)
            return self._put(kind, "MODIFIED", copy.deepcopy(given))

    def get(self, kind: str, name: str) -> Object:
        """Return an object. Raise NotThere if there is none."""
        with self.changed:
            try:
                return self._objects[kind][name]
            except KeyError:
                raise NotThere(name) from None

    def all(self, kind: str, selector: dict[str, str] | None = None) -> tuple[list[Object], int]:
        """Return the selected objects, ordered by name, and the store's version at that time."""
        with self.changed:
            chosen = [self._objects[kind][name] for name in sorted(self._objects[kind])]
            return [made for made in chosen if selects(selector or {}, made)], self.version

    def change(self, kind: str, name: str, change: Callable[[Object], None]) -> Object:
        """Let ``change`` edit a copy of an object, and store the copy. Raise NotThere."""
        with self.changed:
            made = copy.deepcopy(self.get(kind, name))
            change(made)
            return self._put(kind, "MODIFIED", made)

    def delete(self, kind: str, name: str) -> Object:
        """Remove an object. Raise NotThere if there is none."""
        with self.changed:
            gone = self._put(kind, "DELETED", copy.deepcopy(self.get(kind, name)))
        self.on_delete(kind, gone)
        return gone

    def events_since(self, kind: str, version: int, within_seconds: float) -> list[Event]:
        """Return the events after ``version``; wait for one if there is none yet. Raise Expired."""
        until = time.monotonic() + within_seconds
        with self.changed:
            while True:
                if version < self._oldest:
                    raise Expired(f"too old resource version: {version} ({self._oldest})")
                found = self._events_after(kind, version)
                left = until - time.monotonic()
                if found or left <= 0:
                    return found
                self.changed.wait(left)

    def _events_after(self, kind: str, version: int) -> list[Event]:
        events, start = self._events[kind], len(self._events[kind])
        while start and events[start - 1].version > version:
            start -= 1
        return events[start:]

    def compact(self) -> None:
        """Forget all events, as etcd does: a watch from an older version gets 410."""
        with self.changed:
            self.version += 1
            self._oldest = self.version
            for events in self._events.values():
                events.clear()
            self.changed.notify_all()

    def wake(self) -> None:
        """Wake every thread that waits for events."""
        with self.changed:
            self.changed.notify_all()

    def _put(self, kind: str, event: str, made: Object) -> Object:
        self.version += 1
        made["metadata"]["resourceVersion"] = str(self.version)
        name = made["metadata"]["name"]
        if event == "DELETED":
            del self._objects[kind][name]
        else:
            self._objects[kind][name] = made
        self._events[kind].append(Event(self.version, event, made))
        self.changed.notify_all()
        return made


def selects(selector: dict[str, str], made: Object) -> bool:
    """Return whether the object's labels have all ``key=value`` pairs."""
    labels = made["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in selector.items())


def merge(into: Object, patch: Object) -> None:
    """Apply a JSON merge patch (RFC 7386) in place."""
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            if not isinstance(into.get(key), dict):
                into[key] = {}
            merge(into[key], value)
        else:
            into[key] = value


def now_text() -> str:
    """Return the time in Kubernetes' form: UTC, whole seconds, rounded down."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
