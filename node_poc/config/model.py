"""The node's configuration after validation.

The file format is vantage6's node configuration (docs.vantage6.ai, "Configure" of the node), a flat
YAML document, with one more section ``kubernetes:`` for settings that a Docker node never had. Each
section has its own model: ``databases.py``, ``sections.py``, ``kubernetes.py``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from node_poc.config.base import Section, Text, absolute_path
from node_poc.config.checks import broken_rules
from node_poc.config.databases import Database, DatabaseType, Service
from node_poc.config.defaults import fill_in
from node_poc.config.doubts import find_doubts
from node_poc.config.kubernetes import Kubernetes, Limits, Proxy, Resources, Security, Storage
from node_poc.config.sections import (
    DeviceRequests,
    Encryption,
    Logging,
    Policies,
    Prometheus,
    Registry,
    Whitelist,
)

__all__ = [
    "Database",
    "DatabaseType",
    "Kubernetes",
    "Limits",
    "NodeConfig",
    "NotApplied",
    "Policies",
    "Proxy",
    "Resources",
    "Security",
    "Service",
    "Storage",
    "absolute_path",
]

# The algorithm tools read these variables from their image; vantage6's node refuses to set them.
_NOT_SETTABLE = {"PKG_NAME"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")


@dataclass(frozen=True)
class NotApplied:
    """A key of the file that has no effect here, and the reason."""

    key: str
    reason: str


def _number(value: object) -> object:
    """Return a port written as text as a number, because vantage6 accepts both."""
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,5}", value) else value


class NodeConfig(Section):
    """The whole file. ``not_applied`` has the keys that the node read, but that have no effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    off_by_null = frozenset({"share_config", "share_algorithm_logs"})

    api_key: str | None = Field(default=None, repr=False)
    server_url: str
    port: Annotated[
        Annotated[int, Field(strict=True, ge=1, le=65535)] | None, BeforeValidator(_number)
    ] = None
    api_path: str = ""
    task_dir: str
    databases: list[Database] = Field(default=[])
    encryption: Encryption = Encryption()
    policies: Policies = Policies()
    algorithm_env: dict[str, Text] = Field(default={}, repr=False)
    algorithm_device_requests: DeviceRequests = DeviceRequests()
    node_extra_env: dict[str, Text] = Field(default={}, repr=False)
    node_extra_mounts: list[str] = Field(default=[])
    node_extra_hosts: dict[str, str] = Field(default={})
    docker_registries: list[Registry] = Field(default=[])
    whitelist: Whitelist = Whitelist()
    share_config: bool = True
    share_algorithm_logs: bool = True
    run_context_file: bool = False
    prometheus: Prometheus = Prometheus()
    logging: Logging = Logging()
    kubernetes: Kubernetes = Kubernetes()
    not_applied: tuple[NotApplied, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _by_server_kind(cls, values: Any) -> Any:
        return fill_in(values) if isinstance(values, dict) else values

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
        # Names of variables contain the label in capitals.
        labels = [database.label.upper() for database in value]
        twice = sorted({d.label for d in value if labels.count(d.label.upper()) > 1})
        if twice:
            raise ValueError(
                f"label {', '.join(twice)} is given more than once; "
                "labels must differ in more than their letters' case"
            )
        return value

    @field_validator("algorithm_env", "node_extra_env")
    @classmethod
    def _variables(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not _VARIABLE.fullmatch(name):
                raise ValueError(
                    f"{name[:80]!r} is no name of a variable: a letter or _, then letters, "
                    "digits or _"
                )
            if name in _NOT_SETTABLE:
                raise ValueError(f"{name} comes from the algorithm's image; remove it")
        return value

    @model_validator(mode="after")
    def _sections_agree(self) -> NodeConfig:
        if broken := list(broken_rules(self)):
            raise ValueError("; ".join(broken))
        return self

    @property
    def server_address(self) -> str:
        """URL of the server, with the port behind the host."""
        if self.port is None:
            return self.server_url
        scheme, _, rest = self.server_url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host}:{self.port}{slash}{path}"

    @property
    def doubts(self) -> tuple[str, ...]:
        """Settings that most likely do not do what their author wants, each with key and remedy."""
        return tuple(find_doubts(self))

    def database(self, label: str) -> Database | None:
        """Return the configured database of this label, or None."""
        return next((d for d in self.databases if d.label == label), None)

    def has_way(self, database: Database) -> bool:
        """Return whether runs reach the database, or a service that its file names, by network."""
        return database.is_service or database.label in self.kubernetes.databases_egress

    def service(self, database: Database) -> Service | None:
        """Return the endpoint of a database, from its URI and ``kubernetes.databases_egress``.

        For a file or folder: the endpoint of the service whose address is inside.
        """
        told = database.service
        egress = self.kubernetes.databases_egress.get(database.label)
        host = (egress and egress.host) or (told and told.host) or (egress and egress.address)
        port = (egress and egress.port) or (told and told.port)
        return Service(host, port) if host and port else None
