"""Settings of the proxy. The proxy knows neither the API key nor the token of the node."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from node_poc.crypto.payload import PlainCryptor, RsaCryptor


@dataclass(frozen=True)
class Limits:
    """Limits for one algorithm (``..._of_one``), or for all. Sizes in bytes, times in seconds."""

    body_bytes: int = 1 << 30
    spooled_bytes: int = 4 << 30
    spooled_bytes_of_one: int = 1 << 30
    connections: int = 500
    connections_of_one: int = 50
    head_bytes: int = 81_920  # the token in the head names the databases and their parameters
    head_bytes_of_one: int = 1 << 20
    head_lines: int = 64
    header_seconds: float = 15.0
    idle_seconds: float = 75.0
    client_seconds: float = 60.0
    client_bytes_per_second: int = 100_000
    connect_seconds: float = 10.0
    server_seconds: float = 300.0


class ResultsOf(Enum):
    """The results that an algorithm may read: of its own job, or of the whole collaboration."""

    JOB = "job"
    COLLABORATION = "collaboration"


@dataclass(frozen=True)
class ProxySettings:
    """Listening address, server address, encryption, readable results, and limits.

    ``host``: the address to listen on; None for all addresses of IPv4 and IPv6.
    """

    server: str
    cryptor: PlainCryptor | RsaCryptor
    results: ResultsOf = ResultsOf.JOB
    host: str | None = None
    port: int = 8080
    health_port: int = 8081
    limits: Limits = field(default_factory=Limits)
