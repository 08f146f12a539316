"""The node's configuration after validation.

The file format is vantage6's node configuration (docs.vantage6.ai, "Configure" of the node), a flat
YAML document, with one more section ``kubernetes:`` for settings that a Docker node never had. Each
section has its own model: ``databases.py``, ``sections.py``, ``kubernetes.py``, ``bounds.py``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from node_poc.config.base import Section, Text, absolute_path
from node_poc.config.bounds import Limits, Resources, Security
from node_poc.config.checks import broken_rules
from node_poc.config.databases import Database, DatabaseType, Service
from node_poc.config.defaults import fill_in
from node_poc.config.extra_mounts import MountText
from node_poc.config.kinds.kind import ServerKind
from node_poc.config.kinds.registry import KINDS
from node_poc.config.kubernetes import Kubernetes, Proxy, Storage
from node_poc.config.sections import (
    DeviceRequests,
    Encryption,
    Logging,
    Policies,
    Prometheus,
    Registry,
)
from node_poc.config.whitelist import Whitelist

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
    """API key of the node. A vantage6 server requires a key. With an API key the default of
    `kubernetes.server_kind` is `vantage6`, without a key `dummy`. Blanks around the key are
    ignored."""

    server_url: str
    """`http://` or `https://` and a host, as pods reach the server; an IPv6 address in brackets.
    `check` warns about `localhost` and about names and addresses that only Docker knows
    (`host.docker.internal`, `172.17.0.1`)."""

    port: Annotated[
        Annotated[int, Field(strict=True, ge=1, le=65535)] | None, BeforeValidator(_number)
    ] = None
    """TCP port of the server. None: the URL has no port."""

    api_path: str = ""
    """Path of the server's API."""

    task_dir: str
    """The folder of all runs, under the same path on the machine and in the node's pod. Each node
    needs a folder of its own, and so does each server
    ([moving](moving.md#another-server-or-a-new-database-of-the-server)).

    Differs: a Docker node does not read this key.
    """

    databases: list[Database] = Field(default=[])
    """Files, folders and services for which algorithms may ask, each with the keys below."""

    encryption: Encryption = Encryption()
    policies: Policies = Policies()

    algorithm_env: dict[str, Text] = Field(default={}, repr=False)
    """Variables of all algorithms, encoded like all variables.

    Differs: the values come from a Secret. A name that is no valid variable name, or `PKG_NAME`, is
    an error at the start.
    """

    algorithm_device_requests: DeviceRequests = DeviceRequests()

    node_extra_env: dict[str, Text] = Field(default={}, repr=False)
    """Variables of node and proxy. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` apply to the server
    and to algorithm stores, never to the Kubernetes API. `REQUESTS_CA_BUNDLE` and `SSL_CERT_FILE`
    name certificates that node and proxy trust besides the usual certificates.

    Differs: `render vantage6` writes the variables into a Secret.
    """

    node_extra_mounts: list[MountText] = Field(default=[])
    """Files and folders for the node: `/source:/target` for a path of the machine, with `:ro` if
    wanted; `secret/NAME:/target` or `configmap/NAME:/target` for an object of the namespace that
    the site has made, with a file for each of its keys.

    Differs: no named volumes. The proxy gets only the mounts with the certificates that
    `node_extra_env` names.
    """

    node_extra_hosts: dict[str, str] = Field(default={})
    """Host names for node and proxy, each with an IP address.

    Differs: no other values than IP addresses.
    """

    docker_registries: list[Registry] = Field(default=[])
    """Logins to registries, each with the keys below.

    Differs: `render vantage6` and `render pull-secret` make a Secret for the kubelet of these
    logins.
    """

    whitelist: Whitelist = Whitelist()

    share_config: bool = True
    """The node sends the server its policies, labels and types of the databases, and column names
    of csv databases. With false, the node sends none of these.

    Differs: no column names of a csv database whose first row may be [data](#column-names).
    """

    share_algorithm_logs: bool = True
    """With false, no log of an algorithm goes to the server."""

    run_context_file: bool = False
    """With true, each run gets vantage6's run context file. As in vantage6, a run that asks for a
    service or a folder then does not start."""

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
        host = r"([^\s/:@\[\]]+|\[[0-9a-fA-F:.]+\])"
        if not re.fullmatch(rf"https?://{host}(/[^\s]*)?", value):
            raise ValueError(
                "must be http:// or https:// and a host, an IPv6 address in brackets, with the "
                "port in `port`"
            )
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
    def kind(self) -> ServerKind:
        """The kind of server of this node."""
        return KINDS[self.kubernetes.server_kind]

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
        return tuple(self.kind.find_doubts(self))

    def with_kubernetes(self, **changes: Any) -> NodeConfig:
        """Return the configuration with other values of keys of ``kubernetes``, unchecked."""
        settings = self.kubernetes.model_copy(update=changes)
        return self.model_copy(update={"kubernetes": settings})

    def database(self, label: str) -> Database | None:
        """Return the configured database of this label, or None."""
        return next((d for d in self.databases if d.label == label), None)

    def has_way(self, database: Database) -> bool:
        """Return whether runs reach the database, or a service that its file names, by network."""
        return database.is_service or database.label in self.kubernetes.databases_egress

    @property
    def opened_ways(self) -> tuple[str, ...]:
        """The ways that the site opens for algorithms beside the proxy, for people."""
        services = [d.label for d in self.databases if self.has_way(d) and self.service(d)]
        return (*self.whitelist.opened, *(f"database {label}" for label in services))

    def service(self, database: Database) -> Service | None:
        """Return the endpoint of a database, from its URI and ``kubernetes.databases_egress``.

        For a file or folder: the endpoint of the service whose address is inside.
        """
        service = database.service
        egress = self.kubernetes.databases_egress.get(database.label)
        host = (egress and egress.host) or (service and service.host) or (egress and egress.address)
        port = (egress and egress.port) or (service and service.port)
        return Service(host, port) if host and port else None
