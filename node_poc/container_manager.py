"""The DockerManager's verbs, on Kubernetes. Each delegates; what to do when is decided elsewhere.

A Docker container became a Job, a Docker volume a folder under ``task_dir``. Where a verb differs
from vantage6's ``DockerManager`` (``vantage6.node.docker.docker_manager``, 4.x), its docstring
says how.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import structlog

from node_poc import __version__
from node_poc.config.databases import DatabaseType
from node_poc.config.model import NodeConfig
from node_poc.engine.messages import Message
from node_poc.engine.queries import ENGINE_SECONDS, RunControl
from node_poc.engine.run_work import RunWork
from node_poc.manifests.pull_secret import pull_secret_names
from node_poc.manifests.tables import VARIABLE
from node_poc.runs.docker_terms import PARENT_ID, TASK_ID, KilledRun, Result, ToBeKilled, number_in
from node_poc.runs.model import RunSpec
from node_poc.runs.policies import basics_refused, image_allowed
from node_poc.runs.ports import Answer, QueryError, Submission
from node_poc.runs.status import RunStatus
from node_poc.storage.columns import read_columns
from node_poc.storage.columns_file import columns_of
from node_poc.storage.past import PastRecords
from node_poc.storage.records import Records

log = structlog.get_logger(__name__)

_RESULT_BYTES = 512 * 1024 * 1024


class ContainerManager(RunControl):
    """What a server's adapter calls. Thread-safe; nothing here changes a run but by a message.

    The verbs a DockerManager never had are ``RunControl``'s: ``list_runs`` and ``status`` tell the
    state of all runs and of one, ``read_log`` reads a log while it grows.
    """

    def __init__(
        self,
        config: NodeConfig,
        work: RunWork,
        post: Callable[[Message], None],
        records: Records,
        past: PastRecords,
    ) -> None:
        """``post`` hands a message to the engine; ``work`` is what the engine lets do."""
        super().__init__(post, records, past)
        self._config = config
        self._work = work
        left = os.environ.get(VARIABLE)
        self._columns_file = Path(left) if left else None

    @property
    def version(self) -> str:
        """The node's version. A DockerManager's client tells the Docker daemon's."""
        return __version__

    def run(self, spec: RunSpec, owner: str = "") -> Answer:
        """Ask for a run, and wait for the engine's word: taken (written to disk) or refused.

        A DockerManager's ``run`` takes the run's id, image, token, databases and ``docker_input``
        one by one, with its ``task_info``, and returns a ``TaskStatus`` and the ports of its VPN.
        Here the server's adapter makes a ``RunSpec`` of them, and there is no VPN: what is returned
        says whether the run is taken, and its status or the reason why not.

        A DockerManager pulls the image and starts the container first, and so lets all other runs
        wait. Here the Job is made in its turn, and what becomes of it is told by statuses. The same
        run asked for again is the same run, also after its end; DockerManager knows only those that
        are running.

        Raises:
            TimeoutError: the engine is busy; the run may still be taken.
        """
        submission = Submission(spec, Future(), owner)
        self._post(submission)
        return submission.answer.result(ENGINE_SECONDS)

    def is_running(self, run_id: int) -> bool:
        """Whether the run's container is running now: not waiting, not ended.

        A DockerManager asks Docker; here it is what the watch has seen, without a call.
        """
        try:
            return self.status(run_id).run.status is RunStatus.ACTIVE
        except QueryError:
            return False

    def is_docker_image_allowed(self, image: str) -> bool:
        """Whether the node's policies let this image run.

        A DockerManager's has a second argument, ``task_info``: who asks for the task, and of which
        store its algorithm is. This one does without, so users, organizations and stores are not
        looked at here; the server's adapter does that before it calls ``run``.

        Only ``allowed_algorithms`` and the basics image are known here. A DockerManager also asks
        algorithm stores, and the registry for the digest of a tag.
        """
        policies = self._config.policies
        allowed = image_allowed(image, policies.allowed_algorithms)
        return allowed and basics_refused(image, policies) is None

    def get_result(self, run_id: int) -> Result | None:
        """What an ended run left; None while it has not ended.

        A DockerManager's waits until any container has ended, removes it and returns that one; what
        is not asked for in time is lost. This one is asked by run, waits for nothing, removes
        nothing, and answers as often as asked until the run's folder is removed.

        A DockerManager's ``logs`` are the whole log; here they are its last
        ``kubernetes.log_tail_kilobytes`` (64 by default). ``read_log`` has all that is kept.

        Raises:
            QueryError: no such run is known here, or its data cannot be read.
        """
        result = self.result(run_id)
        if result is None:
            return None
        spec = self.spec(run_id)
        data = b"" if spec.result_file is None else self.read_result(run_id, _RESULT_BYTES)
        origin = dict(spec.origin)
        return Result(
            run_id=run_id,
            task_id=number_in(origin, TASK_ID),
            logs=result.log,
            data=data,
            status=result.status,
            parent_id=number_in(origin, PARENT_ID),
        )

    def kill_tasks(
        self, org_id: int | None, kill_list: Sequence[ToBeKilled] | None = None
    ) -> list[KilledRun]:
        """Kill the runs of a list that are ours, or all runs if there is no list.

        A DockerManager takes an empty list for no list, and kills everything. Here it kills none.
        Queued runs are killed as well, and what a run has logged is kept: it ends in its own time,
        with a grace period, as a result with the status ``killed by user``.

        Args:
            org_id: only entries of this organization are ours; None: all are.
            kill_list: what is to be killed; None: every run that has not ended.

        Returns:
            the runs that end because of this. Ended and unknown ones are left out.
        """
        if kill_list is None:
            return self.cleanup_tasks()
        ours = [each for each in kill_list if org_id is None or each.organization_id == org_id]
        return self._kill_runs(tuple(each.run_id for each in ours))

    def cleanup_tasks(self) -> list[KilledRun]:
        """Kill every run that has not ended. As a DockerManager's, but with logs and results."""
        return self._kill_runs(None)

    def _kill_runs(self, run_ids: tuple[int, ...] | None) -> list[KilledRun]:
        killed = []
        for outcome in self.kill(run_ids):
            if outcome.outcome != "killed":
                log.warning("not killed", run_id=outcome.run_id, why=outcome.outcome)
                continue
            origin = self.origin(outcome.run_id)
            task_id, parent_id = number_in(origin, TASK_ID), number_in(origin, PARENT_ID)
            killed.append(KilledRun(outcome.run_id, task_id, parent_id))
        return killed

    def cleanup(self) -> None:
        """Let go of what the node holds, at its end: it reads on in no log.

        A DockerManager kills all runs and removes its network. Here runs go on, and the next start
        takes them up; the NetworkPolicies stay, they belong to the site.
        """
        self._work.let_go_of_logs()

    def create_volume(self, name: str) -> None:
        """Make the folder that runs of this name share, ``tmp/<name>``; one that is there is fine.

        A DockerManager makes a Docker volume, and never removes it. This one is removed when no run
        that used it is kept any more.

        Raises:
            StorageError: it cannot be made, or the name is none of a folder.
        """
        self._work.create_volume(name)

    def login_to_registries(self) -> list[str]:
        """Names of the Secrets by which Kubernetes logs in; each Job refers to them.

        A DockerManager logs in itself, with passwords from its configuration. This node holds no
        password and has no right on Secrets: a person makes the Secret, see
        ``manifests/pull_secret.py``. A wrong login shows when a run's image is refused.
        """
        return pull_secret_names(self._config)

    def get_column_names(self, label: str, type_: str) -> list[str]:
        """Names of a csv database's columns; an empty list for another type or label.

        A DockerManager reads csv and SPARQL. For Excel and Parquet this node would need libraries
        larger than itself, and the credentials of a service are for algorithms only. In a pod it
        sees no database: an init container has looked at the files (``manifests/tables.py``). The
        list is empty where a file cannot be read, or its first row may be a patient's.
        """
        database = self._config.database(label)
        if database is None or database.is_service or type_ != DatabaseType.CSV:
            return []
        if self._columns_file:
            columns = columns_of(self._columns_file, label)
        else:
            is_header = self._config.kubernetes.csv_header.get(label)
            columns = read_columns(Path(database.path), is_header)
        if columns.withheld:
            log.warning("no column names are told", database=label, reason=columns.withheld)
        return list(columns.names)
