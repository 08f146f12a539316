"""One PATCH of a run at a vantage6 server, and the event by which others hear of it."""

from __future__ import annotations

from collections.abc import Mapping

from node_poc.protocol.vantage6.errors import AlreadyFinishedError
from node_poc.protocol.vantage6.origin import RunOrigin
from node_poc.protocol.vantage6.rest.bodies import RunPatch
from node_poc.protocol.vantage6.server_access import Line
from node_poc.runs.status import RunStatus

# What others need to hear of: a run that waits is nothing new to them.
_TOLD_TO_OTHERS = {status for status in RunStatus if status.is_final} | {RunStatus.ACTIVE}


class Patches:
    """PATCHes, and tells others. Thread-safe."""

    def __init__(self, line: Line) -> None:
        """``line`` leads to the server."""
        self._line = line

    def send(
        self, run_id: int, facts: RunOrigin | None, body: Mapping[str, str] | RunPatch
    ) -> bool:
        """Tell the server of a run; whether it had not ended there.

        Of a run that has ended at the server others know already, unless it was killed: then the
        server itself ends it, before any node acts, and leaves it to the node to tell.

        Raises:
            ServerError: as ``Rest.patch``, but for AlreadyFinishedError.
        """
        fields = body.fields if isinstance(body, RunPatch) else body
        status = RunStatus(fields["status"])
        try:
            self._line.rest.patch(f"run/{run_id}", body)
        except AlreadyFinishedError:
            if status is RunStatus.KILLED:
                self._announce(run_id, facts, status)
            return False
        if status in _TOLD_TO_OTHERS:
            self._announce(run_id, facts, status)
        return True

    def _announce(self, run_id: int, facts: RunOrigin | None, status: RunStatus) -> None:
        if facts is None:
            return
        who = self._line.identity
        event = {
            "node_id": who.node_id,
            "status": status.value,
            "run_id": run_id,
            "task_id": facts.task_id,
            "collaboration_id": who.collaboration_id,
            "organization_id": who.organization_id,
            "parent_id": facts.parent_id,
        }
        self._line.emit("algorithm_status_change", event)
