"""The work for one run: its folders, its Job, its log, its result.

The engine decides on each step, and the threads of its pools call this module. All other callers
use ``container_manager.ContainerManager`` instead.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import structlog

from node_poc.cluster.errors import ClusterError
from node_poc.config.model import NodeConfig
from node_poc.engine.disk_watch import DiskWatch
from node_poc.engine.log_keeper import LogKeeper
from node_poc.engine.run_jobs import RunJobs
from node_poc.manifests.volumes import sub_path
from node_poc.runs import ends
from node_poc.runs.model import Failure, Run, RunResult, RunSpec
from node_poc.runs.status import RunStatus
from node_poc.storage.folders import make_run_folders, make_shared_folder, task_dir_mounts
from node_poc.storage.inputs import remove_inputs
from node_poc.storage.listing import list_once
from node_poc.storage.past import PastRecords
from node_poc.storage.records import Records, RunRecord
from node_poc.storage.run_log import RunLogReader

log = structlog.get_logger(__name__)

# The end of a log is available as soon as its container has ended; a slow cluster needs longer.
_LOG_SECONDS = 60.0
# The final statuses of runs whose container has run; other runs have written nothing.
_MAY_TAKE_TOO_MUCH = frozenset({RunStatus.COMPLETED, RunStatus.CRASHED, RunStatus.FAILED})


class RunWork:
    """Turns runs into Jobs, and their logs and output into results. Thread-safe."""

    def __init__(
        self,
        config: NodeConfig,
        jobs: RunJobs,
        records: Records,
        past: PastRecords,
        keeper: LogKeeper,
        disk: DiskWatch,
    ) -> None:
        """``jobs`` uses the namespace of ``config``, all other arguments its ``task_dir``."""
        self._config = config
        self.jobs = jobs
        self.notes = jobs.notes
        self._records = records
        self._past = past
        self._keeper = keeper
        self._disk = disk
        self._task_dir = Path(config.task_dir)

    def prepare(self, record: RunRecord) -> RunRecord:
        """Write a run's folders, files and record, which let the run survive a restart.

        Returns:
            the record without the contents of files, which are on disk now.

        Raises:
            StorageError: a file or folder could not be written; no Job was created.
        """
        spec = record.spec
        for name in spec.volumes:
            self.create_volume(name)
            self._past.use_volume(name, spec.run_id)
        mounts = {mount: sub_path(mount, spec.run_id) for mount in task_dir_mounts(spec)}
        make_run_folders(self._task_dir, spec, mounts)
        self._records.write_run(record)
        return replace(record, spec=spec.without_contents())

    def create_volume(self, name: str) -> None:
        """Make a folder that runs share, unless the folder exists. Raises StorageError."""
        make_shared_folder(self._task_dir, name)

    def update_record(self, record: RunRecord) -> None:
        """Write a run's current record to disk. Raises StorageError."""
        self._records.update_run(record)

    def collect(self, run: Run, spec: RunSpec, *, insist: bool = True) -> RunResult:
        """Write an ended run's result to disk, then remove the run's token and input only.

        With ``insist`` an unreadable log raises an error; otherwise the log in the result is cut.

        Raises:
            ClusterError: the log cannot be read now; call again.
            StorageError: the result, or its entry in the audit trail, could not be written.
        """
        text, truncated = self._keep_log(run, insist=insist)
        limit = self._config.kubernetes.output_files_listed
        folder = self._records.folder(run.run_id)
        output, more = list_once(folder, spec.output_folder, limit)
        status, failure = self._final_status(run, spec)
        result = RunResult(
            run_id=run.run_id,
            status=status,
            exit_code=run.exit_code,
            log=text,
            log_truncated=truncated,
            output=output,
            output_truncated=more,
            failure=failure,
            received_at=run.received_at,
            job_created_at=run.job_created_at,
            started_at=run.started_at,
            ended_at=run.ended_at or time.time(),
        )
        self.notes.ends(result, spec, folder)
        self._records.write_result(result)
        remove_inputs(folder, spec)
        return result

    def _final_status(self, run: Run, spec: RunSpec) -> tuple[RunStatus, Failure | None]:
        """Return how the run ended, after measuring how much of the disk the run took."""
        self._disk.forget(run.run_id)
        cause = run.failure.cause if run.failure else ""
        if run.status in _MAY_TAKE_TOO_MUCH and cause != "DiskLimitExceeded":
            passed = self._disk.check_at_end(spec)
            if passed is not None:
                return RunStatus.CRASHED, passed
        return run.status, run.failure

    def watch_container(self, run: Run) -> None:
        """Follow the run's log and measure its output from now on; return at once."""
        self._keeper.follow(run.run_id, run.pod_name)
        self._disk.follow(run.run_id)

    def stop_reading_logs(self) -> None:
        """Stop reading all logs; the node's next start continues each where it stopped."""
        self._keeper.stop()

    def _keep_log(self, run: Run, *, insist: bool) -> tuple[str, bool]:
        """Read the rest of the log; return its end as text, and whether the log has more.

        With ``insist``, an unreadable log raises an error. The caller insists for a limited time:
        if the log's machine is gone, a result without the end of its log is better than none.
        """
        whole = True
        if ends.is_lost(run.failure):
            self._keeper.give_up(run.run_id, run.pod_name)
            whole = False
        elif run.pod_name:
            try:
                whole = self._keeper.complete(run.run_id, run.pod_name, _LOG_SECONDS)
            except ClusterError as error:
                if insist:
                    raise
                log.warning("log given up", run_id=run.run_id, error=str(error))
                self._keeper.give_up(run.run_id, run.pod_name)
                whole = False
        limit = self._config.kubernetes.log_tail_kilobytes * 1024
        tail, more = RunLogReader(self._records.folder(run.run_id)).tail(limit)
        return tail.decode("utf-8", "replace"), more or not whole

    def mark_job(self, run_id: int) -> None:
        """Mark the Job as delivered; Kubernetes removes the Job after ``keep_finished_seconds``.

        A Job whose container never ended is removed at once, because a pod could still start.

        Raises:
            ClusterError: the Job could not be marked; call again.
            StorageError: the result is not readable.
        """
        if self._records.is_open(run_id):
            return  # a new run has the id by now
        result = self._records.read_result(run_id)
        # A missing result means that the run's folder was removed while the cluster was away.
        never_ended = result.exit_code is None if result else not self._records.has_run(run_id)
        if never_ended:
            self.jobs.remove(run_id)
            return
        self.jobs.mark(run_id)
