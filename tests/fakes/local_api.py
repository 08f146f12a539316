"""The fake API server in this process, without sockets and with random faults.

``LocalApi`` replaces ``cluster.connect.KubernetesApi``; all code above is the node's own.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Iterator
from typing import Any

from node_poc.cluster.connect import Query
from node_poc.cluster.errors import ClusterError, ExpiredError, error_of
from tests.fakes.kube_api import FakeKubeApi
from tests.fakes.kube_http import selector_of
from tests.fakes.kube_store import AlreadyThere, Event, Expired, NotThere, Object, merge, selects
from tests.fakes.kubelet import RUN_LABEL

_PATH = re.compile(r"/.+/namespaces/[^/]+/(?P<kind>[a-z]+)(?:/(?P<name>[^/]+)(?P<log>/log)?)?")
_LOOK_SECONDS = 0.05


class Dice:
    """A seeded random generator for many threads."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  no secret
        self._lock = threading.Lock()
        self.on = True

    def falls(self, chance: float) -> bool:
        """Return True with this probability; always False when ``on`` is False."""
        with self._lock:
            return self.on and self._random.random() < chance

    def pick(self, choices: Any) -> Any:
        """Return a random item."""
        with self._lock:
            return self._random.choice(choices)

    def below(self, number: int) -> int:
        """Return a random whole number from 0 to below the limit."""
        with self._lock:
            return self._random.randrange(number)


class LocalApi:
    """A node's connection to the cluster. ``die`` cuts the connection for ever, like SIGKILL."""

    def __init__(self, cluster: FakeKubeApi, dice: Dice, chance: float) -> None:
        self._cluster = cluster
        self._dice = dice
        self._chance = chance
        self._dead = threading.Event()

    def die(self) -> None:
        """End every thread that calls from now on, silently."""
        self._dead.set()

    # --- calls

    def call(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        query: Query | None = None,
    ) -> dict[str, Any]:
        call = f"{method} {path}"
        self._fail_before(call)
        self._refuse(call, body)
        answer = self._do(call, method, path, body, dict(query or []))
        if self._dice.falls(self._chance):
            raise ClusterError(call, 0, "ReadTimeoutError", "it was done, and nobody heard")
        self._check_alive()
        return answer

    def _fail_before(self, call: str) -> None:
        self._check_alive()
        if self._dice.falls(self._chance):
            raise error_of(call, self._dice.pick((0, 429, 500, 502, 503, 504)), "a fault")

    def _refuse(self, call: str, body: Any) -> None:
        """Refuse some calls, as if the node's Role were being edited or other users had filled the
        quota.

        Calls that a Job needs before its creation are not refused, because each refusal would end
        the run.
        """
        if "/services/" in call or not self._dice.falls(self._chance / 2):
            return
        if self._dice.falls(0.5):
            told = json.dumps({"reason": "Conflict", "message": "the object has been modified"})
            raise error_of(call, 409, told)
        if call.startswith("POST"):
            self._cluster.refused.add(int(body["metadata"]["labels"][RUN_LABEL]))
        raise error_of(call, 403, json.dumps({"reason": "Forbidden", "message": "not allowed"}))

    def _check_alive(self) -> None:
        if self._dead.is_set():
            raise SystemExit  # Python ends the calling thread silently

    def _do(
        self, call: str, method: str, path: str, body: Any, query: dict[str, str]
    ) -> dict[str, Any]:
        found = _PATH.fullmatch(path)
        assert found is not None
        kind, name, store = found["kind"], found["name"], self._cluster.store
        try:
            match method, name:
                case "GET", None:
                    items, version = store.all(kind, selector_of(query))
                    return {"items": items, "metadata": {"resourceVersion": str(version)}}
                case "GET", _:
                    return store.get(kind, name)
                case "POST", _:
                    self._cluster.before_job(int(body["metadata"]["labels"][RUN_LABEL]))
                    self._check_alive()
                    return store.create(kind, body)
                case "PATCH", _:
                    return store.change(kind, name, lambda made: merge(made, body))
                case "DELETE", _:
                    return store.delete(kind, name)
        except NotThere:
            raise error_of(call, 404, "not there") from None
        except AlreadyThere:
            told = json.dumps({"reason": "AlreadyExists", "message": "already there"})
            raise error_of(call, 409, told) from None
        raise AssertionError(call)

    # --- watches

    def stream(self, path: str, query: Query, silence_seconds: float) -> Iterator[Object]:
        call, asked = f"WATCH {path}", dict(query)
        self._fail_before(call)
        found = _PATH.fullmatch(path)
        assert found is not None
        version, selector = int(asked["resourceVersion"]), selector_of(asked)
        while True:
            self._check_alive()
            try:
                events = self._cluster.store.events_since(found["kind"], version, _LOOK_SECONDS)
            except Expired as error:
                raise ExpiredError(call, 410, "Expired", str(error)) from error
            version = events[-1].version if events else version
            mine = [event for event in events if selects(selector, event.object)]
            yield from self._told(call, mine)
            if self._dice.falls(self._chance):
                if self._dice.falls(0.5):
                    raise ClusterError(call, 0, "ProtocolError", "cut")
                return

    def _told(self, call: str, events: list[Event]) -> Iterator[Object]:
        """Repeat some events and reorder some; after leaving one out, raise ExpiredError (410)."""
        if len(events) > 1 and self._dice.falls(self._chance):
            events = [*events[1:], events[0], *events[1:]]
        for event in events:
            if self._dice.falls(self._chance / 4):
                raise ExpiredError(call, 410, "Expired", "the rest of it is forgotten")
            yield {"type": event.type, "object": event.object}
            if self._dice.falls(self._chance):
                yield {"type": event.type, "object": event.object}

    # --- logs

    def _send(
        self, method: str, path: str, body: Any, query: Query, timeout: tuple[float, float]
    ) -> _Answer:
        call = f"{method} {path}"
        self._fail_before(call)
        found = _PATH.fullmatch(path)
        assert found is not None
        assert found["log"]
        try:
            pod = self._cluster.store.get("pods", found["name"])
        except NotThere:
            return _Answer(404, b"pod not there")
        states = (pod["status"].get("containerStatuses") or [{}])[0].get("state") or {}
        if not {"running", "terminated"} & set(states):
            return _Answer(400, b"waiting to start")
        lines = self._cluster.kubelet.logs.get(found["name"], b"").splitlines(keepends=True)
        stamped = (
            b"2026-01-01T00:00:00.%09dZ " % (number + 1) + line for number, line in enumerate(lines)
        )
        return _Answer(200, b"".join(stamped))


class _Answer:
    """The part of a response that ``cluster.logs`` uses."""

    connection = None

    def __init__(self, status: int, data: bytes) -> None:
        self.status = status
        self.data = data

    def stream(self, amount: int, decode_content: bool) -> Iterator[bytes]:
        yield from [self.data] if self.data else []

    def close(self) -> None:
        """Do nothing: there is no connection."""
