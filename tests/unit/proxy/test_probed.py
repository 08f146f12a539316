"""The proxy's port for probes: probes get answers, and no connection occupies the port."""

import asyncio
import contextlib

from node_poc.proxy import probed
from node_poc.proxy.probed import ProbedPort

PROBE = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"


def with_port(story):
    async def run():
        port = ProbedPort()
        server = await asyncio.get_running_loop().create_server(port, "127.0.0.1", 0)
        async with server:
            await story(server.sockets[0].getsockname()[1])
            port.close()

    asyncio.run(asyncio.wait_for(run(), 20))


async def ask(port, path=b"/healthz"):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(PROBE % path)
    told = await reader.read()
    writer.close()
    return told.split(b"\r\n")[0]


def test_probes_are_answered():
    async def story(port):
        assert await ask(port) == b"HTTP/1.1 200 OK"
        assert await ask(port, b"/readyz") == b"HTTP/1.1 200 OK"
        assert await ask(port, b"/other") == b"HTTP/1.1 404 Not Found"

    with_port(story)


def test_silent_connections_hold_up_no_probe(monkeypatch):
    monkeypatch.setattr(probed, "_MOST_OPEN", 5)

    async def story(port):
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        assert await ask(port) == b"HTTP/1.1 200 OK"
        for _, writer in silent:
            writer.close()

    with_port(story)


def test_a_silent_connection_is_let_go(monkeypatch):
    monkeypatch.setattr(probed, "_HEAD_SECONDS", 0.05)

    async def story(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()

    with_port(story)
