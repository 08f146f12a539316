"""PURE: parse an item of vantage6's ``GET /run?include=task`` into a ``RunRequest``.

Other versions of the vantage6 server may send more or fewer fields: fields that the node does not
need are ignored. The needed fields are checked here and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from node_poc.config.explain import explain, shape_of
from node_poc.protocol.wire import MAX_RUN_ID, MessageError, id_or_none

_Id = Annotated[int, Field(ge=1, le=MAX_RUN_ID)]
_MAX_LABEL = 255
_MAX_DATABASES = 64
_MAX_IMAGE = 512
_MAX_TIME = 64
# Several parameters become variables of one container, and a Job must stay below etcd's 1.5 MiB.
_MAX_PARAMETERS = 256 * 1024


class RunRequestError(MessageError):
    """A listed run cannot be read. ``run_id`` is None if the run has none."""

    def __init__(self, reason: str, run_id: int | None = None) -> None:
        """``reason`` names field, rule and shape; the text is safe to send and to log."""
        super().__init__(reason)
        self.run_id = run_id


@dataclass(frozen=True)
class DatabaseRequest:
    """A database that a task requests; ``parameters`` are the values given beside the label."""

    label: str
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class RunRequest:
    """A run that a vantage6 server lists.

    ``input`` is the server's text: base64, encrypted or, with ``blob_storage_used``, a blob's name.
    A long input is left out (see ``rest.long_strings``) and has to be read separately.
    ``was_started`` tells that a node has reported the start of this run. ``created_at`` is the time
    when the server made the task, ``assigned_at`` the time when the server made the run: both in
    the server's format, or empty if the server sends no time.
    """

    run_id: int
    task_id: int
    job_id: int
    parent_id: int | None
    organization_id: int
    collaboration_id: int
    init_org_id: int
    init_user_id: int | None
    image: str
    store_id: int | None
    databases: tuple[DatabaseRequest, ...]
    input: str = field(repr=False)
    blob_storage_used: bool = False
    was_started: bool = False
    created_at: str = ""
    assigned_at: str = ""


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _Link(_Wire):
    """vantage6's reference to another resource; the reference's address is not used."""

    id: _Id


class _Database(_Wire):
    label: str = Field(min_length=1, max_length=_MAX_LABEL)
    parameters: dict[str, Any] = Field(default={}, repr=False)

    @field_validator("parameters", mode="before")
    @classmethod
    def _json_text(cls, value: object) -> object:
        """Parse the JSON text inside the JSON; null stands for a database without parameters."""
        if value is None or value == "":
            return {}
        if not isinstance(value, str):
            return value
        if len(value) > _MAX_PARAMETERS:
            raise ValueError(f"must not be longer than {_MAX_PARAMETERS} characters")
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError("must be a JSON object, as text") from None


class _Task(_Wire):
    id: _Id
    job_id: _Id
    image: str = Field(min_length=1, max_length=_MAX_IMAGE)
    parent: _Link | None = None
    collaboration: _Link
    init_org: _Link
    init_user: _Link | None = None
    algorithm_store: _Link | None = None
    databases: list[_Database] = Field(default=[], max_length=_MAX_DATABASES)
    created_at: str | None = None

    @field_validator("created_at", mode="before")
    @classmethod
    def _text_or_none(cls, value: object) -> object:
        return _time(value)

    @field_validator("databases", mode="before")
    @classmethod
    def _null_is_none(cls, value: object) -> object:
        return [] if value is None else value

    @field_validator("databases")
    @classmethod
    def _labels_differ(cls, value: list[_Database]) -> list[_Database]:
        # The names of a database's variables contain the label in capitals.
        if len({database.label.upper() for database in value}) < len(value):
            raise ValueError("must not name a database twice, not even in other letters' case")
        return value


class _Run(_Wire):
    id: _Id
    organization: _Link
    task: _Task
    input: str = Field(repr=False)
    blob_storage_used: bool | None = None
    assigned_at: str | None = None
    started_at: str | None = None

    @field_validator("assigned_at", mode="before")
    @classmethod
    def _text_or_none(cls, value: object) -> object:
        return _time(value)


def _time(value: object) -> str | None:
    """Return a time, or None: times are only compared, and no run is refused for a bad time."""
    return value if isinstance(value, str) and len(value) <= _MAX_TIME else None


def parse_run(item: object) -> RunRequest:
    """Parse a run of the list of open runs.

    Raises:
        RunRequestError: a needed field is missing or absurd. The error has the run's id, if the
            run has an id, for the report to the server.
    """
    if not isinstance(item, dict):
        raise RunRequestError(f"a run must be an object, but it is {shape_of(item)}")
    try:
        run = _Run(**{str(key): value for key, value in item.items()})
    except ValidationError as error:
        run_id = id_in(item)
        which = "a run" if run_id is None else f"run {run_id}"
        raise RunRequestError(f"{which}: {explain(error)}", run_id) from error
    return _request(run)


def _request(run: _Run) -> RunRequest:
    task = run.task
    databases = (DatabaseRequest(item.label, item.parameters) for item in task.databases)
    return RunRequest(
        run_id=run.id,
        task_id=task.id,
        job_id=task.job_id,
        parent_id=_id_of(task.parent),
        organization_id=run.organization.id,
        collaboration_id=task.collaboration.id,
        init_org_id=task.init_org.id,
        init_user_id=_id_of(task.init_user),
        image=task.image,
        store_id=_id_of(task.algorithm_store),
        databases=tuple(databases),
        input=run.input,
        blob_storage_used=bool(run.blob_storage_used),
        was_started=run.started_at is not None,
        created_at=task.created_at or "",
        assigned_at=run.assigned_at or "",
    )


def _id_of(link: _Link | None) -> int | None:
    return None if link is None else link.id


def id_in(item: object) -> int | None:
    """Return the id of an object that may break every rule; None without a valid id."""
    return id_or_none(item.get("id")) if isinstance(item, dict) else None
