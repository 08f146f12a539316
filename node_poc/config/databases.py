"""``databases``: files, folders and services that algorithms may ask for.

The type and the ``uri`` alone determine the kind of a database; the node never checks the disk:

    csv, parquet, excel     a file
    folder                  a folder
    sql, sparql, omop, other   an absolute path: a file, or a folder if the path ends in ``/``;
                            anything else: a service, known by its URI
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from node_poc.config.base import DNS_LABEL, Strict, Text, absolute_path

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_PARAMETER = re.compile(r"[A-Za-z0-9_]{1,200}")
# The part of a URI that names the machine; in a jdbc URI this part ends at a semicolon.
_AUTHORITY = re.compile(r"(?:jdbc:)?(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>[^/?#;]*)")
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:]+)\]|(?P<name>[^:,\s\[\]]+))(?::(?P<port>[0-9]+))?")
_PORTS = {
    "http": 80,
    "https": 443,
    "mariadb": 3306,
    "mongodb": 27017,
    "mssql": 1433,
    "mysql": 3306,
    "oracle": 1521,
    "postgres": 5432,
    "postgresql": 5432,
    "redshift": 5439,
    "sqlserver": 1433,
}


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


_PATHS_ONLY = {DatabaseType.CSV, DatabaseType.PARQUET, DatabaseType.EXCEL, DatabaseType.FOLDER}


@dataclass(frozen=True)
class Service:
    """The endpoint of a database: a name or an address, and a TCP port."""

    host: str
    port: int

    @property
    def address(self) -> str | None:
        """The host, if the host is an IP address; None for a name."""
        return self.host if is_address(self.host) else None


def is_address(text: str) -> bool:
    """Return whether ``text`` is an IP address that means the same on every machine."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # with an interface, as in fe80::1%eth0, Kubernetes takes no address


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class Database(Strict):
    """One entry of ``databases``. ``uri`` may hold a password, ``env`` usually does."""

    label: str
    """Name of the database for algorithms.

    Differs: a letter or `_`, then up to 62 letters, digits or `_`. Labels must differ in more than
    upper and lower case. `data` is reserved, and `tmp` is reserved for folders.
    """

    # Before `uri`, whose rule depends on the type.
    type: Annotated[DatabaseType, Field(strict=False), BeforeValidator(_lower)]
    """`csv`, `parquet` and `excel` are files; `folder` is a folder; `sql`, `sparql`, `omop` and
    `other` are files if the URI is a path (folders if the path ends in `/`), otherwise services.

    Differs: the node judges by type and URI and does not look at the file.
    """

    uri: str = Field(repr=False)
    """An absolute path, or the URI of a service.

    Differs: algorithms have no DNS, and the node looks up the host's name. Some hosts lead nowhere,
    and files may not lie everywhere: see [paths and URIs](#paths-and-uris).
    """

    env: dict[str, Text] = Field(default={}, repr=False)
    """Variables for the algorithms that ask for this database. The values come from a Secret
    ([Secrets](#secrets))."""

    mount_mode: Literal["copy", "ro"] | None = None
    """How algorithms see the file or folder.

    Differs: always `ro`. Nothing is copied, and algorithms cannot write to a folder either.
    """

    @field_validator("label")
    @classmethod
    def _label(cls, value: str) -> str:
        if not _LABEL.fullmatch(value):
            raise ValueError("must be a letter or _, then up to 62 letters, digits or _")
        return value

    @field_validator("uri")
    @classmethod
    def _uri(cls, value: str, info: ValidationInfo) -> str:
        if value.startswith("/"):
            ends = "/" if value.endswith("/") else ""
            return absolute_path(value) + ends
        if info.data.get("type") in _PATHS_ONLY | {None}:
            return absolute_path(value)
        if any(ord(character) < ord(" ") for character in value) or not value.strip():
            raise ValueError("must be an absolute path, or a URI such as scheme://host:port/name")
        if value.startswith("sqlite:"):
            raise ValueError("must be the absolute path of the file; vantage6 makes a URI of it")
        return value

    @field_validator("env")
    @classmethod
    def _env(cls, value: dict[str, str]) -> dict[str, str]:
        if not all(_PARAMETER.fullmatch(name) for name in value):
            raise ValueError("its keys must be made of letters, digits and _")
        if len({name.upper() for name in value}) < len(value):
            raise ValueError("its keys must differ in more than their letters' case")
        return value

    @property
    def is_service(self) -> bool:
        """Whether algorithms reach the database over the network, without a mount."""
        return not self.uri.startswith("/")

    @property
    def is_folder(self) -> bool:
        """Whether ``uri`` names a folder and not a file."""
        by_path = self.uri.startswith("/") and self.uri.endswith("/")
        return self.type is DatabaseType.FOLDER or (by_path and self.type not in _PATHS_ONLY)

    @property
    def path(self) -> str:
        """The path of the file or folder."""
        return str(PurePosixPath(self.uri))

    @property
    def service(self) -> Service | None:
        """The endpoint named in the URI; None if the URI names none."""
        authority = _AUTHORITY.match(self.uri)
        if authority is None:
            return None
        host = _HOST.fullmatch(authority["rest"].rpartition("@")[2])
        scheme = authority["scheme"].lower().partition("+")[0]
        port = int(host["port"] or _PORTS.get(scheme, 0)) if host else 0
        if host is None or not 1 <= port <= 65535:
            return None
        return Service(host["six"] or host["name"], port)


class DatabaseEgress(Strict):
    """One entry of ``kubernetes.databases_egress``: how algorithms reach a service database.

    For a service, the entry has only what the URI lacks. For a mounted file that names a service,
    the entry needs everything, because the node does not read the file.
    """

    host: str | None = Field(default=None, min_length=1)
    """Host of the service, if the node cannot read the host from the URI."""

    port: int | None = Field(default=None, ge=1, le=65535)
    """TCP port of the service, if the node cannot read the port from the URI."""

    address: str | None = None
    """IP address of a host whose name the node cannot look up."""

    pod_labels: dict[str, str] = Field(default={})
    """For a database inside the cluster: the labels of the pods behind its Service."""

    namespace: str | None = Field(default=None, pattern=DNS_LABEL)
    """Namespace of these pods. None: the node's own namespace."""

    pod_port: int | None = Field(default=None, ge=1, le=65535)
    """TCP port of these pods, if different from the Service's port."""

    @field_validator("address")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not is_address(value):
            raise ValueError("must be an IP address")
        return value

    @model_validator(mode="after")
    def _pods(self) -> DatabaseEgress:
        if (self.namespace or self.pod_port) and not self.pod_labels:
            raise ValueError("namespace and pod_port need pod_labels: which pods of it")
        return self
