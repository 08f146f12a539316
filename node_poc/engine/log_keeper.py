"""Follows the log of each active run and keeps the log in the run's folder, each line once.

Each active run has a follower, a thread of its own. The follower writes to disk at once, so memory
does not grow with logs, and a node that was killed continues each log where it stopped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog

from node_poc.cluster.errors import ClusterError, NotFoundError
from node_poc.cluster.log_lines import Piece
from node_poc.cluster.logs import Following
from node_poc.storage.records import StorageError
from node_poc.storage.run_log import RunLog

log = structlog.get_logger(__name__)

_SAVE_SECONDS = 0.5
_AGAIN_SECONDS = 5.0
# The kubelet may have rotated a log of this many bytes. Then wait for the follower, which still
# reads the old file; a new reader would get the current file only.
_MUCH = 256 * 1024
# The kubelet's reader notices a container's end within a second; after this silence it hangs.
_HANGS_SECONDS = 3.0
_PAUSE_SECONDS = 0.2


class LogSource(Protocol):
    """The source of container logs; see ``cluster.logs.ContainerLogs``."""

    def read(self, pod: str, bookmark: str, *, only_end: bool = False) -> Iterator[Piece]:
        """Yield the log after ``bookmark``, or only its last lines. Raises ClusterError."""
        ...

    def follow(self, pod: str, bookmark: str, following: Following) -> Iterator[Piece]:
        """Yield the log after ``bookmark``, and go on while the log grows."""
        ...


class LogKeeper:
    """Follows and keeps the logs of runs, in one thread per active run. Thread-safe."""

    def __init__(
        self,
        source: LogSource,
        folder_of: Callable[[int], Path],
        head_bytes: int,
        tail_bytes: int,
    ) -> None:
        """Create a keeper without threads; the first log starts them.

        Args:
            source: reads the logs of containers.
            folder_of: returns a run's own folder, which must exist before the run is followed.
            head_bytes: the number of bytes to keep of the start of a log.
            tail_bytes: the number of bytes to keep of the end of a log.
        """
        self._source = source
        self._folder_of = folder_of
        self._head_bytes = head_bytes
        self._tail_bytes = tail_bytes
        self._lock = threading.Lock()
        self._kept: dict[int, _KeptLog] = {}
        self._stopped = threading.Event()
        self._saver: threading.Thread | None = None

    def follow(self, run_id: int, pod_name: str) -> None:
        """Follow a run's log from now on. Return at once; repeated calls are harmless."""
        self._get(run_id, pod_name).start()

    def complete(self, run_id: int, pod_name: str, within_seconds: float) -> bool:
        """Write the rest of an ended container's log to the run's folder, and close the log.

        Args:
            run_id: the run.
            pod_name: the run's pod.
            within_seconds: the time limit for reading the rest.

        Returns:
            True if the log was read to its end; False if a part is missing, because the pod was
            gone before or the API refuses the log.

        Raises:
            ClusterError: the log cannot be read now. Call again, or call ``give_up``.
            StorageError: the log cannot be written. Call again.
        """
        kept = self._get(run_id, pod_name)
        whole = kept.complete(time.monotonic() + within_seconds)
        self._forget(run_id)
        return whole

    def give_up(self, run_id: int, pod_name: str) -> None:
        """Close a run's log with the part already on disk. Raises StorageError."""
        self._get(run_id, pod_name).close()
        self._forget(run_id)

    def stop(self) -> None:
        """Stop reading all logs; the node's next start continues each log where it stopped."""
        self._stopped.set()
        with self._lock:
            kept_logs = list(self._kept.values())
        for kept in kept_logs:
            kept.stop()

    def _get(self, run_id: int, pod_name: str) -> _KeptLog:
        with self._lock:
            if self._saver is None:
                self._saver = threading.Thread(target=self._save, name="log saver", daemon=True)
                self._saver.start()
            kept = self._kept.get(run_id)
            if kept is None:
                kept = _KeptLog(run_id, pod_name, self._source, partial(self._open, run_id))
                self._kept[run_id] = kept
            if self._stopped.is_set():
                kept.following.stop.set()
            return kept

    def _open(self, run_id: int) -> RunLog:
        return RunLog(self._folder_of(run_id), self._head_bytes, self._tail_bytes)

    def _forget(self, run_id: int) -> None:
        with self._lock:
            self._kept.pop(run_id, None)

    def _save(self) -> None:
        while not self._stopped.wait(_SAVE_SECONDS):
            with self._lock:
                kept_logs = list(self._kept.items())
                if not kept_logs:
                    self._saver = None  # the next log starts another
                    return
            for run_id, kept in kept_logs:
                kept.save()
                if kept.is_closed:  # ``follow`` or ``complete`` was called after the log's end
                    self._forget(run_id)


class _KeptLog:
    """One run's log and its follower."""

    def __init__(
        self, run_id: int, pod_name: str, source: LogSource, open_log: Callable[[], RunLog]
    ) -> None:
        self._run_id = run_id
        self._pod_name = pod_name
        self._source = source
        self._open_log = open_log
        self.following = Following(threading.Event(), threading.Event())
        self._lock = threading.Lock()  # held while the log is touched
        self._start_lock = threading.Lock()  # separate: ``complete`` holds ``_lock`` for long
        self._log: RunLog | None = None
        self._thread: threading.Thread | None = None
        self._overtaken = False  # ``complete`` has read further: drop the follower's pieces
        self._carried = 0
        self._moved_at = time.monotonic()

    def start(self) -> None:
        """Start the follower, once."""
        with self._start_lock:
            if self._thread is None and not self.following.stop.is_set():
                name = f"log of run {self._run_id}"
                self._thread = threading.Thread(target=self._follow, name=name, daemon=True)
                self._thread.start()

    @property
    def is_closed(self) -> bool:
        """Whether the log is closed."""
        return self._log is not None and self._log.is_closed

    def save(self) -> None:
        """Save the log read so far, unless the log is busy: the saver comes back soon."""
        if not self._lock.acquire(timeout=0.05):
            return
        try:
            if self._log is not None:
                self._log.save()
        except StorageError as error:
            log.warning("log not saved", run_id=self._run_id, error=str(error))
        finally:
            self._lock.release()

    def stop(self) -> None:
        """Save the log read so far, and stop reading."""
        self.following.stop.set()
        self.save()

    def close(self) -> None:
        """Close the log with the part already on disk. Raises StorageError."""
        with self._lock:
            self._opened().close(whole=False)
            self.following.stop.set()

    def complete(self, until: float) -> bool:
        """Read the rest until ``until`` (monotonic), and close. See ``LogKeeper.complete``."""
        waits = self._carried > _MUCH
        self.following.is_overtaken = not waits
        self.following.ending.set()
        if waits and self._await_follower(until):
            _check_time(until)
        whole = self._read_rest(until)
        if whole is None:  # the pod is gone, but a follower may still have the log open
            self._await_follower(until)
        with self._lock:
            kept = self._opened()
            if not kept.is_closed:
                saw_end = self.following.saw_end
                kept.close(whole=saw_end if whole is None else whole)
            self.following.stop.set()
            return kept.whole

    def _opened(self) -> RunLog:
        self._log = self._log or self._open_log()
        return self._log

    def _follow(self) -> None:
        stop = self.following.stop
        while not stop.is_set():
            try:
                self._take_all()
                return
            except StorageError as error:
                log.warning("log not kept: tried again", run_id=self._run_id, error=str(error))
            except Exception:  # whatever the error, reading continues at the last position
                log.exception("log not followed: tried again", run_id=self._run_id)
            if self.following.ending.is_set():
                return  # ``complete`` reads the rest, and reports its errors
            self.following.pause(_AGAIN_SECONDS)

    def _take_all(self) -> None:
        with self._lock:
            kept = self._opened()
            bookmark, is_closed = kept.bookmark, kept.is_closed
        if is_closed or self._overtaken:
            return
        for piece in self._source.follow(self._pod_name, bookmark, self.following):
            with self._lock:
                if self.following.stop.is_set() or self._overtaken or kept.is_closed:
                    return
                kept.append(piece.data, piece.position)
                self._carried += len(piece.data)
                self._moved_at = time.monotonic()

    def _await_follower(self, until: float) -> bool:
        """Wait for the follower's end; return whether the follower still reads at ``until``."""
        thread, began = self._thread, time.monotonic()
        while thread is not None and thread.is_alive():
            now = time.monotonic()
            if now - max(began, self._moved_at) > _HANGS_SECONDS:
                return False
            if now > until:
                return True
            thread.join(_PAUSE_SECONDS)
        return False

    def _read_rest(self, until: float) -> bool | None:
        """Read what the follower left; return True if complete, None if the pod is gone."""
        while True:
            try:
                with self._lock:
                    self._read_once(self._opened(), until)
                return True
            except NotFoundError:
                return None
            except ClusterError as error:
                if error.status == 400:  # the container never started, and has no log
                    return True
                if not error.is_transient:
                    log.warning("log not readable", run_id=self._run_id, error=str(error))
                    return False
                if time.monotonic() + _PAUSE_SECONDS > until:
                    raise
            time.sleep(_PAUSE_SECONDS)

    def _read_once(self, kept: RunLog, until: float) -> None:
        if kept.is_closed:
            return
        only_end = self.following.is_too_fast
        for piece in self._source.read(self._pod_name, kept.bookmark, only_end=only_end):
            self._overtaken = True
            kept.append(piece.data, piece.position)
            _check_time(until)


def _check_time(until: float) -> None:
    if time.monotonic() > until:
        raise ClusterError("GET log", 0, "Timeout", "it is longer than the time given")
