"""What a vantage6 server is told of runs: PATCHes that erase nothing, and events beside them.

A PATCH sets log, result and end of a run to nothing where it leaves them out. So every PATCH has
the log so far, and the last one has all at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from node_poc.crypto.errors import CryptoError, PublicKeyError
from node_poc.crypto.payload import Cryptor
from node_poc.protocol.messages import iso_time
from node_poc.protocol.ports import Control, QueryError
from node_poc.protocol.vantage6_blobs import Blobs
from node_poc.protocol.vantage6_body import RunPatch
from node_poc.protocol.vantage6_errors import AlreadyFinishedError, RefusedError, UnreachableError
from node_poc.protocol.vantage6_identity import NodeIdentity
from node_poc.protocol.vantage6_logs import RunLogs, clean, failure_text
from node_poc.protocol.vantage6_origin import RunOrigin
from node_poc.protocol.vantage6_outbox import Outbox
from node_poc.protocol.vantage6_rest import Rest
from node_poc.protocol.vantage6_same import OTHER_RUN, SameRuns
from node_poc.protocol.vantage6_turn import MAX_BYTES, Turn
from node_poc.runs.model import Run, RunResult
from node_poc.runs.status import RunStatus

log = structlog.get_logger(__name__)

_KEY_SECONDS = 60.0


@dataclass(frozen=True)
class Line:
    """The ways to the server, and who we are there.

    ``turn``: for large payloads, be they inputs or results.
    """

    rest: Rest
    emit: Callable[[str, object], bool]
    identity: NodeIdentity
    cryptor: Cryptor
    blobs: Blobs
    turn: Turn = field(default_factory=Turn)


class Reports:
    """Tells the server of runs. Every call returns at once; the outbox sends."""

    def __init__(self, line: Line, outbox: Outbox, control: Control, logs: RunLogs) -> None:
        """``logs`` reads and streams, ``outbox`` sends; both are started by others."""
        self._line = line
        self._outbox = outbox
        self._control = control
        self._logs = logs
        self.same = SameRuns(line.rest, control)
        self._lock = threading.Lock()
        self._owed: set[int] = set()
        self._keys: dict[int, tuple[float, str | None]] = {}

    def status(self, run: Run) -> None:
        """Tell how a run is, if it is something that the server should show."""
        if run.status is RunStatus.ACTIVE:
            self._outbox.put(run.run_id, lambda: self._send_active(run), must=False)
        elif run.failure is not None and not run.status.is_final:
            self._outbox.put(run.run_id, lambda: self._send_waiting(run), must=False)

    def result(self, result: RunResult, acknowledged: Callable[[], None]) -> None:
        """Bring a result to the server; ``acknowledged`` is called once it has it."""
        run_id = result.run_id
        with self._lock:
            if run_id in self._owed:
                return  # it is on its way
            self._owed.add(run_id)

        def send() -> None:
            try:
                self._send_result(result)
            except UnreachableError:
                raise
            except Exception:
                self._no_longer_owed(run_id)
                raise
            self._no_longer_owed(run_id)
            self.same.forget(run_id)
            acknowledged()

        self._outbox.put(run_id, send, must=True)

    def refuse(self, run_id: int, facts: RunOrigin | None, status: RunStatus, reason: str) -> None:
        """End a run at the server that never started here."""
        log.warning("run refused", run_id=run_id, status=status.value, reason=reason)
        now = time.time()
        body = {
            "status": status.value,
            "log": clean(f"[node] {reason}"),
            "finished_at": iso_time(now),
        }
        self._outbox.put(run_id, lambda: self._end(run_id, facts, status, body), must=True)

    # --- in the outbox's threads

    def _send_active(self, run: Run) -> None:
        facts = self.same.facts(run.run_id)
        if facts is None or not self.same.is_there(run.run_id, facts):
            return
        said = self._logs.begin(run.run_id, facts.task_id)
        self._end(run.run_id, facts, run.status, {"status": run.status.value, "log": said})

    def _send_waiting(self, run: Run) -> None:
        body = {"status": run.status.value, "log": clean(failure_text(run.failure))}
        self._end(run.run_id, None, run.status, body)

    def _end(
        self,
        run_id: int,
        facts: RunOrigin | None,
        status: RunStatus,
        body: dict[str, Any] | RunPatch,
    ) -> None:
        """PATCH, and tell others of it.

        Of a run that has ended at the server others know already, unless it was killed: then the
        server itself ends it, before any node acts, and leaves it to the node to tell.
        """
        try:
            self._line.rest.patch(f"run/{run_id}", body)
        except AlreadyFinishedError:
            if status is not RunStatus.KILLED:
                return
        self._announce(run_id, facts, status)

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

    def _send_result(self, result: RunResult) -> None:
        run_id, facts = result.run_id, self.same.facts(result.run_id)
        if not self.same.is_there(run_id, facts):
            self._end_other(run_id)
            return
        fields = {
            "status": result.status.value,
            "log": self._logs.whole(result),
            "finished_at": str(iso_time(result.ended_at or time.time())),
        }
        try:
            size = self._result_size(run_id)
            with self._line.turn.of(size):
                data = self._control.read_result(run_id, MAX_BYTES) if size else b""
                self._send_data(run_id, facts, fields, data)
            return
        except QueryError as error:
            if result.status is RunStatus.COMPLETED:
                fields = _failed(fields, f"The result cannot be sent: {error}")
        self._send_last(run_id, facts, fields)

    def _result_size(self, run_id: int) -> int:
        size = self._control.result_size(run_id)
        if size > MAX_BYTES:
            raise QueryError(
                f"it has {size} bytes, and this node sends {MAX_BYTES} at the most; let the "
                "algorithm return less"
            )
        return size

    def _send_data(
        self, run_id: int, facts: RunOrigin | None, fields: dict[str, str], data: bytes
    ) -> None:
        if not data:
            self._send_last(run_id, facts, fields)
            return
        try:
            text = self._result_text(run_id, facts, data)
            self._end(run_id, facts, RunStatus(fields["status"]), RunPatch(fields, text))
        except CryptoError as error:
            reason = str(error)
        except RefusedError as error:
            reason = f"The server did not take the result of {len(data)} bytes ({error})."
        else:
            return
        self._send_last(run_id, facts, _failed(fields, reason))

    def _result_text(self, run_id: int, facts: RunOrigin | None, data: bytes) -> str:
        """What a run has as its result: the payload, or its name in the blob store."""
        key = self._public_key(facts)
        if facts is not None and facts.in_blobs:
            return self._line.blobs.store(run_id, data, key)
        return self._line.cryptor.encrypt(data, key)

    def _end_other(self, run_id: int) -> None:
        """What was a run here is another one at the server: it gets nothing of this one."""
        log.warning(
            "the server does not know this run's task: its result stays here", run_id=run_id
        )
        fields = {"log": f"[node] {OTHER_RUN}", "finished_at": str(iso_time(time.time()))}
        fields["status"] = RunStatus.FAILED.value
        self._send_last(run_id, None, fields)

    def _send_last(self, run_id: int, facts: RunOrigin | None, fields: dict[str, str]) -> None:
        try:
            self._end(run_id, facts, RunStatus(fields["status"]), fields)
        except RefusedError as error:  # deleted at the server, or not ours any more: nobody waits
            log.warning("the server does not take a run's end", run_id=run_id, error=str(error))

    def _public_key(self, facts: RunOrigin | None) -> str | None:
        """The public key of who asked for the run. None if there is none, or none is needed.

        Raises:
            PublicKeyError: the server does not tell it.
            UnreachableError: it does not answer.
        """
        if facts is None or not self._line.cryptor.encrypts:
            return None
        now = time.monotonic()
        asked_at, key = self._keys.get(facts.init_org_id, (float("-inf"), None))
        if now - asked_at > _KEY_SECONDS:
            found = self._organization(facts.init_org_id).get("public_key")
            key = found if isinstance(found, str) else None
            self._keys[facts.init_org_id] = (now, key)
        return key

    def _organization(self, id_: int) -> dict[str, Any]:
        try:
            return self._line.rest.get(f"organization/{id_}")
        except RefusedError as error:
            raise PublicKeyError(
                "The result cannot be encrypted: the server does not tell the public key of the "
                f"organization that asked for it ({error})."
            ) from error

    def _no_longer_owed(self, run_id: int) -> None:
        self._line.blobs.forget(run_id)
        with self._lock:
            self._owed.discard(run_id)


def _failed(fields: dict[str, str], reason: str) -> dict[str, str]:
    log_text = f"{fields['log']}\n[node] {reason}".strip()
    return {**fields, "status": RunStatus.FAILED.value, "log": clean(log_text)}
