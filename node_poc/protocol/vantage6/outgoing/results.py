"""Sends the end of a run to a vantage6 server: log, result and status in a single PATCH."""

from __future__ import annotations

import time
from typing import Any

import structlog

from node_poc.crypto.errors import CryptoError, PublicKeyError
from node_poc.protocol.vantage6.errors import BodyTooLargeError, RefusedByServerError
from node_poc.protocol.vantage6.large_payloads import MAX_BYTES
from node_poc.protocol.vantage6.origin import RunOrigin
from node_poc.protocol.vantage6.outgoing.logs import RunLogs, clean
from node_poc.protocol.vantage6.outgoing.patches import Patches
from node_poc.protocol.vantage6.rest.bodies import RunPatch
from node_poc.protocol.vantage6.same_run import SameRuns
from node_poc.protocol.vantage6.server_access import ServerAccess
from node_poc.protocol.wire import iso_time
from node_poc.runs.model import RunResult
from node_poc.runs.ports import QueryError, ResultFiles
from node_poc.runs.status import RunStatus

log = structlog.get_logger(__name__)

_KEY_SECONDS = 60.0
# A gateway that refuses a result's size may get a new configuration soon: the node tries for this
# long, and this often, before the run ends without the result.
_TOO_LARGE_SECONDS = 180.0
_TOO_LARGE_TRIES = 4
# The length of a log that fits through every gateway, in characters.
_SHORT_LOG = 4096


class ResultSender:
    """Sends the ends of runs. The send queue's threads call ``send``, for a run one at a time."""

    def __init__(
        self,
        access: ServerAccess,
        files: ResultFiles,
        logs: RunLogs,
        same_runs: SameRuns,
        patches: Patches,
    ) -> None:
        """``files`` returns the runs' result files, ``logs`` the runs' logs."""
        self._access = access
        self._files = files
        self._logs = logs
        self._same_runs = same_runs
        self._patches = patches
        self._keys: dict[int, tuple[float, str | None]] = {}
        # By run id: when a run's end was too large for the first time, and the number of tries.
        self._too_large: dict[int, tuple[float, int]] = {}

    def forget(self, run_id: int) -> None:
        """Forget a run whose end needs no more sending."""
        self._access.blobs.forget(run_id)
        self._too_large.pop(run_id, None)

    def send(self, result: RunResult) -> None:
        """Send a run's end to the server, if the server still has the run.

        Raises:
            UnreachableError: the server is away; call again.
        """
        run_id, origin = result.run_id, self._same_runs.origin_of(result.run_id)
        is_at_server = self._same_runs.is_at_server(run_id, origin)
        self._logs.end_stream(run_id)
        if not is_at_server:
            log.warning("the server has this run no more: its result stays here", run_id=run_id)
            return
        fields = {
            "status": result.status.value,
            "log": self._logs.final_log(result),
            **_times(result, origin),
        }
        try:
            size = self._size(run_id)
            with self._access.large_payloads.hold(size):
                data = self._files.read_result_file(run_id, MAX_BYTES) if size else b""
                self._send_data(run_id, origin, fields, data)
            return
        except QueryError as error:
            if result.status is RunStatus.COMPLETED:
                fields = _failed(fields, f"The result cannot be sent: {error}")
        self._send_last(run_id, origin, fields)

    def _size(self, run_id: int) -> int:
        size = self._files.result_file_size(run_id)
        if size > MAX_BYTES:
            raise QueryError(
                f"it has {size} bytes, and this node sends {MAX_BYTES} at the most; let the "
                "algorithm return less"
            )
        return size

    def _send_data(
        self, run_id: int, origin: RunOrigin | None, fields: dict[str, str], data: bytes
    ) -> None:
        if not data:
            self._send_last(run_id, origin, fields)
            return
        try:
            text = self._text(run_id, origin, data)
            self._patches.send(run_id, origin, RunPatch(fields, text))
        except CryptoError as error:
            reason = str(error)
        except BodyTooLargeError as error:
            if not self._is_hopeless(run_id):
                raise
            reason = (
                f"Something before the server takes no result of {len(data)} bytes ({error}). Ask "
                "the server's administrator to allow larger bodies, or let the algorithm return "
                "less."
            )
        except RefusedByServerError as error:
            reason = f"The server did not take the result of {len(data)} bytes ({error})."
        else:
            return
        self._send_last(run_id, origin, _failed(fields, reason))

    def _is_hopeless(self, run_id: int) -> bool:
        """Note that a run's end was too large again; return whether to give up the result."""
        now = time.monotonic()
        since, tries = self._too_large.get(run_id, (now, 0))
        self._too_large[run_id] = since, tries + 1
        return now - since >= _TOO_LARGE_SECONDS and tries + 1 >= _TOO_LARGE_TRIES

    def _text(self, run_id: int, origin: RunOrigin | None, data: bytes) -> str:
        """Return the text for the run's result: the payload, or the name of its blob."""
        key = self._public_key(origin)
        if origin is not None and origin.in_blobs:
            return self._access.blobs.store(run_id, data, key)
        return self._access.cryptor.encrypt(data, key)

    def _send_last(self, run_id: int, origin: RunOrigin | None, fields: dict[str, str]) -> None:
        try:
            self._patches.send(run_id, origin, fields)
        except BodyTooLargeError:
            if not self._is_hopeless(run_id):
                raise
            end = fields["log"][-_SHORT_LOG:]
            short = {**fields, "log": f"[node] The log is too long for the server.\n{end}"}
            self._patches.send(run_id, origin, short)
        except RefusedByServerError as error:  # the run was deleted or is not ours any more
            log.warning("the server does not take a run's end", run_id=run_id, error=str(error))

    def _public_key(self, origin: RunOrigin | None) -> str | None:
        """Return the public key of the organization that posted the task.

        None if the organization has no key, or if the payloads are not encrypted.

        Raises:
            PublicKeyError: the server does not tell the key.
            UnreachableError: the server does not answer.
        """
        if origin is None or not self._access.cryptor.encrypts:
            return None
        now = time.monotonic()
        asked_at, key = self._keys.get(origin.init_org_id, (float("-inf"), None))
        if now - asked_at > _KEY_SECONDS:
            found = self._organization(origin.init_org_id).get("public_key")
            key = found if isinstance(found, str) else None
            self._keys[origin.init_org_id] = (now, key)
        return key

    def _organization(self, id_: int) -> dict[str, Any]:
        try:
            return self._access.rest.get(f"organization/{id_}")
        except RefusedByServerError as error:
            raise PublicKeyError(
                "The result cannot be encrypted: the server does not tell the public key of the "
                f"organization that asked for it ({error})."
            ) from error


def _times(result: RunResult, origin: RunOrigin | None) -> dict[str, str]:
    """Return a run's start and end time, in order and never before the server made the run."""
    begun_at = result.received_at
    if origin is not None:
        begun_at = origin.not_before_assigned(begun_at)
    ended_at = max(begun_at, result.ended_at or time.time())
    return {"started_at": str(iso_time(begun_at)), "finished_at": str(iso_time(ended_at))}


def _failed(fields: dict[str, str], reason: str) -> dict[str, str]:
    log_text = f"{fields['log']}\n[node] {reason}".strip()
    return {**fields, "status": RunStatus.FAILED.value, "log": clean(log_text)}
