"""Watches the disk while runs are active: how much each run takes, and how much is free.

A measurement of a run counts all that the run can write to on the node's disk: its output, its
result and its shared folder, which counts in full for each run that uses the folder. Large trees
are measured more rarely, to keep the cost to a small part of one processor whatever runs write.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from node_poc.config.model import NodeConfig
from node_poc.config.quantities import amount
from node_poc.manifests.volumes import sub_path
from node_poc.runs import diagnosis, ends
from node_poc.runs.model import Failure, RunSpec
from node_poc.storage.folders import task_dir_mounts
from node_poc.storage.records import Records, StorageError
from node_poc.storage.usage import DEPTH, Allowance, Usage, measure

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 2.0
_ROOM_SECONDS = 5.0
# The time limit for one measurement: of an active run, and of a run at its end.
_LOOK_MOST_SECONDS = 10.0
_END_SECONDS = 30.0
# A disk that hung may work again, and the second measurement finds more in the system's cache.
_END_TRIES = 2
# The pause after a measurement: its duration times ``_SHARE``, up to the maximum.
_SHARE = 20
_PAUSE_MOST_SECONDS = 60.0
# With fewer free inodes a file system counts as full; file systems without inodes report 0 in all.
_MIN_INODES = 10_000


class DiskWatch:
    """Watches the disk in one thread. Any thread may call ``follow``, ``forget`` and ``check``."""

    def __init__(
        self,
        config: NodeConfig,
        records: Records,
        on_excess: Callable[[int, Failure], None],
        on_shortage_changed: Callable[[Failure | None], None],
    ) -> None:
        """Create a watch; ``start`` starts its thread. The callbacks must not block.

        Args:
            config: the limits of a run, the space to keep free, and ``task_dir``.
            records: the records of the runs in ``task_dir``.
            on_excess: called with the id of a run above its limit, and the failure of the run.
            on_shortage_changed: called with a shortage when it begins, and with None at its end.
        """
        self._on_excess = on_excess
        self._on_shortage_changed = on_shortage_changed
        limits, storage = config.kubernetes.limits, config.kubernetes.storage
        self._limits = limits
        self._allowed = Allowance(_bytes(limits.output_size), limits.output_files)
        self._min_free = storage.min_free
        self._task_dir = Path(config.task_dir)
        self._records = records
        self._due: dict[int, float] = {}
        self._lock = threading.Lock()
        self._room_due = 0.0
        self._stopped = threading.Event()
        self._wake = threading.Event()  # set for a new run, and to stop
        self._thread = threading.Thread(target=self._run, name="disk watch", daemon=True)
        self._shortage: Failure | None = None

    @property
    def shortage(self) -> Failure | None:
        """The reason why no run may start now; None if the disk has enough space."""
        return self._shortage

    def start(self) -> None:
        """Measure the free space, then start the thread; ``shortage`` is valid on return."""
        self._check_free_space()
        self._thread.start()

    def stop(self) -> None:
        """Tell the thread to stop."""
        self._stopped.set()
        self._wake.set()

    def follow(self, run_id: int) -> None:
        """Measure a run repeatedly, first after ``_LOOK_SECONDS``: short runs need no measurement.

        Repeated calls are harmless.
        """
        if not self._allowed.is_unlimited:
            with self._lock:
                self._due.setdefault(run_id, time.monotonic() + _LOOK_SECONDS)
            self._wake.set()

    def forget(self, run_id: int) -> None:
        """Stop measuring a run."""
        with self._lock:
            self._due.pop(run_id, None)

    def check_at_end(self, spec: RunSpec) -> Failure | None:
        """Measure an ended run; return its failure if above the limit, or not measured in time."""
        for _ in range(_END_TRIES):
            usage = self._measure(spec, _END_SECONDS)
            if usage.whole:
                break
        return (
            None
            if usage.whole and not self._allowed.is_exceeded_by(usage)
            else self._failure(usage)
        )

    def check(self, spec: RunSpec, seconds: float) -> Failure | None:
        """Measure an active run for at most ``seconds``; return its failure if above the limit.

        Later measurements, and the measurement at the run's end, follow an incomplete one.
        """
        usage = self._measure(spec, seconds)
        return self._failure(usage) if self._allowed.is_exceeded_by(usage) else None

    def _measure(self, spec: RunSpec, seconds: float) -> Usage:
        writable = (mount for mount in task_dir_mounts(spec) if not mount.read_only)
        paths = [self._task_dir / sub_path(mount, spec.run_id) for mount in writable]
        usage = measure(paths, self._allowed, seconds)
        if not usage.whole:
            log.warning("output not counted to its end", run_id=spec.run_id, files=usage.files)
        return usage

    def _failure(self, usage: Usage) -> Failure:
        return ends.disk_limit_exceeded(self._excess_detail(usage))

    def _excess_detail(self, usage: Usage) -> str:
        limits = self._limits
        allowed = (
            f"kubernetes.limits.output_size is {limits.output_size or 'not set'}, "
            f"kubernetes.limits.output_files {limits.output_files or 'not set'}"
        )
        if usage.too_deep:
            return f"its folders lie more than {DEPTH} deep, which is not counted; {allowed}"
        if not usage.whole:
            return (
                f"{usage.files} files and folders, and more, were not counted within "
                f"{_END_SECONDS:.0f} s, {_END_TRIES} times; {allowed}"
            )
        return (
            f"output, result and shared folder take at least {usage.size} bytes of the disk in "
            f"{usage.files} files and folders; {allowed}"
        )

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(self._pause())
            self._wake.clear()
            try:
                self._look()
            except Exception:  # without this thread, runs could fill the disk
                log.exception("disk not looked at")
                self._stopped.wait(_ROOM_SECONDS)

    def _pause(self) -> float:
        with self._lock:
            due = min([self._room_due, *self._due.values()])
        return max(0.0, due - time.monotonic())

    def _look(self) -> None:
        if self._room_due <= time.monotonic():
            self._check_free_space()
        with self._lock:
            first = min(self._due, key=lambda run_id: self._due[run_id], default=None)
            if first is None or self._due[first] > time.monotonic():
                return
        took = self._look_at(first)
        self._stopped.wait(took)  # measuring takes at most half of one processor's time

    def _look_at(self, run_id: int) -> float:
        """Measure one run; return the duration in seconds."""
        began = time.monotonic()
        failure = None
        try:
            record = self._records.read_run(run_id)
            if record is not None:
                failure = self.check(record.spec, _LOOK_MOST_SECONDS)
        except StorageError as error:
            log.warning("output not counted", run_id=run_id, error=str(error))
        finally:  # whatever was wrong with this run, the others have their turns
            took = time.monotonic() - began
            with self._lock:
                if run_id in self._due:
                    pause = min(_PAUSE_MOST_SECONDS, max(_LOOK_SECONDS, took * _SHARE))
                    self._due[run_id] = time.monotonic() + pause
        if failure is not None:
            self.forget(run_id)
            self._on_excess(run_id, failure)
        return took

    def _check_free_space(self) -> None:
        self._room_due = time.monotonic() + _ROOM_SECONDS
        before, self._shortage = self._shortage, self._find_shortage()
        if (before is None) != (self._shortage is None):
            tell = log.info if self._shortage is None else log.warning
            site = "" if self._shortage is None else self._shortage.site_detail
            tell("the disk has room again" if not site else "no run is started", why=site)
            self._on_shortage_changed(self._shortage)

    def _find_shortage(self) -> Failure | None:
        if self._min_free is None:
            return None
        try:
            found = os.statvfs(self._task_dir)
        except OSError as error:
            return diagnosis.no_disk_space(f"task_dir cannot be looked at: {error.strerror}")
        free, wanted = found.f_bavail * found.f_frsize, amount(self._min_free)
        if free < wanted:
            free_space = f"task_dir has {free // 2**20} MiB free"
            return diagnosis.no_disk_space(
                f"{free_space}; kubernetes.storage.min_free is {self._min_free}"
            )
        if found.f_files and found.f_favail < _MIN_INODES:
            return diagnosis.no_disk_space(f"task_dir has {found.f_favail} inodes free")
        return None


def _bytes(quantity: str | None) -> int | None:
    return None if quantity is None else int(amount(quantity))
