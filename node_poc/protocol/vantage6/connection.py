"""The Socket.IO side of a vantage6 4.x server: namespace ``/tasks``, JSON events.

The server accepts a connection with a bad token too, but then stays silent: only the event ``sync``
proves that the server knows the node. A connection therefore counts from ``sync`` on. If ``sync``
does not come in time, the node disconnects and connects again with a new token.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import socketio
import structlog
from socketio.exceptions import SocketIOError

from node_poc.concurrency.attempts import Attempts
from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.socket_client import hang_up, let_go, new_client
from node_poc.protocol.vantage6.errors import LoginRefusedError, UnreachableError

log = structlog.get_logger(__name__)

NAMESPACE = "/tasks"
# Counted from the connection: the time for joining the namespace and for ``sync``.
_SYNC_SECONDS = 30.0
_FIRST_PING_SECONDS = 5.0
_PING_SECONDS = 60.0
_BACKOFF = Backoff(0.5, 15.0)


@dataclass(frozen=True)
class Listeners:
    """Callbacks for the server's events. The socket's threads call them; they must not block.

    Args:
        on_sync: called when the server knows this node; all runs may have changed meanwhile.
        on_new_task: called with the payload of ``new_task``.
        on_kill: called with the payload of ``kill_containers``.
        on_refused: called with the reason when the server rejects the API key.
    """

    on_sync: Callable[[], None]
    on_new_task: Callable[[object], None]
    on_kill: Callable[[object], None]
    on_refused: Callable[[str], None]


class SocketTokens:
    """The socket's part of the REST session; see ``rest.session.RestSession``."""

    def __init__(self, token: Callable[[], str], renew: Callable[[str | None], None]) -> None:
        """``token`` returns a fresh token; ``renew`` replaces a token that the server rejected."""
        self.token = token
        self.renew = renew


class EventSender:
    """Sends events to the server while the server knows this node. Thread-safe."""

    def __init__(self) -> None:
        """Start without a connection."""
        self._client: socketio.Client | None = None

    def use(self, client: socketio.Client | None) -> None:
        """Send over this client from now on; None: the server does not know this node."""
        self._client = client

    @property
    def can_send(self) -> bool:
        """Whether the server is connected and knows this node."""
        client = self._client
        return client is not None and bool(client.connected)

    def emit(self, event: str, data: object = None) -> bool:
        """Send an event; return False without a synced connection, or if sending fails."""
        client = self._client
        if client is None or not client.connected:
            return False
        try:
            client.emit(event, data, namespace=NAMESPACE)
        except (SocketIOError, OSError, ValueError) as error:
            log.debug("event not sent", event_name=event, error=str(error))
            return False
        return True


class Connection:
    """Stays connected to the server for ever."""

    def __init__(
        self, address: str, tokens: SocketTokens, sender: EventSender, listeners: Listeners
    ) -> None:
        """Nothing runs before ``start``.

        Args:
            address: a URL with port, without the API's path.
            tokens: the tokens for the connections.
            sender: gets each connection on which the server has greeted this node.
            listeners: called for the server's events.
        """
        self._address = address
        self._tokens = tokens
        self._sender = sender
        self._listeners = listeners
        self._stop = threading.Event()
        self._synced = threading.Event()
        self._why_ended = ""
        self._needs_token = False
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._run, name="server socket", daemon=True)
        self._pinger = threading.Thread(target=self._ping, name="server ping", daemon=True)

    def start(self) -> None:
        """Start the threads that connect and ping."""
        self._thread.start()
        self._pinger.start()

    def stop(self) -> None:
        """Disconnect for good."""
        self._stop.set()
        if self._client.connected:
            hang_up(self._client)

    @property
    def is_synced(self) -> bool:
        """Return whether the server is connected and knows this node."""
        return self._sender.can_send

    # --- the connection

    def _run(self) -> None:
        attempts = Attempts(log, _BACKOFF, self._stop)
        while not self._stop.is_set():
            try:
                was_synced = self._connect_once()
            except LoginRefusedError as error:
                self._listeners.on_refused(str(error))
                return
            except (UnreachableError, SocketIOError, OSError, ValueError) as error:
                was_synced = False
                self._why_ended = str(error) or type(error).__name__
            except Exception:  # the library too fails if the peer is not a Socket.IO server
                log.exception("connection failed: tried again")
                was_synced = False
                self._why_ended = "see the log"
            if self._stop.is_set():
                return
            if was_synced:
                attempts.succeeded()
                attempts.wait()
            else:
                reason = self._why_ended
                attempts.failed("server not reachable", server=self._address, error=reason)

    def _connect_once(self) -> bool:
        """Connect, wait for the end of the connection, and return whether ``sync`` came."""
        self._synced.clear()
        self._sender.use(None)
        self._needs_token = False
        self._why_ended = "the connection ended before the server greeted this node"
        token = self._tokens.token()
        client = self._client = self._make_client()
        silence = threading.Timer(_SYNC_SECONDS, self._on_silence)
        silence.daemon = True
        try:
            # With ``wait`` the library would not notice the end of the connection.
            client.connect(
                self._address,
                headers={"Authorization": f"Bearer {token}"},
                namespaces=[NAMESPACE],
                wait=False,
            )
            silence.start()
            client.wait()
        finally:
            silence.cancel()
            let_go(client)
        if self._needs_token:
            self._tokens.renew(token)
        return self._synced.is_set()

    def _make_client(self) -> socketio.Client:
        client = new_client()
        for event, handler in (
            ("sync", self._on_sync),
            ("new_task", lambda *args: self._listeners.on_new_task(_only(args))),
            ("kill_containers", lambda *args: self._listeners.on_kill(_only(args))),
            ("expired_token", lambda *_: self._on_bad_token("expired_token")),
            ("invalid_token", lambda *_: self._on_bad_token("invalid_token")),
            ("message", lambda *args: log.debug("the server says", text=str(_only(args))[:300])),
            ("algorithm_status_change", self._on_status_change),
            ("connect_error", self._on_refused),
            ("disconnect", self._on_disconnect),
        ):
            client.on(event, handler, namespace=NAMESPACE)
        # The server sends these events to all clients; a node has no use for them.
        for event in ("status_update", "algorithm_log", "node-online", "node-offline"):
            client.on(event, lambda *_: None, namespace=NAMESPACE)
        return client

    def _on_sync(self, *_: object) -> None:
        self._synced.set()
        self._sender.use(self._client)
        log.info("connected to the server", server=self._address)
        self._listeners.on_sync()

    def _on_bad_token(self, event: str) -> None:
        log.info("the server does not take the token: a new one is got", event_name=event)
        self._hang_up("the server did not take the token", needs_token=True)

    def _on_silence(self) -> None:
        if not self._synced.is_set():
            self._hang_up("connected, but the server did not greet this node", needs_token=True)

    def _on_refused(self, *reason: object) -> None:
        self._hang_up(f"the server refused the connection: {str(_only(reason))[:300]}")

    def _hang_up(self, why: str, *, needs_token: bool = False) -> None:
        """End a useless connection; the socket's own thread waits for the end."""
        self._why_ended = why
        self._needs_token = needs_token
        self._client.disconnect()

    def _on_disconnect(self, *reason: object) -> None:
        if not self._stop.is_set() and self._synced.is_set():
            log.warning("connection to the server lost", reason=str(_only(reason))[:300])

    def _on_status_change(self, *args: object) -> None:
        data = _only(args)
        news = data if isinstance(data, dict) else {}
        log.debug("a run is now", run_id=news.get("run_id"), status=str(news.get("status"))[:50])

    def _ping(self) -> None:
        """Send pings, because the server considers a silent node offline."""
        pause = _FIRST_PING_SECONDS
        while not self._stop.wait(pause):
            self._sender.emit("ping")
            pause = _PING_SECONDS


def _only(args: tuple[object, ...]) -> object:
    return args[0] if len(args) == 1 else list(args)
