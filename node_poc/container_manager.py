"""The facade of vantage6's DockerManager, for Kubernetes. Each method delegates to other modules.

A Job takes the place of a Docker container, a folder under ``task_dir`` the place of a Docker
volume. The docstrings name all differences from vantage6's ``DockerManager``
(``vantage6.node.docker.docker_manager``, 4.x).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

import structlog

from node_poc import __version__
from node_poc.config.databases import DatabaseType
from node_poc.config.model import NodeConfig
from node_poc.engine.messages import Kill, Message, Retire
from node_poc.engine.queries import ENGINE_SECONDS, RunQueries
from node_poc.engine.run_work import RunWork
from node_poc.manifests.pull_secret import pull_secret_names
from node_poc.manifests.tables import VARIABLE
from node_poc.runs.docker_terms import PARENT_ID, TASK_ID, KilledRun, Result, ToBeKilled, number_in
from node_poc.runs.model import RunSpec
from node_poc.runs.policies import basics_refused, image_allowed
from node_poc.runs.ports import NOTHING, Answer, KillOutcome, QueryError, Submission
from node_poc.runs.status import RunStatus
from node_poc.storage.columns import read_columns
from node_poc.storage.columns_file import columns_of
from node_poc.storage.past import PastRecords
from node_poc.storage.records import Records

log = structlog.get_logger(__name__)

_RESULT_BYTES = 512 * 1024 * 1024


class ContainerManager(RunQueries):
    """The node's interface for the server's adapter. Thread-safe; changes runs only by messages.

    The facade keeps the names of DockerManager's methods, also those that the node's adapters do
    not call: ``is_running``, ``get_result``, ``is_docker_image_allowed``, ``create_volume``.
    ``RunQueries`` adds questions that a DockerManager does not answer: ``list_runs`` and ``status``
    return the state of all runs and of a single run, ``read_log`` reads a log while the log grows.
    ``kill``, ``retire`` and ``note_refusal`` are new as well.
    """

    def __init__(
        self,
        config: NodeConfig,
        work: RunWork,
        post: Callable[[Message], None],
        records: Records,
        past: PastRecords,
    ) -> None:
        """``post`` hands a message to the engine; ``work`` is the engine's own ``RunWork``."""
        super().__init__(post, records, past)
        self._config = config
        self._work = work
        left = os.environ.get(VARIABLE)
        self._columns_file = Path(left) if left else None

    @property
    def version(self) -> str:
        """The node's version. A DockerManager returns the version of the Docker daemon."""
        return __version__

    def run(self, spec: RunSpec, owner: str = "") -> Answer:
        """Submit a run and wait for the engine's answer: accepted (written to disk) or refused.

        A DockerManager's ``run`` has separate arguments for the run's id, image, token, databases,
        ``docker_input`` and ``task_info``, and returns a ``TaskStatus`` and the ports of the VPN.
        Here the server's adapter builds a ``RunSpec`` from these values, and there is no VPN: the
        answer tells whether the run is accepted, and the run's status or the reason of a refusal.

        A DockerManager first pulls the image and starts the container, while all other runs wait.
        Here the engine creates the Job in its turn, and statuses report the further course. A
        repeated request refers to the same run, even after the run's end; a DockerManager knows
        running containers only.

        Raises:
            TimeoutError: the engine is busy; the run may still be accepted.
        """
        submission = Submission(spec, Future(), owner)
        self._post(submission)
        return submission.answer.result(ENGINE_SECONDS)

    def note_refusal(
        self,
        run_id: int | None,
        answer: Answer,
        *,
        image: str = "",
        origin: Mapping[str, str] = NOTHING,
        owner: str = "",
    ) -> None:
        """Note a refused run in the audit trail; see ``RefusalNotes``."""
        self._work.notes.refused(run_id, image, origin, owner, answer)

    def kill(self, run_ids: tuple[int, ...] | None) -> list[KillOutcome]:
        """Kill the given runs, or for None all that have not ended; return the outcomes."""
        wanted = Kill(run_ids, Future())
        self._post(wanted)
        return wanted.outcomes.result(ENGINE_SECONDS)

    def retire(self, run_id: int) -> bool:
        """Forget a run that is over, because the server gave its id to another run.

        Returns:
            True if all traces of the run are gone; False if some are left. Then call again later.
        """
        wish = Retire(run_id, Future())
        self._post(wish)
        return wish.done.result(ENGINE_SECONDS)

    def is_running(self, run_id: int) -> bool:
        """Whether the run's container is running now: not waiting, not ended.

        A DockerManager asks Docker; this node answers from the watch of pods, without a call.
        """
        try:
            return self.status(run_id).run.status is RunStatus.ACTIVE
        except QueryError:
            return False

    def is_docker_image_allowed(self, image: str) -> bool:
        """Whether the node's policies allow the image.

        A DockerManager's method has a second argument, ``task_info``: the task's user and
        organization, and the algorithm's store. Here users, organizations and stores are not
        checked; the server's adapter checks them before calling ``run``.

        The method checks only ``allowed_algorithms`` and the basics image. A DockerManager also
        asks algorithm stores, and asks the registry for the digest of a tag.
        """
        policies = self._config.policies
        allowed = image_allowed(image, policies.allowed_algorithms)
        return allowed and basics_refused(image, policies) is None

    def get_result(self, run_id: int) -> Result | None:
        """Return the result of an ended run, or None before the run's end.

        A DockerManager waits for the end of any container, removes the container and returns its
        result; a result not fetched in time is lost. This method has the run's id as argument,
        neither waits nor removes anything, and returns the result until the run's folder is
        removed.

        A DockerManager's ``logs`` hold the whole log; here ``logs`` hold the last
        ``kubernetes.log_tail_kilobytes`` (64 by default). ``read_log`` reads all that is kept.

        Raises:
            QueryError: the run is unknown, or its data cannot be read.
        """
        result = self.read_result(run_id)
        if result is None:
            return None
        spec = self.spec(run_id)
        data = b"" if spec.result_file is None else self.read_result_file(run_id, _RESULT_BYTES)
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
        """Kill the runs of one organization in a list, or all runs without a list.

        An empty list kills no run; a DockerManager treats an empty list as no list and kills all
        runs. Queued runs are killed as well. Each killed run keeps its log: the container gets a
        grace period, and the run ends with a result with the status ``killed by user``.

        Args:
            org_id: kill only entries of the list with this organization; None for all entries.
            kill_list: the runs to kill; None for every run that has not ended.

        Returns:
            the runs that end because of the call, without ended and unknown runs.
        """
        if kill_list is None:
            return self.cleanup_tasks()
        ours = [each for each in kill_list if org_id is None or each.organization_id == org_id]
        return self._kill_runs(tuple(each.run_id for each in ours))

    def cleanup_tasks(self) -> list[KilledRun]:
        """Kill every run that has not ended, as a DockerManager does; logs and results are kept."""
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
        """Stop reading all logs, at the node's end.

        A DockerManager kills all runs and removes its network. Here runs continue, and the node's
        next start adopts them; the NetworkPolicies stay, because they belong to the site.
        """
        self._work.stop_reading_logs()

    def create_volume(self, name: str) -> None:
        """Make the shared folder ``tmp/<name>`` for runs; an existing folder is no error.

        A DockerManager creates a Docker volume and never removes the volume. The janitor removes a
        shared folder after the folders of all runs that used the shared folder are removed.

        Raises:
            StorageError: the folder cannot be made, or ``name`` is no valid folder name.
        """
        self._work.create_volume(name)

    def login_to_registries(self) -> list[str]:
        """Return the names of the Secrets with logins to registries; each Job refers to them.

        A DockerManager logs in by itself, with passwords from its configuration. This node holds no
        password and has no right on Secrets: a person creates the Secret, see
        ``manifests/pull_secret.py``. A wrong login shows only when a registry refuses an image.
        """
        return pull_secret_names(self._config)

    def get_column_names(self, label: str, type_: str) -> list[str]:
        """Return the column names of a csv database; an empty list for other types and labels.

        A DockerManager reads csv and SPARQL. For Excel and Parquet this node would need libraries
        larger than the node itself, and only algorithms may use a service's credentials. In a pod
        the node sees no database: an init container has read the files (``manifests/tables.py``).
        The list is empty if a file cannot be read, or if its first row may be a patient's data.
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
