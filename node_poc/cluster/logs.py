"""Follow a container's log through the API, so that no line is missed and none is taken twice.

The API gives a log as lines, each with a time stamp in front, and can begin at a time, in whole
seconds. So after any break the log is asked for again from a little earlier, and what was taken
already is recognised by the stamps of the last lines (``Position``). Breaks are normal: the kubelet
ends or forgets a follower when it rotates the file (kubernetes#126564), an API server restarts, a
connection dies without a word.

What cannot be had: the API reads the current file only. What was rotated away before it was read
(a container that logs faster than 10 MiB in 10 s while nobody follows) is lost to everybody. And
what logs faster than its pace (``log_pace.py``) is left alone for a while, and then read on near
its end. Both leave a mark in the log (``log_lines.py``).
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

log = structlog.get_logger(__name__)

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 15.0
_CHUNK = 65536
_NOT_STARTED = 400
# What the kubelet says, with status 200, in the place of a log while its runtime is away. A line of
# a log has a time stamp in front.
_NO_LOG = b"unable to retrieve container logs for "
# Silence may mean that nothing is logged, or that the connection is dead, or that the kubelet reads
# on in a file that it has rotated away. The second rotation is what loses lines, and it comes 10 s
# after the first at the earliest: so ask again soon, and ever more rarely if there was nothing.
_SILENCE_SECONDS = (5.0, 60.0)
# After so many bytes a rotation may have come in between: be wary again.
_MUCH = 256 * 1024
_PAUSE_SECONDS = (0.25, 10.0)
# Of a log that grows too fast so many lines are read after each pause, and so many bytes of them at
# the least before the next one.
_END_LINES = 100_000
_LEAST = 1 << 20


class _TooFastError(Exception):
    """More came than the pace allows: the run is left alone for so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class SilentError(ClusterError):
    """Nothing came for too long: perhaps there is nothing, perhaps the connection is dead."""


@dataclass
class Following:
    """What whoever follows and whoever knows the container tell each other.

    Attributes:
        ending: set once the container has ended, or is being killed: the next end of the log is
            the last one.
        stop: set once nobody wants more, whatever there is.
        saw_end: whether the log was read to its end; set by ``ContainerLogs.follow``.
        is_too_fast: whether it grew faster than it is read; set there as well. From then on only
            its end is read after a break.
        is_overtaken: set by who reads the rest: no further connection is made for it.
    """

    ending: threading.Event
    stop: threading.Event
    saw_end: bool = False
    is_too_fast: bool = False
    is_overtaken: bool = False

    def pause(self, seconds: float) -> None:
        """Wait, but not past the moment in which the container's end becomes known."""
        (self.stop if self.ending.is_set() else self.ending).wait(seconds)


class ContainerLogs:
    """Reads the logs of one container name in the pods of one namespace. Thread-safe."""

    def __init__(
        self, api: KubernetesApi, pods_path: str, container: str, pace: LogPace | None = None
    ) -> None:
        """``pods_path`` is the API's path of the namespace's pods."""
        self._api = api
        self._pods_path = pods_path
        self._container = container
        self._pace = pace or LogPace()

    def read(self, pod: str, bookmark: str, *, only_end: bool = False) -> Iterator[Piece]:
        """Read what there is after ``bookmark`` (a piece's position as text; "": all), and end.

        Args:
            pod: its name.
            bookmark: where to begin.
            only_end: of a long log no more than the last lines, with a mark before them.

        Raises:
            NotFoundError: the pod is gone.
            ClusterError: no answer, or the connection broke; status 400: not started yet.
        """
        return self._connect(pod, Position.parse(bookmark), None, only_end=only_end)

    def follow(self, pod: str, bookmark: str, following: Following) -> Iterator[Piece]:
        """Read what there is after ``bookmark`` and what comes; connect again after any break.

        It ends when the pod is gone, or the log has ended after ``following.ending`` was set; and
        between two pieces after ``following.stop``. It raises nothing.
        """
        position, pause = Position.parse(bookmark), _Pause()
        patience = _Patience(self._pace.of_a_run())
        while not (following.stop.is_set() or following.is_overtaken):
            was_ending = following.ending.is_set()
            try:
                only_end = following.is_too_fast
                for piece in self._connect(pod, position, patience, only_end=only_end):
                    position = piece.position
                    pause.reset()
                    yield piece
                # An end is not yet the last word: at a rotation the kubelet may end with a file
                # half read. Only an end of what was asked for after the container's end is.
                following.saw_end = True
                if was_ending:
                    return
                pause.ended()
            except _TooFastError as error:
                _leave_alone(pod, following, error.seconds)
                continue
            except SilentError:
                patience.was_in_vain()
                continue
            except ClusterError as error:
                not_started = error.status == _NOT_STARTED
                if isinstance(error, NotFoundError) or (not_started and was_ending):
                    return
                following.saw_end = not_started
                if not not_started and pause.is_first:
                    log.warning("log broke off: connecting again", pod=pod, error=str(error))
            following.pause(pause.next())

    def _connect(
        self, pod: str, position: Position, patience: _Patience | None, *, only_end: bool
    ) -> Iterator[Piece]:
        """One connection, to its end. Without ``patience`` the log is not followed."""
        query = [("container", self._container), ("timestamps", "true")]
        if patience is not None:
            query.append(("follow", "true"))
        if (since := position.since()) is not None:
            told = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            query.append(("sinceTime", told))
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
                patience.came(len(chunk))
            piece = lines.feed(chunk)
            if piece is not None:
                yield piece
                taken += len(chunk)
            # What is new moves on before each pause, however much comes again after it.
            if patience is not None and taken > _LEAST and (wait := patience.pace.pause()):
                raise _TooFastError(wait)


def _leave_alone(pod: str, following: Following, seconds: float) -> None:
    """Let a log grow for a while; not at its end, of which there is no more than is read."""
    if not following.is_too_fast:
        log.warning("log grows faster than it is read: only its end is read now", pod=pod)
    following.is_too_fast = True
    if not following.ending.is_set():
        following.pause(seconds)


def stream_bytes(
    api: KubernetesApi, path: str, query: Query, silence_seconds: Callable[[], float]
) -> Iterator[bytes]:
    """Read an answer piece by piece as it comes, until the server ends it.

    Args:
        api: where to ask.
        path: what to ask for.
        query: and how.
        silence_seconds: asked before each piece: how long it may take to come.

    Raises:
        SilentError: it took longer.
        ClusterError: the call failed, or the connection broke.
    """
    call = f"GET {path}"
    try:
        # its own kind of answer: neither JSON nor short; see KubernetesApi.stream
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
        if error.reason == "ReadTimeoutError":  # not even a status: nothing was ever logged
            raise SilentError(call, 0, error.reason, error.message) from error
        raise


class _Patience:
    """How long a silence is borne, in seconds; and how much is borne at once."""

    def __init__(self, pace: RunPace) -> None:
        self.pace = pace
        self.seconds = _SILENCE_SECONDS[0]
        self._carried = 0

    def came(self, count: int) -> None:
        """So many bytes came."""
        self.pace.came(count)
        self._carried += count
        if self._carried > _MUCH:
            self.seconds = _SILENCE_SECONDS[0]

    def was_in_vain(self) -> None:
        """A silence was borne to its end."""
        if self._carried <= _MUCH:
            self.seconds = min(2 * self.seconds, _SILENCE_SECONDS[1])
        self._carried = 0


class _Pause:
    """Growing pauses between connections that bring nothing, in seconds."""

    def __init__(self) -> None:
        self._seconds = 0.0

    @property
    def is_first(self) -> bool:
        """Whether something came on the connection before."""
        return self._seconds == 0.0

    def reset(self) -> None:
        """Something came."""
        self._seconds = 0.0

    def ended(self) -> None:
        """The log ended: mostly with its container, of which the pod tells a moment later."""
        self._seconds = max(self._seconds, 2 * _PAUSE_SECONDS[0])

    def next(self) -> float:
        """How long to wait now."""
        first, longest = _PAUSE_SECONDS
        self._seconds = min(max(first, 2 * self._seconds), longest)
        return self._seconds
