"""The proxy's process: a port for algorithms and a port for the kubelet's probes.

The proxy uses aiohttp because bodies of any size pass through without being held in memory, and a
waiting connection costs no thread: many slow algorithms, or a slow server, delay no other caller.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web

from node_poc.proxy.carrier import Carrier
from node_poc.proxy.connections import Connections
from node_poc.proxy.fair_pool import FairPool
from node_poc.proxy.guard import Guard
from node_poc.proxy.handler import Handler
from node_poc.proxy.jobs import Jobs
from node_poc.proxy.probed import ProbedPort
from node_poc.proxy.public_keys import PublicKeys
from node_poc.proxy.refusals import RefusalLog
from node_poc.proxy.request_log import RequestLog
from node_poc.proxy.settings import ProxySettings
from node_poc.proxy.spool import SpoolBudget
from node_poc.proxy.stored import StoredNames
from node_poc.proxy.upstream import Upstream

log = structlog.get_logger(__name__)

_END_SECONDS = 4.0
_BACKLOG = 512
# A connection may need four files: the connection itself, a connection to the server, and two
# bodies on disk. Requests for public keys need more.
_FILES = 8192
# Parsed JSON takes many times the size of its text, so few bodies are parsed at once. Parsed JSON
# exists in these threads only, and no thread waits for the network, not even for the server's
# public keys.
_THREADS = 2


@dataclass(frozen=True)
class Running:
    """The ports of a proxy that is serving."""

    port: int
    health_port: int


class _MalformedRequests(logging.Handler):
    """Turn aiohttp's error reports into one log line without any bytes of the request."""

    def __init__(self, request_log: RequestLog) -> None:
        super().__init__()
        self._request_log = request_log

    def emit(self, record: logging.LogRecord) -> None:
        """Report a request that aiohttp could not parse."""
        kind = record.exc_info[0] if record.exc_info else None
        name = kind.__name__ if kind else "unknown"
        self._request_log.refused("somebody", f"this is not HTTP as it should be ({name})")


def _logger(request_log: RequestLog) -> logging.Logger:
    logger = logging.Logger("proxy.http")  # a logger of this server alone
    logger.addHandler(_MalformedRequests(request_log))
    return logger


def _make_carrier(settings: ProxySettings, upstream: Upstream, request_log: RequestLog) -> Carrier:
    limits = settings.limits
    return Carrier(
        settings=settings,
        upstream=upstream,
        request_log=request_log,
        jobs=Jobs(upstream),
        public_keys=PublicKeys(upstream),
        results_of_job=StoredNames(),
        inputs_of_token=StoredNames(),
        budget=SpoolBudget(limits.spooled_bytes, limits.spooled_bytes_of_one),
        pool=FairPool(_THREADS),
    )


@asynccontextmanager
async def serving(settings: ProxySettings) -> AsyncIterator[Running]:
    """Serve while the context lasts. Raise OSError if a port cannot be opened."""
    loop = asyncio.get_running_loop()
    upstream = Upstream(settings.server, settings.limits)
    request_log = RequestLog(RefusalLog())
    carrier = _make_carrier(settings, upstream, request_log)
    handler = Handler(carrier, request_log)
    inner = web.Server(
        handler.handle,
        handler_cancellation=True,
        access_log=None,
        logger=_logger(request_log),
        keepalive_timeout=settings.limits.idle_seconds,
        max_field_size=settings.limits.head_bytes,
        auto_decompress=False,
    )
    health = ProbedPort()
    connections = Connections(settings.limits)
    try:
        algorithms = await loop.create_server(
            lambda: Guard(inner(), connections, request_log.refused),
            settings.host,
            settings.port,
            backlog=_BACKLOG,
        )
        async with algorithms:
            probes = await loop.create_server(health, settings.host, settings.health_port)
            async with probes:
                yield Running(_port(algorithms), _port(probes))
                algorithms.close()
                await inner.shutdown(_END_SECONDS)
                health.close()
    finally:
        await upstream.close()
        carrier.pool.close()


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def _serve_until_ended(settings: ProxySettings) -> None:
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    async with serving(settings) as running:
        log.info(
            "proxy serves",
            port=running.port,
            health_port=running.health_port,
            server=settings.server,
            encrypts=settings.cryptor.encrypts,
        )
        await ending.wait()
        log.info("proxy ends")


def _allow_files() -> None:
    """Raise the limit of open files to what the connections may need: many systems allow 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run_proxy(settings: ProxySettings) -> None:
    """Serve until SIGTERM or Ctrl-C. Raise OSError if a port cannot be opened."""
    _allow_files()
    asyncio.run(_serve_until_ended(settings))
