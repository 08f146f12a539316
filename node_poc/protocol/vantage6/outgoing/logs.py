"""Sends the runs' logs to a vantage6 server: parts while a run goes on, the whole at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from node_poc.runs.model import Failure, RunResult
from node_poc.runs.ports import LogPart, LogReader, QueryError

log = structlog.get_logger(__name__)

# JSON takes six bytes for a byte that is not text, so an event stays below 300 KB; a server accepts
# 1 MB.
_EVENT_BYTES = 48 * 1024
# The server rewrites a run's whole log for each event: each run streams at most this much.
_HEAD_BYTES = 512 * 1024
_LOOK_SECONDS = 1.0
# With many runs each log is sent more rarely: the server writes its database for each event.
_LOOK_SECONDS_A_RUN = 0.25
_LOOK_MOST_SECONDS = 10.0
# Events and requests reach the server on different ways: the last event gets this head start.
_SETTLE_SECONDS = 0.25
NOT_SHARED = "Node does not allow sharing algorithm logs"
_CUT = "\n[node] The log is longer; this much of it is left out here.\n"


def clean(data: bytes | str) -> str:
    """Return text that every server's database accepts: PostgreSQL refuses the character NUL."""
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    return text.replace("\0", "\ufffd")


def failure_text(failure: Failure | None) -> str:
    """Return the text about a failure for the researcher, without the data station's internals.

    Reason and advice are on separate lines, apart from the algorithm's own log.
    """
    if failure is None:
        return ""
    lines = [f"[node] Reason: {failure.detail}"]
    if failure.advice:
        lines.append(f"[node] Advice: {failure.advice}")
    return "\n".join(lines)


@dataclass
class _Stream:
    task_id: int
    offset: int


class RunLogs:
    """Reads the runs' logs for the server, and streams the logs of active runs."""

    def __init__(
        self, reader: LogReader, emit: Callable[[dict[str, object]], bool], *, share: bool
    ) -> None:
        """Nothing runs before ``start``.

        Args:
            reader: reads the logs.
            emit: sends an ``algorithm_log`` without its collaboration; returns False on failure.
            share: whether the data station allows sharing logs.
        """
        self._reader = reader
        self._emit = emit
        self._share = share
        self._lock = threading.Lock()
        self._streams: dict[int, _Stream] = {}
        self._last_event: dict[int, float] = {}
        self._stop = threading.Event()
        self._going = threading.Event()  # set while logs are streamed, and to stop the thread
        self._thread = threading.Thread(target=self._work, name="log stream", daemon=True)

    def start(self) -> None:
        """Start the thread that streams, if logs are shared."""
        if self._share:
            self._thread.start()

    def stop(self) -> None:
        """Stop streaming."""
        self._stop.set()
        self._going.set()

    def start_stream(self, run_id: int, task_id: int) -> str:
        """Stream a run's log from now on; return the log so far."""
        if not self._share:
            return NOT_SHARED
        data, offset = self._read(run_id, 0, _HEAD_BYTES)
        with self._lock:
            self._streams[run_id] = _Stream(task_id, offset)
            self._going.set()
        return clean(data)

    def final_log(self, result: RunResult) -> str:
        """Return the final log for the server, which replaces all that the stream has sent.

        First call ``end_stream``: a later event would add a part of the log a second time.
        """
        text = NOT_SHARED
        if self._share:
            text = clean(result.log)
            if result.log_truncated:
                text = self._with_start(result.run_id, text)
        parts = [text.rstrip("\n"), failure_text(result.failure)]
        return "\n".join(part for part in parts if part)

    def _with_start(self, run_id: int, end: str) -> str:
        """Return the start and the end of a long log, or the whole log if both parts meet."""
        begin, offset = self._read(run_id, 0, _HEAD_BYTES)
        length = len(end.encode())
        following, _ = self._read(run_id, offset, length + 1)
        if len(following) <= length:
            return clean(begin + following)
        return f"{clean(begin)}{_CUT}{end}"

    def end_stream(self, run_id: int) -> None:
        """Stop streaming a run's log."""
        with self._lock:
            self._streams.pop(run_id, None)
            if not self._streams and not self._stop.is_set():
                self._going.clear()
            last = self._last_event.pop(run_id, float("-inf"))
        settle = last + _SETTLE_SECONDS - time.monotonic()
        if settle > 0:
            time.sleep(settle)

    def _read(self, run_id: int, offset: int, limit: int) -> tuple[bytes, int]:
        parts, length = [], 0
        while length < limit:
            part = self._part(run_id, offset)
            if part is None or not part.data:
                break
            parts.append(part.data)
            length += len(part.data)
            offset = part.next_offset
        data = b"".join(parts)
        return data[:limit], offset - max(0, length - limit)

    def _part(self, run_id: int, offset: int) -> LogPart | None:
        try:
            return self._reader.read_log(run_id, offset)
        except (QueryError, TimeoutError) as error:
            log.debug("log not read", run_id=run_id, error=str(error))
            return None

    def _pause(self) -> float:
        with self._lock:
            runs = len(self._streams)
        return max(_LOOK_SECONDS, min(runs * _LOOK_SECONDS_A_RUN, _LOOK_MOST_SECONDS))

    def _work(self) -> None:
        while self._going.wait() and not self._stop.wait(self._pause()):
            with self._lock:
                streams = list(self._streams.items())
            for run_id, stream in streams:
                try:
                    self._advance(run_id, stream)
                except Exception:  # the thread serves all runs and must survive an error
                    log.exception("log not streamed", run_id=run_id)

    def _advance(self, run_id: int, stream: _Stream) -> None:
        """Send an event of whole lines, if possible: the server ends a line after each event."""
        if stream.offset >= _HEAD_BYTES:
            return
        data, _ = self._read(run_id, stream.offset, _EVENT_BYTES)
        end = data.rfind(b"\n") + 1
        if not end and len(data) < _EVENT_BYTES:
            return
        data = data[: end or len(data)]
        event: dict[str, object] = {"run_id": run_id, "task_id": stream.task_id, "log": clean(data)}
        with self._lock:  # `end_stream` must not run between an event and its note in `_last_event`
            if self._streams.get(run_id) is not stream or not self._emit(event):
                return
            self._last_event[run_id] = time.monotonic()
            stream.offset += len(data)
