"""The dummy vantage6 server: `python simple_sio_server.py` publishes runs to the node.

The dummy server stands in for a vantage6 server in the proof of concept and keeps everything in
memory. `relay.py` documents the messages. Exit codes: 0 stopped by a signal, 2 usage or settings, 4
cannot listen on the address.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aiohttp import web
from relay import ANSWER_TIMEOUT_S, Relay
from server_settings import (
    DEFAULT_FILE,
    ServerSettings,
    SettingsError,
    check_address,
    check_port,
    load,
)
from socket_server import make_socket_server

log = logging.getLogger("dummy-server")

# Open connections are cut after this time, so that Ctrl-C ends the server promptly.
SHUTDOWN_TIMEOUT_S = 0.5


class ListenError(Exception):
    """The server cannot listen on the address; the text gives cause and remedy."""


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; argparse exits with 2 on a usage error."""
    parser = argparse.ArgumentParser(
        description="Dummy vantage6 server: hands posted runs to the node, and results back.",
        epilog="Example: python simple_sio_server.py --host 127.0.0.1 --port 5000",
    )
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_FILE, metavar="FILE", help="settings file"
    )
    parser.add_argument("--host", metavar="IP", help="listen here instead of server_ip")
    parser.add_argument("--port", type=int, help="listen here instead of port; 0: any free one")
    parser.add_argument(
        "--answer-timeout",
        type=float,
        default=ANSWER_TIMEOUT_S,
        metavar="SECONDS",
        help="how long a connected node may take to answer a command (default %(default)g)",
    )
    return parser.parse_args(argv)


def settings_from(arguments: argparse.Namespace) -> ServerSettings:
    """Combine the settings file with the options that override the file. Raise SettingsError."""
    settings = load(arguments.config)
    if arguments.host is not None:
        host = check_address(arguments.host, "command line", "--host")
        settings = replace(settings, server_ip=host)
    if arguments.port is not None:
        settings = replace(settings, port=check_port(arguments.port, "command line", "--port"))
    return settings


def make_app(answer_timeout_s: float) -> web.Application:
    """Build the web application with the Socket.IO server and the relay."""
    sio = make_socket_server()
    app = web.Application()
    sio.attach(app)
    Relay(sio, answer_timeout_s).register()
    return app


async def serve(settings: ServerSettings, answer_timeout_s: float) -> None:
    """Serve until SIGINT or SIGTERM. Raise ListenError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    # The relay logs each event; the web server's own access log would repeat the events.
    runner = web.AppRunner(
        make_app(answer_timeout_s), access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.server_ip, settings.port)
        try:
            await site.start()
        except OSError as error:
            raise ListenError(explain(error, settings)) from error
        for address in runner.addresses:
            host = f"[{address[0]}]" if ":" in address[0] else address[0]
            log.info("listening on http://%s:%d", host, address[1])
        await stop.wait()
        log.info("stopping: what was kept in memory is gone now, nodes and emitters reconnect")
    finally:
        await runner.cleanup()


def explain(error: OSError, settings: ServerSettings) -> str:
    """Return the cause and the remedy of the system's error."""
    where = f"{settings.server_ip} port {settings.port}"
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"cannot listen on {where}: no adapter of this machine has that address. Remedy: set "
            "server_ip to one that `ip addr` shows (172.30.0.1 exists while the dev cluster is up)."
        )
    if error.errno == errno.EADDRINUSE:
        return (
            f"cannot listen on {where}: the port is in use. Remedy: stop the other program "
            f"(`ss -ltnp 'sport = :{settings.port}'` names it) or choose another port."
        )
    if error.errno == errno.EACCES:
        return f"cannot listen on {where}: not allowed. Remedy: choose a port from 1024 upwards."
    return f"cannot listen on {where}: {error.strerror}. Remedy: check server_ip and port."


def main(argv: Sequence[str]) -> int:
    """Run the server; return the exit code."""
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    arguments = parse_arguments(argv)
    try:
        settings = settings_from(arguments)
        asyncio.run(serve(settings, arguments.answer_timeout))
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except ListenError as error:
        sys.stderr.write(f"error: {error}\n")
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
