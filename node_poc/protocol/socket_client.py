"""python-socketio's client as both adapters use it: a new one for each connection.

The library leaves a client whose handshake failed, or whose connection ended while it was being
made, in a state in which it never connects again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import socketio


def new_client(**options: Any) -> socketio.Client:
    """Make a client that neither connects again by itself nor listens to signals."""
    return socketio.Client(reconnection=False, handle_sigint=False, **options)


def let_go(client: socketio.Client) -> None:
    """Free what a client holds whose connection has ended or never came about."""
    with suppress(Exception):  # what there is to free depends on how far it came
        client.eio.disconnect(abort=True)
