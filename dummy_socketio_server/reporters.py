"""Which connection may report on which run: pure, no I/O, no clock.

The server has no login: a connection becomes a node by sending `node_connection_request`, which
emitters do not send. The registration does not keep out other programs that register as a node. A
run therefore belongs to the connection that got the run's command, or that reported on the run
first, and no other connection may report on the run while the owner is connected. After the owner's
connection is lost, two connections may report: the active node, and a node registered under the
owner's name (the same node after a reconnect). The active node may report on a run that no node is
known to have.

Two gaps remain without a login: a program that registers while no other node is connected becomes
the active node and gets the commands, and a program that knows a node's name may report on the
node's runs while the node is away.
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
    """Return why the connection may not report on the run, None if the connection may."""
    name = dispatch.name_of(sid)
    if name is None:
        return NO_NODE
    holder = ledger.holder(run_id)
    if holder is None:
        return None if sid == dispatch.node else NOT_ACTIVE
    if dispatch.name_of(holder.sid) is not None:
        return None if sid == holder.sid else ANOTHERS
    return None if sid == dispatch.node or name == holder.name else NOT_ACTIVE
