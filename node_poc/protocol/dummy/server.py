"""The dummy server of the proof of concept: Socket.IO, no login, JSON payloads."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import socketio
import structlog
from socketio.exceptions import SocketIOError

from node_poc import __version__
from node_poc.concurrency.attempts import Attempts
from node_poc.concurrency.backoff import Backoff
from node_poc.config.model import NodeConfig
from node_poc.protocol.dummy import queries
from node_poc.protocol.dummy.messages import (
    parse_command,
    result_message,
    run_id_in,
    status_message,
)
from node_poc.protocol.socket_client import hang_up, let_go, new_client
from node_poc.protocol.wire import MessageError
from node_poc.runs.model import Run, RunResult
from node_poc.runs.ports import (
    Answer,
    DeliveryError,
    QueryError,
    RefusalNotes,
    RunTaker,
    UserQueries,
)

log = structlog.get_logger(__name__)

_CONNECT_SECONDS = 10
_BACKOFF = Backoff(0.5, 10.0)
_LONGEST_POSTER = 64
_AWAY = "server not reachable"
# The library validates UTF-8 byte by byte in Python: with 4 MB the check blocks the whole node for
# seconds. The check can be left out, because decoding validates all bytes at once.
_WEBSOCKET = {"skip_utf8_validation": True}


class DummyControl(RunTaker, RefusalNotes, UserQueries, Protocol):
    """The requests of the dummy server to the node."""


class DummyServer:
    """Receives commands from the dummy server and sends back statuses and results.

    Reconnects for ever, with growing pauses while the server is away.
    """

    def __init__(self, config: NodeConfig, control: DummyControl) -> None:
        """Each well-formed run goes to ``control``, which answers queries too."""
        self._config = config
        self._control = control
        self._stop = threading.Event()
        self._connection = 0
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._run, name="server connection", daemon=True)

    def start(self) -> None:
        """Start the thread that connects."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect; nothing is received or sent any more."""
        self._stop.set()
        if self._client.connected:
            hang_up(self._client)

    @property
    def is_connected(self) -> bool:
        """Return whether the node is connected to the server."""
        return bool(self._client.connected)

    @property
    def connection(self) -> int:
        """Return the number of connections made.

        A new connection means that the server may have forgotten everything sent before.
        """
        return self._connection

    def _run(self) -> None:
        attempts = Attempts(log, _BACKOFF, self._stop)
        while not self._stop.is_set():
            client = self._client = self._make_client()
            try:
                client.connect(self._config.server_address, wait_timeout=_CONNECT_SECONDS)
                attempts.succeeded()
                client.wait()
            except (SocketIOError, OSError, ValueError) as error:
                attempts.failed(_AWAY, server=self._config.server_address, error=str(error))
            except Exception:  # the library too fails if the peer is not a Socket.IO server
                log.exception("connection failed: tried again")
                attempts.failed(_AWAY, server=self._config.server_address, error="see the log")
            else:
                attempts.wait()
            finally:
                let_go(client)

    def _make_client(self) -> socketio.Client:
        client = new_client(websocket_extra_options=dict(_WEBSOCKET))
        client.on("connect", self._on_connect)
        client.on("disconnect", self._on_disconnect)
        client.on("command", self._on_command)
        for event in queries.EVENTS:
            client.on(event, partial(self._on_query, event))
        return client

    def _on_connect(self) -> None:
        self._connection += 1
        log.info("connected to the server", server=self._config.server_address)
        name = self._config.kubernetes.node_name
        hello = {"name": name, "version": __version__, "takes": ["poster"]}
        self._client.emit("node_connection_request", hello)

    def _on_disconnect(self, reason: object = None) -> None:
        if not self._stop.is_set():
            log.warning("connection to the server lost", reason=str(reason))

    def _on_command(self, *payloads: Any) -> dict[str, Any]:
        """Handle ``command``; the return value goes back as the acknowledgement."""
        owner, payloads = _poster(payloads)
        payload = payloads[0] if len(payloads) == 1 else list(payloads)
        try:
            answer = self._control.run(parse_command(payload, self._config), owner)
        except MessageError as error:
            answer = Answer(accepted=False, reason=str(error))
        except concurrent.futures.TimeoutError:
            # Not a refusal: the poster of a refused run hears no more of the run, and this run
            # may still start.
            reason = "the node is too busy to decide at once; the run may still start: ask again"
            log.warning("command not decided in time", run_id=run_id_in(payload))
            return {"accepted": None, "reason": reason}
        if answer.accepted:
            return {"accepted": True, "status": answer.status}
        self._control.note_refusal(run_id_in(payload), answer, owner=owner)
        return self._reject(run_id_in(payload), answer.reason)

    def _on_query(self, event: str, *payloads: Any) -> dict[str, Any]:
        """Answer a user's query; the return value goes back as the acknowledgement."""
        payload = payloads[0] if len(payloads) == 1 else list(payloads)
        try:
            return queries.answer(event, payload, self._control)
        except (MessageError, QueryError) as error:
            return {"error": str(error)}
        except concurrent.futures.TimeoutError:
            return {"error": "the node did not answer in time: ask again"}
        except Exception:
            log.exception("query not answered", query=event)
            return {"error": "the node failed on this query; its log tells more"}

    def _reject(self, run_id: int | None, reason: str) -> dict[str, Any]:
        log.warning("command refused", run_id=run_id, reason=reason)
        try:
            self._client.emit("command_rejected", {"run_id": run_id, "reason": reason})
        except SocketIOError as error:
            log.warning("refusal not sent", run_id=run_id, error=str(error))
        return {"accepted": False, "reason": reason}

    def send_status(self, run: Run) -> None:
        """Send ``run_status``. Raise DeliveryError if the event cannot be sent."""
        self._emit("run_status", status_message(run, time.time()), None)

    def send_result(self, result: RunResult, acknowledged: Callable[[], None]) -> None:
        """Send ``run_result``; call ``acknowledged`` once the server has confirmed the result.

        Raise DeliveryError if the event cannot be sent.
        """

        def on_answer(answer: Any = None) -> None:
            if isinstance(answer, dict) and answer.get("received") is True:
                acknowledged()
            else:
                log.warning("server did not take the result", run_id=result.run_id)

        self._emit("run_result", result_message(result), on_answer)

    def _emit(self, event: str, data: dict[str, Any], callback: Callable[..., None] | None) -> None:
        try:
            self._client.emit(event, data, callback=callback)
        except (SocketIOError, OSError) as error:
            raise DeliveryError(str(error)) from error


def _poster(payloads: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return the poster's name, empty if the server names none, and the posted payloads."""
    match payloads:
        case (payload, {"poster": str(poster), **more}) if not more:
            return poster[:_LONGEST_POSTER], (payload,)
    return "", payloads
