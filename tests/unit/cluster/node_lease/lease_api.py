"""A stand-in for ``KubernetesApi`` with versioned Leases and pods in memory."""

import copy
import threading
import time

from node_poc.cluster.errors import ClusterError, error_of


class LeaseApi:
    """``call`` works like the real method; with ``fail`` it raises, and hangs until ``answers``."""

    def __init__(self):
        self.leases = {}
        self.pods = {}
        self.asked = []
        self.fail = None
        self.answers = threading.Event()
        self.answers.set()
        self.written_at = 0.0  # monotonic seconds: before the last write that succeeded
        self.before_write = lambda: None
        self._lock = threading.RLock()
        self._version = 0

    def call(self, method, path, *, body=None, query=None):
        self.asked.append((method, path, body))
        asked_at = time.monotonic()
        self.answers.wait(60)
        if self.fail is not None:
            raise self.fail
        if method in {"POST", "PUT"}:
            self.before_write()
        with self._lock:
            answer = self._answer(method, path, body)
            if method in {"POST", "PUT"}:
                self.written_at = asked_at
            return answer

    def _answer(self, method, path, body):
        kept = self.pods if "/pods/" in path else self.leases
        name = body["metadata"]["name"] if body else path.rpartition("/")[2]
        if method == "POST":
            if name in kept:
                raise error_of(path, 409, '{"reason": "AlreadyExists"}')
            return self.put(body)
        if name not in kept:
            raise error_of(path, 404, '{"reason": "NotFound"}')
        if method == "PUT":
            version = body["metadata"].get("resourceVersion")
            if version != kept[name]["metadata"]["resourceVersion"]:
                raise error_of(path, 409, '{"reason": "Conflict"}')
            return self.put(body)
        return copy.deepcopy(kept[name])

    def put(self, lease):
        """Write a Lease, whatever its resource version."""
        with self._lock:
            self._version += 1
            made = copy.deepcopy(lease)
            made["metadata"]["resourceVersion"] = str(self._version)
            self.leases[made["metadata"]["name"]] = made
            return copy.deepcopy(made)

    def only(self):
        """Return the spec of the only Lease."""
        (lease,) = self.leases.values()
        return lease["spec"]

    def count(self, method):
        return sum(asked[0] == method for asked in self.asked)


def no_answer():
    return ClusterError("a call", 0, "ConnectionRefused", "nobody there")
