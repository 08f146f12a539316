"""What runs say, on its way to a vantage6 server: as it comes, and whole at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from node_poc.runs.model import Failure, RunResult
from node_poc.runs.ports import Control, LogPart, QueryError

log = structlog.get_logger(__name__)

# Each byte that is no text takes six as JSON, so an event stays below 300 KB; a server takes 1 MB.
_EVENT_BYTES = 48 * 1024
# The server rewrites a run's whole log for each event: no run may send it more than this.
_HEAD_BYTES = 512 * 1024
_LOOK_SECONDS = 1.0
# The server takes events and requests by different ways: the last event first gets so much time.
_SETTLE_SECONDS = 0.25
NOT_SHARED = "Node does not allow sharing algorithm logs"
_CUT = "\n[node] The log is longer; this much of it is left out here.\n"


def clean(data: bytes | str) -> str:
    """Text that every server's database takes: PostgreSQL refuses the character NUL."""
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    return text.replace("\0", "\ufffd")


def failure_text(failure: Failure | None) -> str:
    """What a researcher is told of a failure; nothing of the data station's insides.

    Reason and advice stand on lines of their own, apart from what the algorithm said.
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
    rest: bytes = b""
    ended: bool = False


class RunLogs:
    """Reads the logs of runs for the server, and streams those of the runs that are going."""

    def __init__(
        self, control: Control, emit: Callable[[dict[str, object]], bool], *, share: bool
    ) -> None:
        """Nothing runs before ``start``.

        Args:
            control: reads the logs.
            emit: sends one ``algorithm_log`` without its collaboration; False if it could not.
            share: whether the data station lets logs go out.
        """
        self._control = control
        self._emit = emit
        self._share = share
        self._lock = threading.Lock()
        self._streams: dict[int, _Stream] = {}
        self._last_event: dict[int, float] = {}
        self._stop = threading.Event()
        self._going = threading.Event()  # some run's log is streamed, or it is to stop
        self._thread = threading.Thread(target=self._work, name="log stream", daemon=True)

    def start(self) -> None:
        """Start to stream."""
        if self._share:
            self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()
        self._going.set()

    def begin(self, run_id: int, task_id: int) -> str:
        """Stream a run's log from now on; returns what it has said so far."""
        if not self._share:
            return NOT_SHARED
        data, offset = self._read(run_id, 0, _HEAD_BYTES)
        with self._lock:
            self._streams[run_id] = _Stream(task_id, offset)
            self._going.set()
        return clean(data)

    def whole(self, result: RunResult) -> str:
        """The log as it is to stay at the server; the stream of this run ends."""
        self._end(result.run_id)
        text = NOT_SHARED
        if self._share:
            text = clean(result.log)
            if result.log_truncated:
                text = self._with_begin(result.run_id, text)
        parts = [text.rstrip("\n"), failure_text(result.failure)]
        return "\n".join(part for part in parts if part)

    def _with_begin(self, run_id: int, end: str) -> str:
        """Begin and end of a log that is too long; whole if both meet."""
        begin, offset = self._read(run_id, 0, _HEAD_BYTES)
        length = len(end.encode())
        following, _ = self._read(run_id, offset, length + 1)
        if len(following) <= length:
            return clean(begin + following)
        return f"{clean(begin)}{_CUT}{end}"

    def _end(self, run_id: int) -> None:
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
            return self._control.read_log(run_id, offset)
        except (QueryError, TimeoutError) as error:
            log.debug("log not read", run_id=run_id, error=str(error))
            return None

    def _work(self) -> None:
        while self._going.wait() and not self._stop.wait(_LOOK_SECONDS):
            with self._lock:
                streams = list(self._streams.items())
            for run_id, stream in streams:
                try:
                    self._advance(run_id, stream)
                except Exception:  # one run's log must never end the thread that serves all
                    log.exception("log not streamed", run_id=run_id)

    def _advance(self, run_id: int, stream: _Stream) -> None:
        """Send one event: whole lines if there are any, because the server ends each event's."""
        if stream.offset >= _HEAD_BYTES:
            return
        data, _ = self._read(run_id, stream.offset, _EVENT_BYTES)
        end = data.rfind(b"\n") + 1
        if not end and len(data) < _EVENT_BYTES:
            return
        data = data[: end or len(data)]
        event: dict[str, object] = {"run_id": run_id, "task_id": stream.task_id, "log": clean(data)}
        with self._lock:  # so that `_end` never comes between an event and the note of it
            if self._streams.get(run_id) is not stream or not self._emit(event):
                return
            self._last_event[run_id] = time.monotonic()
            stream.offset += len(data)
