"""The runs of this node that ``kill_containers`` means, and the runs killed a moment ago."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import structlog

from node_poc.protocol.vantage6.identity import NodeIdentity
from node_poc.protocol.vantage6.run_request import RunRequest
from node_poc.protocol.wire import id_or_none

log = structlog.get_logger(__name__)


def runs_to_kill(payload: object, identity: NodeIdentity) -> tuple[int, ...] | None:
    """Return the run ids in a payload of ``kill_containers``, or None for all runs of this node.

    The server sends the event to all nodes of a collaboration. A ``kill_list``, even an empty list,
    names the runs to kill. Without ``kill_list`` the event means all runs, provided that
    ``node_id`` is this node's. If the payload is unclear, no run is killed.
    """
    if not isinstance(payload, dict):
        log.warning("a wish to kill cannot be read", reason="it is no object")
        return ()
    if payload.get("collaboration_id") != identity.collaboration_id:
        return ()
    node_id = payload.get("node_id", identity.node_id)
    if node_id != identity.node_id:
        return ()
    if "kill_list" in payload:
        return _ours(payload["kill_list"], identity)
    if "node_id" not in payload:
        log.warning("a wish to kill cannot be read", reason="neither kill_list nor node_id")
        return ()
    return None


def _ours(kill_list: object, identity: NodeIdentity) -> tuple[int, ...]:
    if not isinstance(kill_list, list):
        log.warning("a wish to kill cannot be read", reason="kill_list is no list")
        return ()
    found = []
    for item in kill_list:
        if not isinstance(item, dict) or item.get("organization_id") != identity.organization_id:
            continue
        if (run_id := id_or_none(item.get("run_id"))) is not None:
            found.append(run_id)
    return tuple(dict.fromkeys(found))


class RecentKills:
    """Remembers kills of runs that were not known here when the kill came. Thread-safe.

    A list of open runs may still contain a killed run if the node requested the list before the
    kill.
    """

    def __init__(self) -> None:
        """Start without kills."""
        self._lock = threading.Lock()
        self._all_at = float("-inf")
        self._runs: dict[int, float] = {}
        self._tasks: dict[int, float] = {}

    def note(self, run_ids: Iterable[int] | None, task_ids: Iterable[int]) -> None:
        """Note a kill.

        Args:
            run_ids: the killed runs; None for all runs of this node.
            task_ids: with None for ``run_ids``, the tasks that the node has not read yet.
        """
        now = time.monotonic()
        with self._lock:
            if run_ids is None:
                self._all_at = now
                self._tasks.update(dict.fromkeys(task_ids, now))
            else:
                self._runs.update(dict.fromkeys(run_ids, now))

    def covers(self, request: RunRequest, asked_at: float) -> bool:
        """Return whether a kill means a run from a list that was requested at ``asked_at``."""
        with self._lock:
            killed_at = max(self._all_at, self._runs.get(request.run_id, float("-inf")))
            return killed_at >= asked_at or self._tasks.pop(request.task_id, None) is not None

    def forget(self, before: float) -> None:
        """Forget kills from before ``before`` (monotonic seconds): all older lists are done."""
        with self._lock:
            self._runs = {each: at for each, at in self._runs.items() if at >= before}
            self._tasks = {each: at for each, at in self._tasks.items() if at >= before}
