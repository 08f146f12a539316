"""python-socketio's client as both adapters use it: a new client for each connection.

If the handshake fails, or the connection ends during the handshake, the library leaves the client
in a state from which the client never connects again.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import socketio

# A healthy server answers a disconnect within some milliseconds.
_GOODBYE_SECONDS = 1.0


def new_client(**options: Any) -> socketio.Client:
    """Return a client that neither reconnects by itself nor handles signals."""
    return socketio.Client(reconnection=False, handle_sigint=False, **options)


def hang_up(client: socketio.Client) -> None:
    """Disconnect; wait at most a second for a silent server.

    The library waits until its reading thread has ended. A frozen server holds up that thread for
    half a minute; meanwhile the kubelet would kill the node before the node releases the Lease.
    """

    def disconnect() -> None:
        with suppress(Exception):  # the client is thrown away, whatever fails here
            client.disconnect()

    goodbye = threading.Thread(target=disconnect, name="goodbye", daemon=True)
    goodbye.start()
    goodbye.join(_GOODBYE_SECONDS)


def let_go(client: socketio.Client) -> None:
    """Free the resources of a client after its connection has ended or has failed."""
    with suppress(Exception):  # the resources depend on how far the handshake came
        client.eio.disconnect(abort=True)
