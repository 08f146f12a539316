"""What goes to the server, run by run: in order within a run, several runs at once, until it went.

A PATCH takes a server some 20 ms and more; a burst of results sent one after the other would wait
for each other. So a few threads send, and none of them ever sends for a run out of its turn.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from node_poc.backoff import Backoff
from node_poc.protocol.vantage6_errors import ServerError, UnreachableError

log = structlog.get_logger(__name__)

_THREADS = 4
_BACKOFF = Backoff(0.5, 20.0)


@dataclass
class Errand:
    """Something to be told of a run. ``must``: until it is done; else until there is newer."""

    send: Callable[[], None]
    must: bool
    failures: int = 0


class Outbox:
    """A few threads that send. ``put`` may be called from any thread and returns at once."""

    def __init__(self) -> None:
        """Nothing runs before ``start``."""
        self._changed = threading.Condition()
        self._errands: dict[int, deque[Errand]] = {}
        self._ready: deque[int] = deque()
        self._later: list[tuple[float, int, int]] = []  # when, tie-breaker, run
        self._order = itertools.count()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"server send {n}", daemon=True)
            for n in range(_THREADS)
        ]

    def start(self) -> None:
        """Start to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin nothing more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def put(self, run_id: int, send: Callable[[], None], *, must: bool) -> None:
        """Have ``send`` called after what was put for this run before.

        An UnreachableError of it has it called again after a while. Any other is told in the log.
        """
        with self._changed:
            if run_id in self._errands:
                self._errands[run_id].append(Errand(send, must))
                self._no_longer_later(run_id)
            else:
                self._errands[run_id] = deque([Errand(send, must)])
                self._ready.append(run_id)
                self._changed.notify()

    def hurry(self) -> None:
        """The server is back: try at once what waits for another try."""
        with self._changed:
            self._ready.extend(run_id for _, _, run_id in self._later)
            self._later.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        while (run_id := self._next()) is not None:
            errand = self._errands[run_id][0]
            again = self._send(run_id, errand)
            with self._changed:
                waiting = self._errands[run_id]
                if not again or (not errand.must and len(waiting) > 1):
                    waiting.popleft()
                    again = False
                if not waiting:
                    del self._errands[run_id]
                elif again:
                    self._postpone(run_id, errand.failures)
                else:
                    self._ready.append(run_id)
                    self._changed.notify()

    def _next(self) -> int | None:
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                while self._later and self._later[0][0] <= now:
                    self._ready.append(heapq.heappop(self._later)[2])
                if self._ready:
                    return self._ready.popleft()
                self._changed.wait(self._later[0][0] - now if self._later else None)
            return None

    def _postpone(self, run_id: int, failures: int) -> None:
        pause = _BACKOFF.pause(failures)
        heapq.heappush(self._later, (time.monotonic() + pause, next(self._order), run_id))
        self._changed.notify()

    def _no_longer_later(self, run_id: int) -> None:
        """Something newer came: what waits for another try gives way to it, or goes at once."""
        left = [item for item in self._later if item[2] != run_id]
        if len(left) < len(self._later):
            self._later = left
            heapq.heapify(left)
            self._ready.append(run_id)
            self._changed.notify()

    def _send(self, run_id: int, errand: Errand) -> bool:
        """Send it; returns whether it must be tried again."""
        try:
            errand.send()
        except UnreachableError as error:
            errand.failures += 1
            tell = log.warning if errand.failures in {1, 10} else log.debug
            tell("not sent: tried again", run_id=run_id, error=str(error), tries=errand.failures)
            return True
        except ServerError as error:
            log.warning("the server did not take it", run_id=run_id, error=str(error))
        except Exception:  # one run's trouble must never end a thread that sends for all
            log.exception("not sent", run_id=run_id)
        return False
