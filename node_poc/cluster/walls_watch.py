"""Follows the NetworkPolicies of the node's namespace, and holds runs back while they are wrong.

A watch tells each change within a moment, and costs an idle node less than a list on a timer. What
was read counts for a minute after the watch broke; then the walls count as not right, because
nobody sees any more who opens them.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.watch import Listed, Watcher, WatchUpdate
from node_poc.config.model import NodeConfig
from node_poc.isolation.walls import Breach, Walls
from node_poc.runs.diagnosis import walls_not_up
from node_poc.runs.model import Failure

log = structlog.get_logger(__name__)

# Until the first look, the node starts no run; the engine starts after the look or this time.
_FIRST_SECONDS = 10.0
_TRUSTED_SECONDS = 60.0
_MOST_NAMED = 5
_FORBIDDEN = 403
_ROLE = (
    "the node's Role must allow list and watch of networkpolicies: `kubectl apply -f ./kubeconfs`, "
    "or `python -m node_poc render vantage6 | kubectl apply -f -`"
)


class WallsWatch:
    """Compares the cluster's NetworkPolicies with the node's, in a thread of its own."""

    def __init__(
        self, config: NodeConfig, api: KubernetesApi, on_change: Callable[[Failure | None], None]
    ) -> None:
        """Create a watch; ``start`` starts its thread.

        Args:
            config: the whole configuration of the node.
            api: the connection to the API server.
            on_change: called, if ``kubernetes.walls.required``, with the reason why runs must wait,
                and with None when the walls are right again. Must not block.
        """
        settings = config.kubernetes
        path = f"/apis/networking.k8s.io/v1/namespaces/{settings.namespace}/networkpolicies"
        self._required = settings.walls.required
        self._walls = Walls(config)
        self._on_change = on_change
        self._policies: dict[str, dict[str, Any]] = {}
        self.fingerprint = fingerprint(())
        # When the watch broke; None while the watch works. Nothing is known at the start.
        self._broke_at: float | None = float("-inf")
        self._breaches: tuple[Breach, ...] | None = None  # None: nothing is known yet
        self._lock = threading.Lock()
        self._judged = threading.Event()
        self._watcher = Watcher(api, path, "", self._on_update, self._on_failure)

    @property
    def remark(self) -> str | None:
        """What a person should know: why no run starts, or may start without its walls."""
        if not self._breaches:
            return None
        effect = "no run is started" if self._required else "runs start without their walls"
        return f"{effect}: {_reason(self._breaches)}"

    @property
    def holds_runs(self) -> bool:
        """Whether wrong walls hold all runs back."""
        return self._required and bool(self._breaches)

    def start(self) -> None:
        """Start the thread; return when the walls are judged, as wrong if no answer came soon."""
        self._watcher.start()
        if not self._judged.wait(_FIRST_SECONDS):
            self._on_failure(TimeoutError())

    def stop(self) -> None:
        """Ask the thread to end, without waiting for an answer of the API server."""
        self._watcher.stop()

    def _on_update(self, update: WatchUpdate) -> None:
        if isinstance(update, Listed):
            self._policies = {each["metadata"]["name"]: each for each in update.objects}
        elif update.gone:
            self._policies.pop(update.object["metadata"]["name"], None)
        else:
            self._policies[update.object["metadata"]["name"]] = update.object
        self.fingerprint = fingerprint(self._policies.values())
        found = self._walls.breaches(self._policies.values())
        with self._lock:
            self._broke_at = None
            self._note(found)

    def _on_failure(self, error: Exception) -> None:
        """Judge the walls as wrong if the watch has been broken for too long.

        A watch that works may be silent for hours: time counts from the first failure.
        """
        with self._lock:
            if self._broke_at is None:
                self._broke_at = time.monotonic()
            if time.monotonic() - self._broke_at > _TRUSTED_SECONDS:
                self._note((_unreadable(error),))

    def _note(self, found: tuple[Breach, ...]) -> None:
        before, self._breaches = self._breaches, found
        if found != before:
            _log(found)
            if self._required and (found or before):
                self._on_change(walls_not_up(_reason(found)) if found else None)
        self._judged.set()


def fingerprint(policies: Iterable[dict[str, Any]]) -> tuple[tuple[str, ...], str]:
    """Return the names of NetworkPolicies, sorted, and the SHA-256 of their names and specs."""
    specs = {each["metadata"]["name"]: each.get("spec") for each in policies}
    text = json.dumps(specs, sort_keys=True)
    return tuple(sorted(specs)), hashlib.sha256(text.encode()).hexdigest()


def _unreadable(error: Exception) -> Breach:
    """Return the breach for an error; equal errors give equal breaches, logged once."""
    status = error.status if isinstance(error, ClusterError) else 0
    why = f"status {status}" if status else "no usable answer"
    remedy = _ROLE if status == _FORBIDDEN else "the node tries again"
    return Breach("", f"the NetworkPolicies cannot be read ({why})", remedy)


def _reason(found: tuple[Breach, ...]) -> str:
    named = [str(breach) for breach in found[:_MOST_NAMED]]
    more = len(found) - len(named)
    return " | ".join([*named, *([f"and {more} more"] if more else [])])


def _log(found: tuple[Breach, ...]) -> None:
    if not found:
        log.info("the walls around algorithms are right")
    for breach in found[:_MOST_NAMED]:
        log.warning(
            "the walls around algorithms are not right",
            policy=breach.policy or None,
            found=breach.found,
            remedy=breach.remedy,
        )
