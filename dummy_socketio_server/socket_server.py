"""python-socketio's server, with long polling that handles bodies of the promised size.

python-engineio alone has three faults: it takes the part of a body that has arrived for the whole
body (some 200 kB), answers "OK" to an unreadable body, and puts more messages into one answer than
its own client accepts. This module therefore reads and checks each body before the library sees the
body.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import engineio
import socketio
from aiohttp import WSMsgType, web
from transport import short
from wire import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES

# A client sends all its messages in one body: after a reconnect these may be hundreds of results.
MAX_BODY_BYTES = 64_000_000
# Each message becomes an object of some hundred bytes before any check of its content.
MAX_MESSAGES_IN_A_BODY = 10_000
# python-engineio's client hangs up on an answer with more messages.
MAX_MESSAGES_IN_AN_ANSWER = 16
SILENCE_S = 30.0
# A node on a lost machine is noticed after the sum of both, before the 30 s of a command are over.
PING_INTERVAL_S = 10
PING_TIMEOUT_S = 15
_SEPARATOR = b"\x1e"
_FIRST_BYTES = b"0123456b"
_TYPES = tuple(_FIRST_BYTES[place : place + 1] for place in range(len(_FIRST_BYTES)))
# Attachments, namespace and number of an event, then the event's name, at the start of a message
# only.
_EVENT = re.compile(r'[25](\d{1,9}-)?(/[^,]*,)?\d{0,20}\[\s*"')
log = logging.getLogger("dummy-server")


def make_socket_server() -> Any:
    """Build the Socket.IO server."""
    engineio.payload.Payload.max_decode_packets = MAX_MESSAGES_IN_A_BODY
    make_server: Any = socketio.AsyncServer  # the library has no type hints
    sio = make_server(
        async_mode="aiohttp",
        max_http_buffer_size=MAX_FRAME_BYTES,
        ping_interval=PING_INTERVAL_S,
        ping_timeout=PING_TIMEOUT_S,
    )
    _Guard(sio.eio).install()
    return sio


class _Guard:
    """Check all input before engine.io, so that engine.io silently loses nothing."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._parts: dict[str, Any] = engine._async  # noqa: SLF001  there is no public access
        self._handle = engine.handlers["message"]

    def install(self) -> None:
        """Replace the insufficient parts of engine.io."""
        own = {"translate_request": self._translate, "websocket": _WebSocket}
        self._engine._async = {**self._parts, **own}  # noqa: SLF001
        self._engine.create_queue = _Answers
        self._engine.on("message", self._on_message)

    async def _translate(self, request: web.Request) -> dict[str, Any]:
        environ: dict[str, Any] = self._parts["translate_request"](request)
        if request.method == "POST":
            try:
                environ["wsgi.input"] = _Whole(await whole_body(request))
            except web.HTTPException as error:
                await self._hang_up(request.query.get("sid", ""), error.text)
                raise
            # The length is checked already: engine.io would take all messages of a body for a
            # single message.
            environ["CONTENT_LENGTH"] = "0"
        return environ

    async def _on_message(self, sid: str, data: Any) -> None:
        if isinstance(data, str) and data[:1] in ("2", "5") and _EVENT.match(data) is None:
            await self._hang_up(sid, "it sent no Socket.IO message (an event has a name)")
            return
        try:
            await self._handle(sid, data)
        except Exception as error:  # the library raises any error of its parts
            await self._hang_up(sid, f"it sent no Socket.IO message ({type(error).__name__})")

    async def _hang_up(self, sid: str, why: object) -> None:
        log.warning("connection %s is cut: %s", short(sid), why)
        socket = self._engine.sockets.pop(sid, None)
        if socket is not None:
            # Without waiting: a polling client would have to fetch the close message before the
            # client's own request is answered.
            await socket.close(wait=False)
            await socket.queue.put(None)  # ends the connection, also a WebSocket


async def whole_body(request: web.Request) -> bytes:
    """Read the body of a request to its end. Raise web.HTTPException for a refused body."""
    body = bytearray()
    try:
        while True:
            async with asyncio.timeout(SILENCE_S):
                piece = await request.content.readany()
            if not piece:
                break
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise _too_large(MAX_BODY_BYTES, len(body), "the messages of one request together")
    except TimeoutError as error:
        why = f"nothing of the body came for {SILENCE_S:g} s"
        raise web.HTTPRequestTimeout(text=why) from error
    check_messages(bytes(body))
    return bytes(body)


def check_messages(body: bytes) -> None:
    """Raise web.HTTPException if engine.io would lose the body, or a part of the body."""
    count = body.count(_SEPARATOR) + 1
    if count > MAX_MESSAGES_IN_A_BODY:
        why = f"{count:,} messages in one request; the server takes {MAX_MESSAGES_IN_A_BODY:,}"
        raise web.HTTPBadRequest(text=why)
    for message in body.split(_SEPARATOR):
        if len(message) > MAX_FRAME_BYTES:
            raise _too_large(MAX_FRAME_BYTES, len(message), "a message")
        if not message or message[0] not in _FIRST_BYTES:
            raise web.HTTPBadRequest(text="the body is not made of Engine.IO messages")
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise web.HTTPBadRequest(text="the body is not UTF-8 text") from error


def _too_large(limit: int, size: int, what: str) -> web.HTTPException:
    why = f"{what}: {size:,} bytes or more; the server takes {MAX_MESSAGE_BYTES:,} in a message"
    if limit > MAX_FRAME_BYTES:
        why += f", {limit:,} in a request"
    return web.HTTPRequestEntityTooLarge(limit, size, text=why)


class _Whole:
    """A complete body for engine.io to read."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self, _length: int) -> bytes:
        """Return the whole body."""
        return self._body


class _Answers(asyncio.Queue[Any]):
    """The messages that wait for one client.

    Engine.io waits for the first message, then takes the rest. After the 16th message the queue
    claims to be empty, so further messages come with the next answer.
    """

    _taken = 0

    async def get(self) -> Any:
        """Wait for the first message of an answer."""
        self._taken = 0
        return await super().get()

    def get_nowait(self) -> Any:
        """Take one more message. Raise asyncio.QueueEmpty, also for a full answer."""
        if self._taken >= MAX_MESSAGES_IN_AN_ANSWER:
            raise asyncio.QueueEmpty
        taken = super().get_nowait()
        self._taken += 1
        return taken


class _WebSocket:
    """A WebSocket as engine.io uses it, with a log line about the cause of a break."""

    def __init__(self, handler: Any, _server: Any) -> None:
        self._handler = handler
        self._socket = web.WebSocketResponse(max_msg_size=MAX_FRAME_BYTES)

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        """Serve the connection to its end."""
        await self._socket.prepare(environ["aiohttp.request"])
        await self._handler(self)
        return self._socket

    async def close(self) -> None:
        """Close the WebSocket."""
        await self._socket.close()

    async def send(self, message: str | bytes) -> None:
        """Send one message."""
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            await self._socket.send_str(message)

    async def wait(self) -> str | bytes:
        """Wait for a message. Raise OSError once no more messages will come."""
        message = await self._socket.receive()
        if message.type is WSMsgType.ERROR:
            log.warning("a WebSocket is cut: %s", message.data)
        data = message.data
        if not isinstance(data, str | bytes):
            raise OSError("the WebSocket is closed")
        if isinstance(data, str) and data[:1].encode() not in _TYPES:
            log.warning("a WebSocket is cut: it sent no Engine.IO message")
            raise OSError("no Engine.IO message")
        return data
