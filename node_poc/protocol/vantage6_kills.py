"""PURE: which runs of this node ``kill_containers`` means."""

from __future__ import annotations

import structlog

from node_poc.protocol.messages import MAX_RUN_ID
from node_poc.protocol.vantage6_identity import NodeIdentity

log = structlog.get_logger(__name__)


def runs_to_kill(payload: object, who: NodeIdentity) -> tuple[int, ...] | None:
    """Read the payload of ``kill_containers``: ids of runs, or None for all of this node.

    It goes to all nodes of a collaboration. With ``kill_list`` it means the runs in there, also if
    that is empty; all are meant only if there is no such key and ``node_id`` is ours. In doubt
    nothing is killed.
    """
    if not isinstance(payload, dict):
        log.warning("a wish to kill cannot be read", reason="it is no object")
        return ()
    if payload.get("collaboration_id") != who.collaboration_id:
        return ()
    node_id = payload.get("node_id", who.node_id)
    if node_id != who.node_id:
        return ()
    if "kill_list" in payload:
        return _ours(payload["kill_list"], who)
    if "node_id" not in payload:
        log.warning("a wish to kill cannot be read", reason="neither kill_list nor node_id")
        return ()
    return None


def _ours(kill_list: object, who: NodeIdentity) -> tuple[int, ...]:
    if not isinstance(kill_list, list):
        log.warning("a wish to kill cannot be read", reason="kill_list is no list")
        return ()
    found = []
    for item in kill_list:
        if not isinstance(item, dict) or item.get("organization_id") != who.organization_id:
            continue
        run_id = item.get("run_id")
        if isinstance(run_id, int) and not isinstance(run_id, bool) and 1 <= run_id <= MAX_RUN_ID:
            found.append(run_id)
    return tuple(dict.fromkeys(found))
