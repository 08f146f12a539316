"""Sends PATCHes of runs to a vantage6 server, and the events that inform other clients."""

from __future__ import annotations

from collections.abc import Mapping

from node_poc.protocol.vantage6.errors import AlreadyFinishedError
from node_poc.protocol.vantage6.origin import RunOrigin
from node_poc.protocol.vantage6.rest.bodies import RunPatch
from node_poc.protocol.vantage6.server_access import ServerAccess
from node_poc.runs.status import RunStatus

# The statuses that other clients need; a waiting run is no news.
_TOLD_TO_OTHERS = {status for status in RunStatus if status.is_final} | {RunStatus.ACTIVE}


class Patches:
    """Sends PATCHes and informs other clients. Thread-safe."""

    def __init__(self, access: ServerAccess) -> None:
        """``access`` connects to the server."""
        self._access = access

    def send(
        self, run_id: int, origin: RunOrigin | None, body: Mapping[str, str] | RunPatch
    ) -> bool:
        """PATCH a run; return False if the run has ended at the server before.

        Other clients know already of a run that has ended at the server, except for a killed run:
        the server itself ends a killed run, before any node acts, and leaves the event to the node.

        Raises:
            ServerError: the errors of ``RestSession.patch``, except AlreadyFinishedError.
        """
        fields = body.fields if isinstance(body, RunPatch) else body
        status = RunStatus(fields["status"])
        try:
            self._access.rest.patch(f"run/{run_id}", body)
        except AlreadyFinishedError:
            if status is RunStatus.KILLED:
                self._announce(run_id, origin, status)
            return False
        if status in _TOLD_TO_OTHERS:
            self._announce(run_id, origin, status)
        return True

    def _announce(self, run_id: int, origin: RunOrigin | None, status: RunStatus) -> None:
        if origin is None:
            return
        identity = self._access.identity
        event = {
            "node_id": identity.node_id,
            "status": status.value,
            "run_id": run_id,
            "task_id": origin.task_id,
            "collaboration_id": identity.collaboration_id,
            "organization_id": identity.organization_id,
            "parent_id": origin.parent_id,
        }
        self._access.emit("algorithm_status_change", event)
