"""Post runs to the dummy server and wait for their results, from ordinary (blocking) code.

    with EmitterClient("http://172.30.0.1:5000", on_event=print) as client:
        ack = client.post({"run_id": 7, "task_info": {...}, ...})
        result = client.wait(7, timeout_s=60)

All methods may be called from any thread. The client reconnects for ever after a lost connection.
After a reconnect the client posts all commands again whose runs have not ended. Repeated posts are
harmless: the node recognizes an equal command and sends the result again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import Any, Self, TypeVar

from emitter_session import EmitterError, Event, EventKind, Post, RunRefusedError, Session
from wire import MAX_MESSAGE_BYTES, run_id_of, size_in_bytes

__all__ = [
    "EmitterClient",
    "EmitterError",
    "Event",
    "EventKind",
    "NoAnswerError",
    "PayloadTooLargeError",
    "RunRefusedError",
    "ServerUnreachableError",
]

# The server itself gives the node 30 s.
ACK_TIMEOUT_S = 45.0
_SIGNAL_SECONDS = 0.5
# Bytes for Socket.IO's wrapper around a payload; far more than needed.
_ENVELOPE_BYTES = 1_000

_T = TypeVar("_T")


class ServerUnreachableError(EmitterError):
    """There is no connection to the server."""


class NoAnswerError(EmitterError):
    """The time limit passed without the answer or the result."""


class PayloadTooLargeError(EmitterError):
    """The payload is larger than the server accepts (5 MB)."""


class EmitterClient:
    """A connection to the dummy server for posting and following runs.

    The client calls `on_event` for every event, in order, on the client's own thread; `on_event`
    must be quick and must not call the client.
    """

    def __init__(self, url: str, on_event: Callable[[Event], None] | None = None) -> None:
        self.url = url
        self._on_event = on_event or (lambda event: None)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="emitter", daemon=True)
        self._session = Session(url, self._on_event)

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self) -> None:
        """Connect to the server. Raise ServerUnreachableError (after 5 s at most)."""
        self._thread.start()
        try:
            self._in_loop(self._session.start()).result()
        except EmitterError as error:
            self.close()
            raise ServerUnreachableError(
                f"cannot reach the dummy server at {self.url}: {error}. Remedy: start it with "
                "`python simple_sio_server.py`, or give its address with --server URL."
            ) from error

    def close(self) -> None:
        """Disconnect without touching ongoing runs. May be called twice."""
        if self._loop.is_closed():
            return
        if self._thread.is_alive():
            with contextlib.suppress(TimeoutError):
                self._in_loop(self._session.stop()).result(timeout=5)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._loop.close()

    def submit(self, payload: Any) -> Future[dict[str, Any]]:
        """Post a command without waiting; the future gets the acknowledgement.

        The payload may be any JSON value (the node judges the payload). Raise PayloadTooLargeError.
        """
        size = size_in_bytes(payload)
        if size > MAX_MESSAGE_BYTES - _ENVELOPE_BYTES:
            raise PayloadTooLargeError(
                f"the payload has {size:,} bytes; the server takes {MAX_MESSAGE_BYTES:,} with a "
                "small margin. Remedy: keep large data in a database of the node."
            )
        post = Post(payload, run_id_of(payload), Future())
        self._in_loop(self._session.post(post))
        return post.ack

    def post(self, payload: Any, timeout_s: float | None = ACK_TIMEOUT_S) -> dict[str, Any]:
        """Post a command and return the server's acknowledgement (see relay.py).

        A refusal is an acknowledgement, not an exception. With `timeout_s` None, wait for ever,
        over any number of lost connections.

        Raises:
            PayloadTooLargeError: the payload is larger than the server accepts.
            NoAnswerError: the time limit passed while the server was connected.
            ServerUnreachableError: the time limit passed while the server was away.
        """
        return self._result_of(self.submit(payload), timeout_s, "the server's acknowledgement")

    def watch(self, run_id: int, timeout_s: float = 10.0) -> dict[str, Any]:
        """Subscribe to a run; return {known, status: the last run_status or None}.

        Raise ServerUnreachableError or NoAnswerError.
        """
        self._followed(run_id)
        answer: dict[str, Any] = self.request("watch_request", {"run_id": run_id}, timeout_s)
        return answer

    def wait(self, run_id: int, timeout_s: float | None = None) -> dict[str, Any]:
        """Wait for a run that this client posted or watches; return the run's `run_result`.

        Raises:
            NoAnswerError: no result within `timeout_s` seconds (None: no limit).
            RunRefusedError: the command was refused.
            ServerUnreachableError: the time limit passed while the server was away.
        """
        return self._result_of(self._followed(run_id), timeout_s, f"the result of run {run_id}")

    def request(self, event: str, data: Any, timeout_s: float = 10.0) -> Any:
        """Send any event and return its acknowledgement.

        Raise ServerUnreachableError or NoAnswerError.
        """
        try:
            return self._in_loop(self._session.request(event, data, timeout_s)).result()
        except EmitterError as error:
            if not self._session.connected:
                raise ServerUnreachableError(f"the server at {self.url} is away") from error
            raise NoAnswerError(str(error)) from error

    def _followed(self, run_id: int) -> Future[dict[str, Any]]:
        async def follow() -> Future[dict[str, Any]]:
            return self._session.run(run_id).result

        return self._in_loop(follow()).result()

    def _result_of(
        self, future: Future[dict[str, Any]], timeout_s: float | None, what: str
    ) -> dict[str, Any]:
        try:
            return _result_within(future, timeout_s)
        except TimeoutError as error:
            if not self._session.connected:
                text = (
                    f"the server at {self.url} went away and was not back within {timeout_s:.1f} s"
                )
                raise ServerUnreachableError(text) from error
            raise NoAnswerError(f"{what} did not come within {timeout_s:.1f} s") from error

    def _in_loop(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


def _result_within(future: Future[dict[str, Any]], timeout_s: float | None) -> dict[str, Any]:
    """Return a future's result. Raise TimeoutError after `timeout_s` seconds (None: no limit).

    Linux may hand a signal to any thread. Python runs the handler of Ctrl-C in the main thread, and
    only when this thread wakes up; therefore each wait is short.
    """
    end = math.inf if timeout_s is None else time.monotonic() + timeout_s
    while not future.done():
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        wait_for([future], timeout=min(left, _SIGNAL_SECONDS))
    return future.result()
