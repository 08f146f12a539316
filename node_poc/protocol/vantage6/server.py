"""Connects this node to a vantage6 4.x server, as a regular vantage6 node.

login → identity → encryption → Connection ─ sync, new_task ──→ Sync → NewRuns → the engine
                                           ─ kill_containers ─→ ServerEvents → control
delivery → Reports → SendQueue → PATCH, algorithm_status_change; RunLogs → algorithm_log
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from node_poc.concurrency.attempts import Attempts
from node_poc.concurrency.backoff import Backoff
from node_poc.config.model import NodeConfig
from node_poc.crypto.payload import Cryptor
from node_poc.protocol.vantage6.blobs import Blobs
from node_poc.protocol.vantage6.connection import Connection, EventSender, Listeners, SocketTokens
from node_poc.protocol.vantage6.control import Vantage6Control
from node_poc.protocol.vantage6.errors import FatalError, LoginRefusedError, ServerError
from node_poc.protocol.vantage6.identity import NodeIdentity, identify, set_up_encryption
from node_poc.protocol.vantage6.incoming.known_runs import KnownRunCheck
from node_poc.protocol.vantage6.incoming.new_runs import NewRuns
from node_poc.protocol.vantage6.incoming.policies import PolicyCheck
from node_poc.protocol.vantage6.incoming.postponed import PostponedRuns
from node_poc.protocol.vantage6.incoming.prepare import RunPreparer
from node_poc.protocol.vantage6.incoming.sync import Sync
from node_poc.protocol.vantage6.large_payloads import LargePayloadLock
from node_poc.protocol.vantage6.outgoing.logs import RunLogs
from node_poc.protocol.vantage6.outgoing.node_info import Metrics
from node_poc.protocol.vantage6.outgoing.patches import Patches
from node_poc.protocol.vantage6.outgoing.reports import Reports
from node_poc.protocol.vantage6.outgoing.results import ResultSender
from node_poc.protocol.vantage6.outgoing.send_queue import SendQueue
from node_poc.protocol.vantage6.rest.session import RestSession
from node_poc.protocol.vantage6.same_run import SameRuns
from node_poc.protocol.vantage6.server_access import ServerAccess
from node_poc.protocol.vantage6.server_events import ServerEvents
from node_poc.registry.tags import Registries
from node_poc.runs.model import Run, RunResult
from node_poc.runs.ports import DeliveryError

log = structlog.get_logger(__name__)

_BACKOFF = Backoff(0.5, 15.0)
_NO_LOGIN = "no login at the server yet"


@dataclass(frozen=True)
class RunParts:
    """The parts that take the server's runs and report the node's runs."""

    reports: Reports
    sync: Sync


def make_run_parts(
    access: ServerAccess,
    config: NodeConfig,
    control: Vantage6Control,
    send_queue: SendQueue,
    logs: RunLogs,
    on_refused: Callable[[str], None],
) -> RunParts:
    """Connect the parts that take and report runs; nothing runs before their ``start``."""
    same_runs = SameRuns(access.rest, control)
    patches = Patches(access)
    results = ResultSender(access, control, logs, same_runs, patches)
    reports = Reports(send_queue, control, logs, same_runs, patches, results)
    policies = PolicyCheck(access.rest, config.policies, Registries.of(config))
    preparer = RunPreparer(access, config, control, reports, policies)
    postponed = PostponedRuns()
    known_runs = KnownRunCheck(access.rest, reports, control, same_runs, postponed)
    new_runs = NewRuns(access, preparer, reports, control, known_runs, postponed)
    sync = Sync(new_runs, known_runs, postponed, reports, control, on_refused)
    return RunParts(reports, sync)


@dataclass(frozen=True)
class _Parts:
    """The parts that need the node's identity, and so exist only after the login."""

    reports: Reports
    sync: Sync
    send_queue: SendQueue
    logs: RunLogs
    metrics: Metrics | None
    events: ServerEvents
    connection: Connection

    def start(self) -> None:
        """Start the threads; the connection comes last, because its events need all others."""
        self.send_queue.start()
        self.logs.start()
        self.sync.start()
        if self.metrics is not None:
            self.metrics.start()
        self.connection.start()

    def stop(self) -> None:
        """Disconnect; nothing is received or sent any more."""
        self.connection.stop()
        self.send_queue.stop()
        self.sync.stop()
        self.logs.stop()
        if self.metrics is not None:
            self.metrics.stop()
        self.events.stop()


class Vantage6Server:
    """Receives runs from a vantage6 server and sends back statuses, logs and results.

    Retries for ever while the server is away. A rejected API key or a disagreement on encryption is
    fatal: the adapter calls ``on_fatal`` once, with the reason, and gives up.
    """

    def __init__(
        self,
        config: NodeConfig,
        control: Vantage6Control,
        *,
        private_key: RSAPrivateKey | None,
        on_fatal: Callable[[str], None],
    ) -> None:
        """Nothing is sent before ``start``.

        Args:
            config: the node's configuration, with an API key.
            control: starts, describes and kills runs.
            private_key: the organization's private key, if ``encryption.enabled``.
            on_fatal: called, from any thread, with the reason why the node cannot work.
        """
        self._config = config
        self._control = control
        self._private_key = private_key
        self._on_fatal = on_fatal
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._parts: _Parts | None = None  # until the login, nobody can send or receive anything
        self._rest = RestSession(config.server_address, config.api_path, config.api_key or "")
        self._thread = threading.Thread(target=self._log_in, name="server login", daemon=True)

    def start(self) -> None:
        """Start the thread that logs in."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect; nothing is received or sent any more."""
        self._stop.set()
        with self._lock:
            parts = self._parts
        if parts is not None:
            parts.stop()

    @property
    def is_connected(self) -> bool:
        """Return whether the server is connected and knows this node."""
        return self._parts is not None and self._parts.connection.is_synced

    @property
    def connection(self) -> int:
        """Return how often the server has sent ``sync`` to this node."""
        return 0 if self._parts is None else self._parts.events.greetings

    def send_status(self, run: Run) -> None:
        """Queue a run's status for the send queue. Raise DeliveryError before the login."""
        self._known().reports.report_status(run)

    def send_result(self, result: RunResult, acknowledged: Callable[[], None]) -> None:
        """Queue a result for the send queue, which sends the result until the server has confirmed.

        Raise DeliveryError before the login.
        """
        self._known().reports.report_result(result, acknowledged)

    def _known(self) -> _Parts:
        if self._parts is None:
            raise DeliveryError("the server does not know this node yet")
        return self._parts

    # --- login

    def _log_in(self) -> None:
        attempts = Attempts(log, _BACKOFF, self._stop)
        while not self._stop.is_set():
            try:
                self._set_up()
                return
            except (LoginRefusedError, FatalError) as error:
                self._fatal(str(error))
                return
            except ServerError as error:
                attempts.failed(_NO_LOGIN, error=str(error))
            except Exception:
                log.exception("login failed: tried again")
                attempts.failed(_NO_LOGIN, error="see the log")

    def _set_up(self) -> None:
        identity = identify(self._rest, self._rest.login())
        enabled = self._config.encryption.enabled
        cryptor = set_up_encryption(
            self._rest, identity, enabled=enabled, private_key=self._private_key
        )
        log.info(
            "logged in at the server",
            node=identity.name,
            node_id=identity.node_id,
            organization=identity.organization_name,
            collaboration_id=identity.collaboration_id,
            encrypted=identity.encrypted,
        )
        parts = self._make_parts(identity, cryptor)
        with self._lock:  # `stop` must not run between the question and the start
            if not self._stop.is_set():
                self._parts = parts
                parts.start()

    def _make_parts(self, identity: NodeIdentity, cryptor: Cryptor) -> _Parts:
        config, control, sender = self._config, self._control, EventSender()
        blobs, lock = Blobs(self._rest, cryptor), LargePayloadLock()
        access = ServerAccess(self._rest, sender.emit, identity, cryptor, blobs, lock)

        def emit_log(event: dict[str, object]) -> bool:
            named = {**event, "collaboration_id": identity.collaboration_id}
            return sender.emit("algorithm_log", named)

        logs = RunLogs(control, emit_log, share=config.share_algorithm_logs)
        queue = SendQueue()
        runs = make_run_parts(access, config, control, queue, logs, self._fatal)
        metrics = None
        if config.prometheus.enabled:
            metrics = Metrics(config.prometheus.report_interval_seconds, control, sender.emit)
        events = ServerEvents(access, config, control, runs.sync, queue)
        tokens = SocketTokens(self._rest.token, self._rest.renew)
        listeners = Listeners(events.on_sync, events.on_new_task, events.on_kill, self._fatal)
        connection = Connection(config.server_address, tokens, sender, listeners)
        return _Parts(runs.reports, runs.sync, queue, logs, metrics, events, connection)

    def _fatal(self, reason: str) -> None:
        if not self._stop.is_set():
            self._stop.set()
            self._on_fatal(reason)
