"""Who may report on which run: pure, no I/O, no clock.

The server knows no login, so a node is a connection that said so (`node_connection_request`). That
keeps emitters out. It does not keep out who registers as a node as well, so a run belongs to the
connection that was given its command, or reported on it first, and nobody else may report on it
while that one is connected. When it is gone, the active node may, and a node that registered under
the same name: the node's next connection. What no node is known to have, the active node may tell.

What remains without a login: who registers while no other node is connected is the active node, and
gets the commands; who knows a node's name may report on its runs while the node is away.
"""

from __future__ import annotations

from dispatch import Dispatch
from ledger import Ledger

NO_NODE = (
    "only a node may send this, and this connection is none; a node says so with "
    "node_connection_request"
)
ANOTHERS = "another connected node has this run, and only that one may report on it"
NOT_ACTIVE = "another node is active, and no run of this number was given to this one"


def problem_with_reporter(sid: str, run_id: int, dispatch: Dispatch, ledger: Ledger) -> str | None:
    """Say why this connection may not report on the run, None if it may."""
    name = dispatch.name_of(sid)
    if name is None:
        return NO_NODE
    holder = ledger.holder(run_id)
    if holder is None:
        return None if sid == dispatch.node else NOT_ACTIVE
    if dispatch.name_of(holder.sid) is not None:
        return None if sid == holder.sid else ANOTHERS
    return None if sid == dispatch.node or name == holder.name else NOT_ACTIVE
