"""The node's configuration as it is after validation.

The file format is vantage6's node configuration (docs.vantage6.ai, "Configure" of the node), a
flat YAML document, with one more section ``kubernetes:`` for what a Docker node never had. Every
key of ours carries its unit in its name.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_DNS_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"


class Strict(BaseModel):
    """A section whose unknown keys are errors: a misspelt setting must not be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DatabaseType(StrEnum):
    """vantage6's database types (``vantage6.cli.configuration_manager``)."""

    CSV = "csv"
    PARQUET = "parquet"
    SQL = "sql"
    SPARQL = "sparql"
    EXCEL = "excel"
    OTHER = "other"
    OMOP = "omop"
    FOLDER = "folder"


class Database(Strict):
    """One entry of ``databases``: ``uri`` is a path on the data station."""

    label: str
    uri: str
    type: Annotated[DatabaseType, Field(strict=False)]

    @field_validator("label")
    @classmethod
    def _label(cls, value: str) -> str:
        if not _LABEL.fullmatch(value):
            raise ValueError("must be a letter or _, then up to 62 letters, digits or _")
        return value

    @field_validator("uri")
    @classmethod
    def _uri(cls, value: str) -> str:
        return absolute_path(value)

    @property
    def is_folder(self) -> bool:
        """Whether ``uri`` names a folder and not a file."""
        return self.type is DatabaseType.FOLDER


class Limits(Strict):
    """How long a run may wait or last, in seconds."""

    pull_seconds: float = Field(default=600, gt=0, description="an image that may still come")
    hopeless_seconds: float = Field(
        default=15, ge=0, description="a trouble that says it cannot get better: one more try"
    )
    schedule_seconds: float | None = Field(
        default=None, gt=0, description="for room in the cluster; null: no limit"
    )
    start_seconds: float = Field(
        default=1800, gt=0, description="from a place in the cluster to a container, pull included"
    )
    node_lost_seconds: int = Field(
        default=60, ge=0, description="a cluster node that is unreachable before its runs are lost"
    )
    run_seconds: int | None = Field(
        default=None, gt=0, description="from the Job's start to its end; null: no limit"
    )


class Resources(Strict):
    """What one algorithm container may use, in Kubernetes' quantities."""

    cpu: str = "2"
    memory: str = "2Gi"
    ephemeral_storage: str = "2Gi"
    cpu_request: str = "50m"
    memory_request: str = "64Mi"
    ephemeral_storage_request: str = "64Mi"


class Security(Strict):
    """Who an algorithm runs as. ``run_as_user: null`` leaves the user to the image."""

    run_as_user: int | None = Field(default=10001, ge=0, le=2**31)
    read_only_root_filesystem: bool = True


class Storage(Strict):
    """Where ``task_dir`` and the databases lie.

    ``hostPath``: folders of the machine, at the same path on the machine and in the node's pod.
    ``pvc``: ``task_dir`` is where ``claim`` is mounted in the node's pod, and database paths lie
    below ``databases_root``, where ``databases_claim`` is mounted.
    """

    mode: Literal["hostPath", "pvc"] = "hostPath"
    claim: str | None = Field(default=None, pattern=_DNS_LABEL)
    databases_claim: str | None = Field(default=None, pattern=_DNS_LABEL)
    databases_root: str = "/databases"

    @model_validator(mode="after")
    def _claims(self) -> Storage:
        if self.mode == "pvc" and not (self.claim and self.databases_claim):
            raise ValueError("mode pvc needs claim and databases_claim")
        return self


class Proxy(Strict):
    """How algorithms find the proxy: a ClusterIP Service whose address goes into hostAliases."""

    service: str = Field(default="v6proxy", pattern=_DNS_LABEL)
    host_name: str = "v6proxy.v6proxy-subdomain.v6-jobs"
    port: int = Field(default=8080, ge=1, le=65535)


class Kubernetes(Strict):
    """Everything that is about the cluster and not about vantage6."""

    node_name: str = Field(default="v6-node", min_length=1, max_length=200)
    namespace: str = Field(default="v6-jobs", pattern=_DNS_LABEL)
    server_kind: Literal["dummy"] = "dummy"
    storage: Storage = Storage()
    proxy: Proxy = Proxy()
    limits: Limits = Limits()
    resources: Resources = Resources()
    security: Security = Security()
    image_pull_secrets: list[str] = []
    runs_in_flight: int = Field(
        default=50, ge=1, le=1000, description="Jobs that have not ended; more runs wait their turn"
    )
    keep_finished_seconds: int = Field(
        default=3600, ge=0, description="how long a delivered Job stays, for dashboards"
    )
    log_kept_kilobytes: int = Field(
        default=20_480,
        ge=2,
        le=1_048_576,
        description="of a log on disk: half its begin, half its end",
    )
    log_tail_kilobytes: int = Field(default=64, ge=1, le=1024)
    output_files_listed: int = Field(default=200, ge=0, le=10_000)


class Policies(Strict):
    """vantage6's ``policies``; the others follow with the real server."""

    allowed_algorithms: list[str] | str | None = None
    require_algorithm_pull: bool = True


class Logging(BaseModel):
    """vantage6's ``logging``; only the level applies, because a pod logs to its console."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"


class NodeConfig(BaseModel):
    """The whole file. ``not_applied`` names vantage6 keys that are read by nobody here yet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: str | None = Field(default=None, repr=False)
    server_url: str
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = None
    api_path: str = ""
    task_dir: str
    databases: list[Database] = []
    policies: Policies = Policies()
    logging: Logging = Logging()
    kubernetes: Kubernetes = Kubernetes()
    not_applied: tuple[str, ...] = ()

    @field_validator("server_url")
    @classmethod
    def _server_url(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/:@]+(/[^\s]*)?", value):
            raise ValueError("must be http:// or https:// and a host, with the port in `port`")
        return value.rstrip("/")

    @field_validator("task_dir")
    @classmethod
    def _task_dir(cls, value: str) -> str:
        return absolute_path(value)

    @field_validator("databases")
    @classmethod
    def _labels_differ(cls, value: list[Database]) -> list[Database]:
        labels = [database.label for database in value]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"label {', '.join(twice)} is given more than once")
        return value

    @model_validator(mode="after")
    def _databases_in_claim(self) -> NodeConfig:
        storage = self.kubernetes.storage
        if storage.mode == "pvc":
            root = PurePosixPath(storage.databases_root)
            for database in self.databases:
                if not PurePosixPath(database.uri).is_relative_to(root):
                    raise ValueError(
                        f"databases: the uri of {database.label!r} must lie below "
                        f"kubernetes.storage.databases_root, {root}"
                    )
        return self

    @property
    def server_address(self) -> str:
        """URL of the server, its port behind its host."""
        if self.port is None:
            return self.server_url
        scheme, _, rest = self.server_url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host}:{self.port}{slash}{path}"

    def database(self, label: str) -> Database | None:
        """The configured database of this label, or None."""
        return next((d for d in self.databases if d.label == label), None)


def absolute_path(value: str) -> str:
    """Return ``value`` if it is a plain absolute path; raise ValueError otherwise."""
    path = PurePosixPath(value)
    if not path.is_absolute() or ".." in path.parts or "\0" in value or value == "/":
        raise ValueError("must be an absolute path without `..`, and not /")
    return str(path)
