"""python-socketio's client as both adapters use it: a new one for each connection.

The library leaves a client whose handshake failed, or whose connection ended while it was being
made, in a state in which it never connects again.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import socketio

# A server that is well takes some milliseconds for a goodbye.
_GOODBYE_SECONDS = 1.0


def new_client(**options: Any) -> socketio.Client:
    """Make a client that neither connects again by itself nor listens to signals."""
    return socketio.Client(reconnection=False, handle_sigint=False, **options)


def hang_up(client: socketio.Client) -> None:
    """Say goodbye and disconnect; wait no longer than a moment for a server that is silent.

    The library waits until its reading thread has ended, which a frozen server keeps for half a
    minute; the kubelet would kill the node meanwhile, and nobody would let go of the Lease.
    """

    def disconnect() -> None:
        with suppress(Exception):  # whatever is wrong with it: it goes now
            client.disconnect()

    goodbye = threading.Thread(target=disconnect, name="goodbye", daemon=True)
    goodbye.start()
    goodbye.join(_GOODBYE_SECONDS)


def let_go(client: socketio.Client) -> None:
    """Free what a client holds whose connection has ended or never came about."""
    with suppress(Exception):  # what there is to free depends on how far it came
        client.eio.disconnect(abort=True)
