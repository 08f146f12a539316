"""Sends messages to the server, in order within a run, for several runs at once, with retries.

A PATCH takes a server 20 ms and more; with a single thread a burst of results would wait long.
A few threads therefore send, and no thread ever sends for a run out of order.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from node_poc.concurrency.attempts import log_failure
from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6.errors import ServerError, UnreachableError

log = structlog.get_logger(__name__)

_THREADS = 4
_BACKOFF = Backoff(0.5, 20.0)
# Messages without ``must`` go one at a time. After each there is a pause of this many times its
# duration, up to a maximum: the busier the server, the more of them are replaced by newer ones.
_PAUSE_SHARE = 5
_PAUSE_MOST_SECONDS = 2.0

# A heap of (due time, ticket, run id). Only an entry with its run's last ticket is valid.
_Heap = list[tuple[float, int, int]]


@dataclass
class QueuedMessage:
    """A message about a run.

    Args:
        send: sends the message.
        must: whether the message must be sent; otherwise a newer message replaces this message.
        due_at: the time to send, in monotonic seconds.
        failures: the number of failed tries.
    """

    send: Callable[[], None]
    must: bool
    due_at: float
    failures: int = 0


class SendQueue:
    """Sends with a few threads. Any thread may call ``put``, which returns at once."""

    def __init__(self) -> None:
        """Nothing runs before ``start``; each thread starts when there is a message to send."""
        self._changed = threading.Condition()
        self._messages: dict[int, deque[QueuedMessage]] = {}
        self._busy: set[int] = set()  # runs whose first message is being sent
        self._due: _Heap = []  # of runs whose first message must be sent
        self._optional: _Heap = []  # of all other runs
        self._optional_at = 0.0  # monotonic seconds: when the next optional message may be sent
        self._tickets: dict[int, int] = {}
        self._order = itertools.count()
        self._started = self._stopping = False
        self._idle = 0
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start sending."""
        with self._changed:
            self._started = True
            if self._messages:
                self._wake()

    def stop(self) -> None:
        """Start no more messages."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def put(
        self, run_id: int, send: Callable[[], None], *, must: bool, wait_seconds: float = 0.0
    ) -> None:
        """Queue a call of ``send`` behind the run's earlier messages that must be sent.

        A message without ``must`` waits ``wait_seconds`` for a newer message, and for its turn
        among all messages without ``must``. The newer message replaces the waiting message and is
        due at the earlier of both times. After an UnreachableError of ``send`` the queue tries
        again later; other errors go to the log.
        """
        message = QueuedMessage(send, must, time.monotonic() + wait_seconds)
        with self._changed:
            kept: deque[QueuedMessage] = deque()
            for place, known in enumerate(self._messages.get(run_id, ())):
                if known.must or (place == 0 and run_id in self._busy):
                    kept.append(known)
                else:
                    message.due_at = min(message.due_at, known.due_at)
            kept.append(message)
            self._messages[run_id] = kept
            if run_id not in self._busy:
                # A newer message behind a message that waits for another try ends the wait.
                kept[0].due_at = min(kept[0].due_at, message.due_at)
                self._schedule(run_id)

    def retry_now(self) -> None:
        """Retry all failed messages at once, because the server is back."""
        with self._changed:
            for run_id, waiting in self._messages.items():
                if run_id not in self._busy and waiting[0].failures:
                    waiting[0].due_at = 0.0
                    self._schedule(run_id)

    # --- the lock is held

    def _schedule(self, run_id: int) -> None:
        ticket = self._tickets[run_id] = next(self._order)
        message = self._messages[run_id][0]
        heap = self._due if message.must else self._optional
        heapq.heappush(heap, (message.due_at, ticket, run_id))
        self._wake()

    def _wake(self) -> None:
        """Wake a thread; start another thread if all are sending and the limit allows."""
        self._changed.notify()
        if self._started and not self._idle and len(self._threads) < _THREADS:
            name = f"server send {len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _next(self) -> int | None:
        self._idle += 1
        try:
            while not self._stopping:
                now = time.monotonic()
                due_at = self._due_at(self._due)
                if due_at <= now:
                    return self._take(self._due)
                optional_at = max(self._optional_at, self._due_at(self._optional))
                if optional_at <= now:
                    return self._take(self._optional)
                due_at = min(due_at, optional_at)
                self._changed.wait(None if due_at == math.inf else due_at - now)
            return None
        finally:
            self._idle -= 1

    def _due_at(self, heap: _Heap) -> float:
        """Return when a heap's first valid entry is due; infinity without such an entry."""
        while heap and self._tickets.get(heap[0][2]) != heap[0][1]:
            heapq.heappop(heap)
        return heap[0][0] if heap else math.inf

    def _take(self, heap: _Heap) -> int:
        run_id = heapq.heappop(heap)[2]
        del self._tickets[run_id]
        self._busy.add(run_id)
        if heap is self._optional:
            self._optional_at = math.inf  # until the message is sent
        return run_id

    def _pause(self, took: float) -> None:
        """Make the next optional message wait; the last optional message took ``took`` seconds."""
        self._optional_at = time.monotonic() + min(_PAUSE_SHARE * took, _PAUSE_MOST_SECONDS)
        self._changed.notify()

    def _sent(self, run_id: int, message: QueuedMessage, *, again: bool) -> None:
        self._busy.discard(run_id)
        waiting = self._messages[run_id]
        if again and (message.must or len(waiting) == 1):
            message.due_at = time.monotonic() + _BACKOFF.pause(message.failures)
        else:
            waiting.popleft()
        if waiting:
            self._schedule(run_id)
        else:
            del self._messages[run_id]

    # --- the threads

    def _work(self) -> None:
        while True:
            with self._changed:
                run_id = self._next()
                if run_id is None:
                    return
                message = self._messages[run_id][0]
                if self._due or self._optional:
                    self._wake()
            began = time.monotonic()
            again = self._send(run_id, message)
            with self._changed:
                if not message.must:
                    self._pause(time.monotonic() - began)
                self._sent(run_id, message, again=again)

    def _send(self, run_id: int, message: QueuedMessage) -> bool:
        """Send a message; return whether to try again."""
        try:
            message.send()
        except UnreachableError as error:
            message.failures += 1
            event = "not sent: tried again"
            log_failure(log, message.failures, event, run_id=run_id, error=str(error))
            return True
        except ServerError as error:
            log.warning("the server did not take it", run_id=run_id, error=str(error))
        except Exception:  # the thread sends for all runs and must survive an error
            log.exception("not sent", run_id=run_id)
        return False
