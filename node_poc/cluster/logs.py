"""Follow a container's log through the API without missing a line or taking a line twice.

The API returns a log as lines, each after a time stamp, and can start at a time in whole seconds.
Therefore after any break the node asks for the log again from slightly earlier, and recognises
lines that were taken already by the stamps of the last lines (``Position``). Breaks are normal: the
kubelet ends or forgets a follower when the file is rotated (kubernetes#126564), an API server
restarts, a connection dies silently.

Some lines cannot be read. The API reads only the current file: lines that were rotated away before
they were read (a container that logs faster than 10 MiB in 10 s while nobody follows) are lost to
every client. The node also pauses a log that grows faster than its pace (``log_pace.py``), and then
reads on near the log's end. Both leave a mark line in the log (``log_lines.py``).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
import urllib3

from node_poc.cluster.connect import KubernetesApi, Query
from node_poc.cluster.errors import ClusterError, NotFoundError, error_of
from node_poc.cluster.log_lines import LineReader, Piece, Position
from node_poc.cluster.log_pace import LogPace, RunPace
from node_poc.concurrency.backoff import Backoff

log = structlog.get_logger(__name__)

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 15.0
_CHUNK = 65536
_NOT_STARTED = 400
# The kubelet answers with this text and status 200 while its container runtime is unavailable. A
# line of a log cannot be confused with the text: a line starts with a time stamp.
_NO_LOG = b"unable to retrieve container logs for "
# Silence may mean that the container logs nothing, that the connection is dead, or that the kubelet
# still reads a file which was rotated away. Only the second rotation loses lines, at the earliest
# 10 s after the first: ask again soon, and more and more rarely while nothing new comes.
_SILENCE_SECONDS = (5.0, 60.0)
# After more bytes than this, the file may have been rotated: go back to the short silence.
_MUCH = 256 * 1024
_PAUSES = Backoff(0.25, 10.0)
# After the log's end, wait as after this number of failures: one to two seconds. The pod's status
# shows the container's end later, and then ends the pause.
_FAILURES_AT_END = 3
# After each pause of a log that grows too fast, the node reads this many lines from the log's end,
# and at least this many bytes before the next pause.
_END_LINES = 100_000
_LEAST = 1 << 20


class _TooFastError(Exception):
    """The log grows faster than its pace allows: pause the log for ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class SilentError(ClusterError):
    """The connection was silent for too long: the log may be quiet, or the connection dead."""


@dataclass
class Following:
    """State that the thread which follows a log shares with the owner of the run.

    Attributes:
        ending: set once the container has ended: the next end of the log is final.
        stop: set once no more of the log is wanted, even if there is more.
        saw_end: whether the log was read to its end; set by ``ContainerLogs.follow``.
        is_too_fast: whether the log grew faster than it was read; set by ``ContainerLogs.follow``.
            From then on, only the end of the log is read after a break.
        is_overtaken: set by a caller that reads the rest of the log itself: ``follow`` then makes
            no further connection.
    """

    ending: threading.Event
    stop: threading.Event
    saw_end: bool = False
    is_too_fast: bool = False
    is_overtaken: bool = False

    def pause(self, seconds: float) -> None:
        """Wait for ``seconds``, or until ``ending`` is set; until ``stop`` if ``ending`` is set."""
        (self.stop if self.ending.is_set() else self.ending).wait(seconds)


class ContainerLogs:
    """Reads the logs of the containers with one name in one namespace's pods. Thread-safe."""

    def __init__(
        self, api: KubernetesApi, pods_path: str, container: str, pace: LogPace | None = None
    ) -> None:
        """Read from pods under ``pods_path``, the API path of the namespace's pods."""
        self._api = api
        self._pods_path = pods_path
        self._container = container
        self._pace = pace or LogPace()

    def read(self, pod: str, bookmark: str, *, only_end: bool = False) -> Iterator[Piece]:
        """Yield the log after ``bookmark`` up to its present end.

        Args:
            pod: name of the pod.
            bookmark: where to start: a piece's position as text, or "" for the whole log.
            only_end: read only the last lines of a long log, after a mark line.

        Raises:
            NotFoundError: the pod is gone.
            ClusterError: the call failed, or the connection broke; status 400 means that the
                container has not started yet.
        """
        return self._connect(pod, Position.parse(bookmark), None, only_end=only_end)

    def follow(self, pod: str, bookmark: str, following: Following) -> Iterator[Piece]:
        """Yield the log after ``bookmark`` as the log grows; connect again after any break.

        The iterator ends when the pod is gone, when the log ends after ``following.ending`` was
        set, or between two pieces once ``following.stop`` is set. The iterator raises nothing.
        """
        position, failures = Position.parse(bookmark), 0  # connections in a row without a piece
        patience = _Patience(self._pace.new_run_pace())
        while not (following.stop.is_set() or following.is_overtaken):
            was_ending = following.ending.is_set()
            try:
                only_end = following.is_too_fast
                for piece in self._connect(pod, position, patience, only_end=only_end):
                    position = piece.position
                    failures = 0
                    yield piece
                # An end is not always final: at a rotation the kubelet may end in the middle of a
                # file. Only the end of a request made after the container's end is final.
                following.saw_end = True
                if was_ending:
                    return
                failures = max(failures + 1, _FAILURES_AT_END)
            except _TooFastError as error:
                _pause_following(pod, following, error.seconds)
                continue
            except SilentError:
                patience.note_silence()
                continue
            except ClusterError as error:
                not_started = error.status == _NOT_STARTED
                if isinstance(error, NotFoundError) or (not_started and was_ending):
                    return
                following.saw_end = not_started
                failures += 1
                if not not_started and failures == 1:
                    log.warning("log broke off: connecting again", pod=pod, error=str(error))
            following.pause(_PAUSES.pause(failures))

    def _connect(
        self, pod: str, position: Position, patience: _Patience | None, *, only_end: bool
    ) -> Iterator[Piece]:
        """Read one connection to its end. Without ``patience`` do not follow the log."""
        query = [("container", self._container), ("timestamps", "true")]
        if patience is not None:
            query.append(("follow", "true"))
        if (since := position.since()) is not None:
            since_text = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            query.append(("sinceTime", since_text))
        if only_end:
            query.append(("tailLines", str(_END_LINES)))
        lines = LineReader(position)
        path = f"{self._pods_path}/{pod}/log"
        seconds = (lambda: _READ_SECONDS) if patience is None else (lambda: patience.seconds)
        taken = 0
        for number, chunk in enumerate(stream_bytes(self._api, path, query, seconds)):
            if number == 0 and chunk.startswith(_NO_LOG):
                raise ClusterError(f"GET {path}", 503, "NoLog", "the kubelet cannot read it now")
            if patience is not None:
                patience.note_piece(chunk)
            piece = lines.feed(chunk)
            if piece is not None:
                yield piece
                taken += len(chunk)
            # Counting new lines only ensures progress, however much is repeated after a pause.
            if patience is not None and taken > _LEAST and (wait := patience.pace.pause()):
                raise _TooFastError(wait)


def _pause_following(pod: str, following: Following, seconds: float) -> None:
    """Pause a log that grows too fast; an ended log has a bounded rest and needs no pause."""
    if not following.is_too_fast:
        log.warning("log grows faster than it is read: only its end is read now", pod=pod)
    following.is_too_fast = True
    if not following.ending.is_set():
        following.pause(seconds)


def stream_bytes(
    api: KubernetesApi, path: str, query: Query, silence_seconds: Callable[[], float]
) -> Iterator[bytes]:
    """Yield an answer piece by piece as the pieces arrive, until the API server ends the answer.

    Args:
        api: the Kubernetes API.
        path: path to read.
        query: query parameters.
        silence_seconds: called before each piece; returns how many seconds to wait for the piece.

    Raises:
        SilentError: a piece took longer to arrive.
        ClusterError: the call failed, or the connection broke.
    """
    call = f"GET {path}"
    try:
        # Unlike the answers of KubernetesApi's public methods, a log is neither JSON nor short.
        response = api._send("GET", path, None, query, (_CONNECT_SECONDS, silence_seconds()))  # noqa: SLF001
        with contextlib.closing(response):
            if response.status != 200:
                raise error_of(call, response.status, response.data.decode("utf-8", "replace"))
            chunks = response.stream(_CHUNK, decode_content=False)
            while True:
                if response.connection is not None and response.connection.sock is not None:
                    response.connection.sock.settimeout(silence_seconds())
                chunk = next(chunks, None)
                if chunk is None:
                    return
                yield chunk
    except (urllib3.exceptions.HTTPError, OSError) as error:
        silent = isinstance(error, urllib3.exceptions.ReadTimeoutError | TimeoutError)
        kind = SilentError if silent else ClusterError
        raise kind(call, 0, type(error).__name__, str(error)) from error
    except ClusterError as error:
        if error.reason == "ReadTimeoutError":  # no status yet: the log is still empty
            raise SilentError(call, 0, error.reason, error.message) from error
        raise


class _Patience:
    """How many seconds of silence to accept on a connection, and the pace of the run's log."""

    def __init__(self, pace: RunPace) -> None:
        self.pace = pace
        self.seconds = _SILENCE_SECONDS[0]
        self._carried = 0

    def note_piece(self, chunk: bytes) -> None:
        """Count the bytes and lines of a chunk that arrived."""
        self.pace.note_piece(len(chunk), chunk.count(b"\n"))
        self._carried += len(chunk)
        if self._carried > _MUCH:
            self.seconds = _SILENCE_SECONDS[0]

    def note_silence(self) -> None:
        """Double the accepted silence after a silent connection, unless a rotation is possible."""
        if self._carried <= _MUCH:
            self.seconds = min(2 * self.seconds, _SILENCE_SECONDS[1])
        self._carried = 0
