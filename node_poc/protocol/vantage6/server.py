"""Connects this node to a vantage6 4.x server, as a regular vantage6 node.

login → identity → encryption → Socket.IO ─ sync, new_task ──→ Sync → RunPreparer → the engine
                                          ─ kill_containers ─→ control
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
from node_poc.concurrency.pool import DaemonPool
from node_poc.config.model import NodeConfig
from node_poc.protocol.vantage6.blobs import Blobs
from node_poc.protocol.vantage6.connection import Connection, Listeners, SocketTokens
from node_poc.protocol.vantage6.control import Vantage6Control
from node_poc.protocol.vantage6.errors import FatalError, LoginRefusedError, ServerError
from node_poc.protocol.vantage6.identity import NodeIdentity, identify, set_up_encryption
from node_poc.protocol.vantage6.incoming.prepare import RunPreparer
from node_poc.protocol.vantage6.incoming.sync import Sync
from node_poc.protocol.vantage6.kills import runs_to_kill
from node_poc.protocol.vantage6.outgoing.logs import RunLogs
from node_poc.protocol.vantage6.outgoing.node_info import Metrics, node_info
from node_poc.protocol.vantage6.outgoing.reports import Reports
from node_poc.protocol.vantage6.outgoing.send_queue import SendQueue
from node_poc.protocol.vantage6.rest.session import RestSession
from node_poc.protocol.vantage6.run_request import id_in
from node_poc.protocol.vantage6.server_access import ServerAccess
from node_poc.runs.docker_terms import ToBeKilled
from node_poc.runs.model import Run, RunResult
from node_poc.runs.ports import DeliveryError

log = structlog.get_logger(__name__)

_BACKOFF = Backoff(0.5, 15.0)
_NO_LOGIN = "no login at the server yet"


@dataclass(frozen=True)
class _Parts:
    """The parts that the adapter makes after the login."""

    identity: NodeIdentity
    reports: Reports
    sync: Sync
    logs: RunLogs
    metrics: Metrics | None


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
        self._connection = 0
        self._parts: _Parts | None = None
        self._rest = RestSession(config.server_address, config.api_path, config.api_key or "")
        self._send_queue = SendQueue()
        self._kills = DaemonPool("kill", 1)
        self._infos = DaemonPool("node info", 1)
        tokens = SocketTokens(self._rest.token, self._rest.renew)
        listeners = Listeners(self._on_sync, self._on_new_task, self._on_kill, self._fatal)
        self._socket = Connection(config.server_address, tokens, listeners)
        self._thread = threading.Thread(target=self._begin, name="server login", daemon=True)

    def start(self) -> None:
        """Start the thread that logs in."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect; nothing is received or sent any more."""
        self._stop.set()
        self._socket.stop()
        self._send_queue.stop()
        if (parts := self._parts) is not None:
            parts.sync.stop()
            parts.logs.stop()
            if parts.metrics is not None:
                parts.metrics.stop()
        for pool in (self._kills, self._infos):
            pool.stop()

    @property
    def is_connected(self) -> bool:
        """Return whether the server is connected and knows this node."""
        return self._parts is not None and self._socket.is_synced

    @property
    def connection(self) -> int:
        """Return how often the server has sent ``sync`` to this node."""
        return self._connection

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

    def _begin(self) -> None:
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
        blobs = Blobs(self._rest, cryptor)
        parts = self._make_parts(
            ServerAccess(self._rest, self._socket.emit, identity, cryptor, blobs)
        )
        self._parts = parts
        self._send_queue.start()
        parts.logs.start()
        parts.sync.start()
        if parts.metrics is not None:
            parts.metrics.start()
        if not self._stop.is_set():
            self._socket.start()

    def _make_parts(self, access: ServerAccess) -> _Parts:
        config, control = self._config, self._control
        identity = access.identity

        def emit_log(event: dict[str, object]) -> bool:
            return access.emit(
                "algorithm_log", {**event, "collaboration_id": identity.collaboration_id}
            )

        logs = RunLogs(control, emit_log, share=config.share_algorithm_logs)
        reports = Reports(access, self._send_queue, control, logs)
        preparer = RunPreparer(access, config, control, reports)
        sync = Sync(access, preparer, reports, control, self._fatal)
        metrics = None
        if config.prometheus.enabled:
            metrics = Metrics(config.prometheus.report_interval_seconds, control, access.emit)
        return _Parts(identity, reports, sync, logs, metrics)

    def _fatal(self, reason: str) -> None:
        if not self._stop.is_set():
            self._stop.set()
            self._on_fatal(reason)

    # --- the server's events, in the socket's threads

    def _on_sync(self) -> None:
        self._connection += 1
        parts = self._known()
        parts.sync.read_all_soon()
        self._send_queue.retry_now()
        if self._config.share_config:
            self._infos.submit(self._send_info)

    def _send_info(self) -> None:
        try:
            info = node_info(self._config, self._control.get_column_names)
            self._socket.emit("node_info_update", info)
        except Exception:  # no run needs the shared configuration: an error must harm no run
            log.exception("configuration not shared")

    def _on_new_task(self, payload: object) -> None:
        if (task_id := id_in(payload)) is not None:
            self._known().sync.read_task_soon(task_id)
        else:
            self._known().sync.read_all_soon()

    def _on_kill(self, payload: object) -> None:
        self._kills.submit(self._kill, payload)

    def _kill(self, payload: object) -> None:
        try:
            parts = self._known()
            run_ids = runs_to_kill(payload, parts.identity)
            if run_ids == ():
                return
            log.info("the server wants runs killed", run_ids=run_ids or "all")
            parts.sync.kill_new(run_ids)
            wanted = None if run_ids is None else [ToBeKilled(run_id) for run_id in run_ids]
            self._control.kill_tasks(None, wanted)  # only runs of this organization are left
        except Exception:  # the next reading of the server's open runs repeats the kills
            log.exception("runs not killed")
