"""The outbox: sends statuses and results to the server in order, and waits for acknowledgements.

Every result is on disk before delivery, so the process may die at any moment. A result is sent
again after a time without acknowledgement, and on every new connection.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog

from node_poc.runs.model import Run, RunResult
from node_poc.runs.ports import DeliveryError, ResultSink

log = structlog.get_logger(__name__)

_ACKNOWLEDGE_SECONDS = 15.0
_LOOK_SECONDS = 0.25


class Delivery:
    """Sends all statuses and results in one thread. Any thread may call ``put_*``."""

    def __init__(self, sink: ResultSink, on_delivered: Callable[[int], None]) -> None:
        """``on_delivered`` receives the run id of each acknowledged result, in any thread."""
        self._sink = sink
        self._on_delivered = on_delivered
        self._changed = threading.Condition()
        self._queue: deque[Run | RunResult] = deque()
        self._unacknowledged: dict[int, tuple[RunResult, float, int]] = {}
        self._stopping = False
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def stop(self, within_seconds: float) -> None:
        """Send for at most ``within_seconds``, then end; the rest is sent after a restart."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(within_seconds)

    def abandon(self) -> None:
        """Stop sending at once; a message already being sent still goes out."""
        self._abandoned.set()
        with self._changed:
            self._changed.notify()

    def put_status(self, run: Run) -> None:
        """Send the run's current status to the server."""
        self._put(run)

    def put_result(self, result: RunResult) -> None:
        """Send the result to the server, until acknowledged."""
        self._put(result)

    def _put(self, item: Run | RunResult) -> None:
        with self._changed:
            self._queue.append(item)
            self._changed.notify()

    def _run(self) -> None:
        while not self._abandoned.is_set():
            with self._changed:
                if not self._queue and not self._abandoned.is_set():
                    if self._stopping and (not self._unacknowledged or not self._sink.is_connected):
                        return
                    # A timeout is needed only while a result may have to be sent again.
                    owes = self._unacknowledged or self._stopping
                    self._changed.wait(_LOOK_SECONDS if owes else None)
            if self._sink.is_connected:
                self._send_again()
                self._send_new()
            elif self._stopping:
                return
            else:
                time.sleep(_LOOK_SECONDS)

    def _send_new(self) -> None:
        while not self._abandoned.is_set():
            with self._changed:
                if not self._queue:
                    return
                item = self._queue.popleft()
            if not self._send(item):
                with self._changed:
                    self._queue.appendleft(item)
                time.sleep(_LOOK_SECONDS)
                return

    def _send_again(self) -> None:
        now, connection = time.monotonic(), self._sink.connection
        for result, sent_at, sent_on in list(self._unacknowledged.values()):
            if sent_on != connection or now - sent_at > _ACKNOWLEDGE_SECONDS:
                log.info("sending a result again", run_id=result.run_id)
                if not self._send(result):  # dropped from ``_unacknowledged``: queue again
                    self._put(result)

    def _send(self, item: Run | RunResult) -> bool:
        if self._abandoned.is_set():
            return False
        try:
            if isinstance(item, Run):
                self._sink.send_status(item)
            else:
                sent = (item, time.monotonic(), self._sink.connection)
                self._unacknowledged[item.run_id] = sent
                self._sink.send_result(item, lambda: self._acknowledged(item.run_id))
        except DeliveryError as error:
            self._unacknowledged.pop(item.run_id, None)
            log.debug("not sent", run_id=item.run_id, error=str(error))
            return False
        except Exception:  # a bad message must not hold up others; a result is sent again later
            log.exception("message not sent", run_id=item.run_id)
        return True

    def _acknowledged(self, run_id: int) -> None:
        if self._unacknowledged.pop(run_id, None) is not None:
            self._on_delivered(run_id)
        with self._changed:
            self._changed.notify()
