"""What the core knows of a run: the request, what Kubernetes shows of it, its state, its result.

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
    """Where the content of a mount lies."""

    RUN = "run"  # a file or folder of this run alone: <task_dir>/<run_id>/<name>
    SHARED = "shared"  # a folder that several runs share: <task_dir>/tmp/<name>
    DATABASE = "database"  # a database of the node's configuration; name is its label


class Egress(StrEnum):
    """Which network an algorithm pod may reach; each value is a pod label that a policy selects."""

    PROXY = "proxy"


@dataclass(frozen=True)
class Mount:
    """One thing that the algorithm sees: ``source``/``name`` at ``path`` in its container."""

    source: MountSource
    name: str
    path: str
    read_only: bool = True
    is_folder: bool = False


@dataclass(frozen=True)
class RunFile:
    """A file written into the run's folder before it starts. Its content may be a secret.

    ``content`` is there until the file is written; after that, and after a restart, the disk has it
    and ``sha256`` (hexadecimal) still says which it was. ``writable``: by the algorithm.
    """

    name: str
    sha256: str
    writable: bool = False
    content: bytes | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, name: str, content: bytes, *, writable: bool = False) -> RunFile:
        """A file that is still to be written."""
        return cls(name, hashlib.sha256(content).hexdigest(), writable, content)


@dataclass(frozen=True)
class RunSpec:
    """One run as asked for, whoever asked.

    ``files`` lie in the run's folder; ``result_file`` is the one of them that holds the result when
    the run has ended, if it is a single file. ``origin`` are facts of the server's adapter that it
    needs at the end; the core only keeps them.

    ``secrets`` are more variables, as (name, key): the site keeps each value under its key in a
    Secret of the node, which the pod reads and the node does not. ``services`` are labels of
    databases that are reached over the network, or are mounted and name what is.
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
        """Labels of the databases this run asks for: those mounted, then those only reached."""
        mounted = tuple(m.name for m in self.mounts if m.source is MountSource.DATABASE)
        return mounted + tuple(label for label in self.services if label not in mounted)

    @property
    def volumes(self) -> tuple[str, ...]:
        """Names of the folders that this run shares with others."""
        return tuple(m.name for m in self.mounts if m.source is MountSource.SHARED)

    def without_contents(self) -> RunSpec:
        """The same run when its files are on the disk: they may be large, and secret."""
        return replace(self, files=tuple(replace(file, content=None) for file in self.files))

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which ``from_json`` makes an equal RunSpec; no file's content."""
        data = asdict(self.without_contents())
        for file in data["files"]:
            del file["content"]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RunSpec:
        """The inverse of ``to_json``. Raises KeyError, TypeError or ValueError on other input."""
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
        """SHA-256 of the content: two requests with one run_id are the same if these are equal."""
        text = json.dumps(self.to_json(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Failure:
    """Why a run does not go on, or did not complete, as data.

    ``cause`` is a stable word for programs, ``detail`` says it in plain words and ``advice`` what
    to do; these three go to the researcher and tell nothing of the data station's insides.
    ``site_detail`` is what Kubernetes said, with its names and addresses: for the site only.
    """

    cause: str
    detail: str
    advice: str
    site_detail: str = ""


class Stage(StrEnum):
    """How far the node itself is with a run."""

    QUEUED = "queued"  # written to disk; waits for its turn
    ACCEPTED = "accepted"  # written to disk; the Job is being made
    CREATED = "created"  # Kubernetes has the Job
    COLLECTING = "collecting"  # ended; log and output are being read
    FINISHED = "finished"  # the result is on disk, not yet acknowledged by the server


@dataclass(frozen=True)
class Wait:
    """What a pod waits in. ``since`` and ``until`` are monotonic seconds.

    ``until`` None: it is waited for without end. ``status`` and ``failure`` are the run's when it
    has lasted too long. ``look_at``: when Kubernetes' Events are asked for the reason; they have
    been ``looks`` times. ``by_events``: they told this one.
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
    """One run as the engine knows it. Only ``lifecycle.decide`` makes the next one."""

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
    stopping: bool = False  # this process has had its Job removed
    job_succeeded: bool = False
    excess: Failure | None = None  # it takes more than it may, and its Job is removed for that

    @property
    def has_ended(self) -> bool:
        """Whether nothing that is seen can change it any more."""
        return self.stage in {Stage.COLLECTING, Stage.FINISHED}

    @property
    def is_starting(self) -> bool:
        """Whether Kubernetes has its Job, and its container was not seen yet."""
        return self.stage is Stage.CREATED and self.status is not RunStatus.ACTIVE


@dataclass(frozen=True)
class OutputFile:
    """A regular file that the algorithm left: path below the output folder, size in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class RunResult:
    """What goes back to the server at a run's end."""

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
        """A JSON object from which ``from_json`` makes an equal RunResult."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RunResult:
        """The inverse of ``to_json``. Raises KeyError, TypeError or ValueError on other input."""
        failure = data["failure"]
        changed = {
            "status": RunStatus(data["status"]),
            "output": tuple(OutputFile(**item) for item in data["output"]),
            "failure": Failure(**failure) if failure else None,
        }
        return cls(**{**data, **changed})
