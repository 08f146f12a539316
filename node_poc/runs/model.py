"""The core's model of a run: the request, Kubernetes' observations, its state, its result.

Nothing here knows a server's protocol: an adapter in ``protocol/`` turns its messages into a
``RunSpec`` and a ``RunResult`` back into its own words. All times are seconds since the epoch, UTC.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from node_poc.runs.status import RunStatus


class MountSource(StrEnum):
    """Where the content of a mount is stored."""

    RUN = "run"  # a file or folder of this run alone: <task_dir>/<run_id>/<name>
    SHARED = "shared"  # a folder that several runs share: <task_dir>/tmp/<name>
    DATABASE = "database"  # a database of the node's configuration; name is its label


class Egress(StrEnum):
    """The network that an algorithm pod may reach: a pod label, selected by a NetworkPolicy."""

    PROXY = "proxy"


@dataclass(frozen=True)
class Mount:
    """A mount of the algorithm: ``source``/``name`` at ``path`` in its container."""

    source: MountSource
    name: str
    path: str
    read_only: bool = True
    is_folder: bool = False


@dataclass(frozen=True)
class RunFile:
    """A file that the node writes into the run's folder before the start; may hold a secret.

    Attributes:
        sha256: the hexadecimal digest of the content; identifies the file after a restart as well.
        writable: whether the algorithm may write to the file.
        content: None once the file is on disk, and after a restart.
    """

    name: str
    sha256: str
    writable: bool = False
    content: bytes | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, name: str, content: bytes, *, writable: bool = False) -> RunFile:
        """Return a file that the node has yet to write."""
        return cls(name, hashlib.sha256(content).hexdigest(), writable, content)


@dataclass(frozen=True)
class RunSpec:
    """One requested run, the same for every server.

    Attributes:
        secrets: more environment variables, as (name, key): the site keeps each value under its key
            in a Secret of the node, which the pod reads and the node does not.
        files: files in the run's folder.
        services: labels of the databases that the run reaches over the network, including mounted
            files that name a database of the network.
        result_file: the one of ``files`` that holds the result of an ended run; None without a
            single result file.
        origin: facts that the server's adapter needs at the end; the core only keeps them.
    """

    run_id: int
    image: str
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    files: tuple[RunFile, ...] = ()
    mounts: tuple[Mount, ...] = ()
    services: tuple[str, ...] = ()
    egress: Egress = Egress.PROXY
    output_folder: str = "output"
    result_file: str | None = None
    origin: tuple[tuple[str, str], ...] = ()

    @property
    def databases(self) -> tuple[str, ...]:
        """Labels of the databases: those mounted, then those only reached over the network."""
        mounted = tuple(m.name for m in self.mounts if m.source is MountSource.DATABASE)
        return mounted + tuple(label for label in self.services if label not in mounted)

    @property
    def volumes(self) -> tuple[str, ...]:
        """Names of the folders that this run shares with others."""
        return tuple(m.name for m in self.mounts if m.source is MountSource.SHARED)

    def without_contents(self) -> RunSpec:
        """Return this run without its files' content, once on disk: it may be large or secret."""
        return replace(self, files=tuple(replace(file, content=None) for file in self.files))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object for ``from_json``, without the files' contents."""
        data = asdict(self.without_contents())
        for file in data["files"]:
            del file["content"]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RunSpec:
        """Return the inverse of ``to_json``. Raise KeyError, TypeError or ValueError otherwise."""
        mounts = tuple(
            Mount(**{**mount, "source": MountSource(mount["source"])}) for mount in data["mounts"]
        )
        return cls(
            run_id=int(data["run_id"]),
            image=data["image"],
            arguments=tuple(data["arguments"]),
            environment=tuple((name, value) for name, value in data["environment"]),
            secrets=tuple((name, key) for name, key in data.get("secrets", ())),
            files=tuple(RunFile(**file) for file in data["files"]),
            mounts=mounts,
            services=tuple(data.get("services", ())),
            egress=Egress(data["egress"]),
            output_folder=data["output_folder"],
            result_file=data["result_file"],
            origin=tuple((name, value) for name, value in data["origin"]),
        )

    def digest(self) -> str:
        """Return the SHA-256 of the content, equal for equal requests with one ``run_id``."""
        text = json.dumps(self.to_json(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Failure:
    """Why a run does not proceed, or did not complete, as data.

    ``cause``, ``detail`` and ``advice`` go to the researcher and reveal no internals of the data
    station.

    Attributes:
        cause: a stable word for programs.
        detail: the cause in plain words.
        advice: the remedy.
        site_detail: Kubernetes' own message with its names and addresses: for the site only.
    """

    cause: str
    detail: str
    advice: str
    site_detail: str = ""


def failure_fields(failure: Failure | None) -> dict[str, str | None]:
    """Return a failure's fields for the researcher, for a JSON object; null without a failure."""
    if failure is None:
        return {"cause": None, "detail": None, "advice": None}
    return {"cause": failure.cause, "detail": failure.detail, "advice": failure.advice}


class Stage(StrEnum):
    """How far the node is with a run."""

    QUEUED = "queued"  # written to disk; waits for its turn
    ACCEPTED = "accepted"  # written to disk; the node is creating the Job
    CREATED = "created"  # the Job exists in Kubernetes
    COLLECTING = "collecting"  # ended; the node is reading log and output
    FINISHED = "finished"  # the result is on disk, and the server has not acknowledged it


@dataclass(frozen=True)
class Wait:
    """The reason and the limits of a pod's wait. Times are monotonic seconds.

    Attributes:
        failure: the run's failure if the wait is too long.
        since: when the wait started.
        until: when the wait is too long; None: never.
        status: the run's status if the wait is too long.
        by_events: whether Events, and not a status, showed the reason.
        look_at: when the node reads Events next, for the reason of the wait.
        looks: how often the node has read Events.
    """

    failure: Failure
    since: float
    until: float | None
    status: RunStatus
    by_events: bool = False
    look_at: float = math.inf
    looks: int = 0


@dataclass(frozen=True)
class Run:
    """One run as the engine knows it. Only ``lifecycle.decide`` makes the next state."""

    run_id: int
    digest: str
    received_at: float
    stage: Stage = Stage.ACCEPTED
    status: RunStatus = RunStatus.PENDING
    job_created_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    pod_name: str = ""
    exit_code: int | None = None
    failure: Failure | None = None
    waiting: Wait | None = None
    kill_requested: bool = False
    stopping: bool = False  # this process has asked for the Job's deletion
    job_succeeded: bool = False
    excess: Failure | None = None  # the run exceeds a limit, and the node deletes its Job

    @property
    def has_ended(self) -> bool:
        """Whether no observation can change the run any more."""
        return self.stage in {Stage.COLLECTING, Stage.FINISHED}

    @property
    def is_starting(self) -> bool:
        """Whether the Job exists, and its container has not been observed yet."""
        return self.stage is Stage.CREATED and self.status is not RunStatus.ACTIVE


@dataclass(frozen=True)
class OutputFile:
    """A regular file left by the algorithm: path below the output folder, size in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class RunResult:
    """The result of an ended run, for the server."""

    run_id: int
    status: RunStatus
    exit_code: int | None
    log: str
    log_truncated: bool
    output: tuple[OutputFile, ...]
    output_truncated: bool
    failure: Failure | None
    received_at: float
    job_created_at: float | None
    started_at: float | None
    ended_at: float | None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object from which ``from_json`` makes an equal RunResult."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RunResult:
        """Return the inverse of ``to_json``. Raise KeyError, TypeError or ValueError otherwise."""
        failure = data["failure"]
        changed = {
            "status": RunStatus(data["status"]),
            "output": tuple(OutputFile(**item) for item in data["output"]),
            "failure": Failure(**failure) if failure else None,
        }
        return cls(**{**data, **changed})
