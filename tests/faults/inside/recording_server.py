"""The real dummy server, which also records each result from a node, and can cut connections.

    python recording_server.py RESULTS [options of simple_sio_server.py]

RESULTS gets a JSON line for each ``run_result`` that arrives, before the server handles the result.
On SIGUSR1 the server cuts every TCP connection at once, as a failing network does.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "dummy_socketio_server"))

import simple_sio_server
from aiohttp import web
from relay import Relay

_transports: set[Any] = set()


def record(path: Path) -> None:
    """Write each result that arrives into a file."""
    handle = Relay._on_run_result
    file = path.open("a", encoding="utf-8")

    async def recorded(self: Relay, sid: str, *arguments: Any) -> dict[str, Any]:
        file.write(json.dumps(arguments[0]) + "\n")
        file.flush()
        return await handle(self, sid, *arguments)

    Relay._on_run_result = recorded  # type: ignore[method-assign]


@web.middleware
async def _remember(request: web.Request, handler: Any) -> Any:
    transport = request.transport
    _transports.add(transport)
    try:
        return await handler(request)
    finally:
        _transports.discard(transport)


def cut() -> None:
    """Cut every connection."""
    for transport in list(_transports):
        if transport is not None:
            transport.abort()


def let_it_flap() -> None:
    """Return the server's application with a way to cut its connections."""
    make_app = simple_sio_server.make_app

    def flapping(answer_timeout_s: float) -> web.Application:
        app = make_app(answer_timeout_s)
        app.middlewares.append(_remember)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, cut)
        return app

    simple_sio_server.make_app = flapping


if __name__ == "__main__":
    record(Path(sys.argv[1]))
    let_it_flap()
    sys.exit(simple_sio_server.main(sys.argv[2:]))
