"""The asynchronous half of the emitter: a connection with endless reconnects.

All code here runs in one event loop, so no lock is needed. The session uses python-socketio's
asynchronous client because that client handles events in order of arrival; the threaded client
starts a thread for each event and guarantees no order.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any

import aiohttp
import socketio
from wire import MAX_MESSAGE_BYTES, is_run_id, run_id_of

CONNECT_TIMEOUT_S = 5.0
FIRST_PAUSE_S = 0.3
LONGEST_PAUSE_S = 3.0


class EventKind(StrEnum):
    """The kind of an `Event`."""

    ACK = "ack"
    STATUS = "status"
    RESULT = "result"
    REJECTED = "rejected"
    CONNECTION_LOST = "connection_lost"
    RECONNECTED = "reconnected"


@dataclass(frozen=True)
class Event:
    """An event of a run or of the connection.

    Attributes:
        at: time of arrival at the emitter, UTC.
        run_id: the run; None for events of the connection and for commands without a usable run_id.
        data: the server's message, unchanged; for RECONNECTED the number of commands posted again,
            for CONNECTION_LOST the server's URL.
    """

    kind: EventKind
    at: datetime
    run_id: int | None
    data: dict[str, Any]


class EmitterError(Exception):
    """The emitter could not do its work; the text gives the reason and the remedy."""


class RunRefusedError(EmitterError):
    """The node or the server refused the command; the text is their reason."""


@dataclass(eq=False)
class Post:
    """A posted command and the future for its first acknowledgement."""

    payload: Any
    run_id: int | None
    ack: Future[dict[str, Any]]


@dataclass
class Run:
    """A run with a waiting caller.

    Attributes:
        post: the command to post again after a reconnect, if any.
        taken: whether the node certainly has the run, so a refusal can only mean another command.
    """

    result: Future[dict[str, Any]] = field(default_factory=Future)
    post: Post | None = None
    taken: bool = False


class Session:
    """Connect, reconnect and post again; pass incoming messages to `tell` and to the futures."""

    def __init__(self, url: str, tell: Callable[[Event], None]) -> None:
        self._url = url
        self._tell_event = tell
        self._sio: Any = None
        self._http: aiohttp.ClientSession | None = None
        self._lost = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._unanswered: list[Post] = []
        self._runs: dict[int, Run] = {}
        self.connected = False

    async def start(self) -> None:
        """Connect once, then keep connected in the background. Raise EmitterError."""
        await self._connect()
        self._keeper = asyncio.create_task(self._keep_connected())

    async def stop(self) -> None:
        """Disconnect and end the background work."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._drop_connection()

    # -- what the emitter asks for

    async def post(self, post: Post) -> None:
        """Post a command now, and after each reconnect if unanswered or not ended."""
        self._unanswered.append(post)
        if post.run_id is not None:
            run = self.run(post.run_id)
            run.post = run.post or post
            if run.result.done() and run.result.exception() is not None:
                run.result = Future()  # an earlier command's refusal does not count
        await self._send_post(post)

    def run(self, run_id: int) -> Run:
        """Return the state of a run, and follow the run from now on."""
        return self._runs.setdefault(run_id, Run())

    async def request(self, event: str, data: Any, timeout_s: float) -> Any:
        """Send one event and return its acknowledgement. Raise EmitterError if none comes."""
        call = asyncio.ensure_future(self._call(event, data, timeout_s))
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            # after a lost connection the answer never comes, so waiting would be useless
            await asyncio.wait({call, lost}, return_when=asyncio.FIRST_COMPLETED)
            if call.done():
                return call.result()
            raise EmitterError(f"the connection was lost before the server answered {event}")
        finally:
            call.cancel()
            lost.cancel()

    async def _call(self, event: str, data: Any, timeout_s: float) -> Any:
        try:
            return await self._sio.call(event, (data,), timeout=timeout_s)
        except (socketio.exceptions.SocketIOError, AttributeError) as error:
            raise EmitterError(f"the server did not answer {event}") from error

    # -- the connection

    async def _connect(self) -> None:
        await self._drop_connection()
        self._lost.clear()
        # trust_env stays off: the dummy server is never behind the site's web proxy
        self._http = aiohttp.ClientSession()
        make_client: Any = socketio.AsyncClient  # the library has no type hints
        sio = self._sio = make_client(
            reconnection=False,
            handle_sigint=False,
            http_session=self._http,
            # twice the limit: a result just within the server's limit may grow a little on the way
            websocket_extra_options={"max_msg_size": 2 * MAX_MESSAGE_BYTES},
        )
        sio.on("disconnect", partial(self._on_disconnect, sio))
        sio.on("run_status", self._on_status)
        sio.on("run_result", self._on_result)
        sio.on("command_rejected", self._on_rejected)
        connecting = sio.connect(self._url, transports=["websocket"], wait_timeout=3)
        try:
            await asyncio.wait_for(connecting, CONNECT_TIMEOUT_S)
        except (TimeoutError, ValueError, OSError, aiohttp.ClientError) as error:
            await self._drop_connection()
            raise EmitterError(str(error) or "no answer in time") from error
        except socketio.exceptions.ConnectionError as error:
            await self._drop_connection()
            raise EmitterError(str(error)) from error
        self.connected = True

    async def _drop_connection(self) -> None:
        self.connected = False
        sio, self._sio = self._sio, None
        if sio is not None:
            with contextlib.suppress(Exception):  # the connection is dropped anyway
                await sio.disconnect()
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def _keep_connected(self) -> None:
        while True:
            await self._lost.wait()
            self._tell(EventKind.CONNECTION_LOST, None, {"server": self._url})
            pause_s = FIRST_PAUSE_S
            while not self.connected:
                # with jitter, or all the emitters of a test reconnect in the same instant
                await asyncio.sleep(pause_s * random.uniform(0.7, 1.3))  # noqa: S311
                pause_s = min(pause_s * 1.7, LONGEST_PAUSE_S)
                with contextlib.suppress(EmitterError):
                    await self._connect()
            await self._post_again()

    async def _post_again(self) -> None:
        posts = [run.post for run in self._runs.values() if run.post and not run.result.done()]
        posts += [post for post in self._unanswered if post not in posts]
        self._tell(EventKind.RECONNECTED, None, {"posted_again": len(posts)})
        with contextlib.suppress(socketio.exceptions.SocketIOError, AttributeError):
            for run_id, run in self._runs.items():
                if not run.result.done():
                    await self._sio.emit("watch_request", ({"run_id": run_id},))
        for post in posts:
            await self._send_post(post)

    async def _send_post(self, post: Post) -> None:
        async def on_ack(*args: Any) -> None:
            self._on_ack(post, args[0] if args and isinstance(args[0], dict) else {})

        # A lost connection is no failure here: the command is sent again on the next connection.
        with contextlib.suppress(socketio.exceptions.SocketIOError, AttributeError):
            # In a tuple: Socket.IO would send a bare null as "no argument at all".
            await self._sio.emit("command_request", (post.payload,), callback=on_ack)

    # -- what comes in

    def _tell(self, kind: EventKind, run_id: int | None, data: dict[str, Any]) -> None:
        self._tell_event(Event(kind, datetime.now(UTC), run_id, data))

    async def _on_disconnect(self, sio: Any, *_: Any) -> None:
        if sio is self._sio:  # ignore late events of an earlier connection
            self.connected = False
            self._lost.set()

    def _on_ack(self, post: Post, ack: dict[str, Any]) -> None:
        if post in self._unanswered:
            self._unanswered.remove(post)
        self._tell(EventKind.ACK, post.run_id, ack)
        run = self._runs.get(post.run_id) if post.run_id is not None else None
        if run is not None:
            self._settle(run, post, ack)
        if not post.ack.done():
            post.ack.set_result(ack)

    def _settle(self, run: Run, post: Post, ack: dict[str, Any]) -> None:
        run.taken = run.taken or ack.get("state") == "forwarded"
        if ack.get("accepted"):
            run.post = post
        elif ack.get("state") == "refused":
            run.post = None if run.post is post else run.post
            if not run.taken and not run.result.done():
                run.result.set_exception(RunRefusedError(str(ack.get("reason"))))

    async def _on_status(self, *args: Any) -> None:
        data: Any = args[0] if args else None
        run_id = run_id_of(data)
        if run_id is None:
            return
        self.run(run_id).taken = True
        self._tell(EventKind.STATUS, run_id, data)

    async def _on_result(self, *args: Any) -> None:
        data: Any = args[0] if args else None
        run_id = run_id_of(data)
        if run_id is None:
            return
        run = self.run(run_id)
        if not run.result.done():  # after a reconnect the result may come twice
            self._tell(EventKind.RESULT, run_id, data)
            run.result.set_result(data)

    async def _on_rejected(self, *args: Any) -> None:
        data = args[0] if args and isinstance(args[0], dict) else {}
        given = data.get("run_id")
        run_id = given if is_run_id(given) else None
        # While a command is unanswered, the acknowledgement follows at once and tells more.
        if any(post.run_id == run_id for post in self._unanswered):
            return
        self._tell(EventKind.REJECTED, run_id, data)
        run = self._runs.get(run_id) if run_id is not None else None
        if run is not None and not run.taken and not run.result.done():
            run.result.set_exception(RunRefusedError(str(data.get("reason"))))
