"""Sends PATCHes of runs to a vantage6 server, and the events that inform other clients."""

from __future__ import annotations

from collections.abc import Mapping

from node_poc.protocol.vantage6.errors import AlreadyFinishedError
from node_poc.protocol.vantage6.origin import RunOrigin
from node_poc.protocol.vantage6.rest.bodies import RunPatch
from node_poc.protocol.vantage6.server_access import Line
from node_poc.runs.status import RunStatus

# The statuses that other clients need; a waiting run is no news.
_TOLD_TO_OTHERS = {status for status in RunStatus if status.is_final} | {RunStatus.ACTIVE}


class Patches:
    """Sends PATCHes and informs other clients. Thread-safe."""

    def __init__(self, line: Line) -> None:
        """``line`` connects to the server."""
        self._line = line

    def send(
        self, run_id: int, facts: RunOrigin | None, body: Mapping[str, str] | RunPatch
    ) -> bool:
        """PATCH a run; return False if the run has ended at the server before.

        Other clients know already of a run that has ended at the server, except for a killed run:
        the server itself ends a killed run, before any node acts, and leaves the event to the node.

        Raises:
            ServerError: the errors of ``Rest.patch``, except AlreadyFinishedError.
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
