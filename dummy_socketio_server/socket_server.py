"""The Socket.IO server: python-socketio's, with a long polling that carries what was promised.

python-engineio alone takes what has arrived of a body for all of it (some 200 kB), answers "OK" to
what it could not read, and puts more messages into one answer than its own client takes. So each
body is read and judged here, before the library sees it.
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

# A client sends all that it has in one body: after a reconnect that may be hundreds of results.
MAX_BODY_BYTES = 64_000_000
# Each message becomes an object of some hundred bytes before anybody looks into it.
MAX_MESSAGES_IN_A_BODY = 10_000
# python-engineio's client hangs up on an answer that holds more.
MAX_MESSAGES_IN_AN_ANSWER = 16
SILENCE_S = 30.0
# A node whose machine vanished is noticed after their sum, so before a command's 30 s are over.
PING_INTERVAL_S = 10
PING_TIMEOUT_S = 15
_SEPARATOR = b"\x1e"
_FIRST_BYTES = b"0123456b"
_TYPES = tuple(_FIRST_BYTES[place : place + 1] for place in range(len(_FIRST_BYTES)))
# Attachments, namespace and number of an event, then its name: looked for nowhere else.
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
    """Stands before engine.io: nothing gets to it that it would lose without a word."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._parts: dict[str, Any] = engine._async  # noqa: SLF001 -- no other way to its parts
        self._handle = engine.handlers["message"]

    def install(self) -> None:
        """Take the place of the parts that are not enough."""
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
            # The length is judged already: engine.io would take all messages of a body for one.
            environ["CONTENT_LENGTH"] = "0"
        return environ

    async def _on_message(self, sid: str, data: Any) -> None:
        if isinstance(data, str) and data[:1] in ("2", "5") and _EVENT.match(data) is None:
            await self._hang_up(sid, "it sent no Socket.IO message (an event has a name)")
            return
        try:
            await self._handle(sid, data)
        except Exception as error:  # the library raises whatever its parts raise
            await self._hang_up(sid, f"it sent no Socket.IO message ({type(error).__name__})")

    async def _hang_up(self, sid: str, why: object) -> None:
        log.warning("connection %s is cut: %s", short(sid), why)
        socket = self._engine.sockets.pop(sid, None)
        if socket is not None:
            # Without waiting: the client would have to ask for its goodbye before it is answered.
            await socket.close(wait=False)
            await socket.queue.put(None)  # the end, also of a WebSocket


async def whole_body(request: web.Request) -> bytes:
    """Read the body of a request to its end. Raises web.HTTPException for one that is not taken."""
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
    """Raise web.HTTPException if engine.io would lose something of this body, or all of it."""
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
    """A body that is there as a whole, for engine.io to read."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self, _length: int) -> bytes:
        """Return all of it."""
        return self._body


class _Answers(asyncio.Queue[Any]):
    """What waits for one client. Engine.io waits for the first message, then takes what is there.

    At the 16th it is told that there are no more, so they come with the next answer.
    """

    _taken = 0

    async def get(self) -> Any:
        """Wait for the first message of an answer."""
        self._taken = 0
        return await super().get()

    def get_nowait(self) -> Any:
        """Take one more message. Raises asyncio.QueueEmpty, also for a full answer."""
        if self._taken >= MAX_MESSAGES_IN_AN_ANSWER:
            raise asyncio.QueueEmpty
        taken = super().get_nowait()
        self._taken += 1
        return taken


class _WebSocket:
    """A WebSocket as engine.io uses it, which tells the log why it broke."""

    def __init__(self, handler: Any, _server: Any) -> None:
        self._handler = handler
        self._socket = web.WebSocketResponse(max_msg_size=MAX_FRAME_BYTES)

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        """Serve the connection to its end."""
        await self._socket.prepare(environ["aiohttp.request"])
        await self._handler(self)
        return self._socket

    async def close(self) -> None:
        """Say goodbye."""
        await self._socket.close()

    async def send(self, message: str | bytes) -> None:
        """Send one message."""
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            await self._socket.send_str(message)

    async def wait(self) -> str | bytes:
        """Wait for a message. Raises OSError once there will be none."""
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
