"""Shared parts of the emitter's commands: exit codes, options, and questions to the node."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from emitter_client import (
    ACK_TIMEOUT_S,
    EmitterClient,
    EmitterError,
    Event,
    EventKind,
    NoAnswerError,
)
from emitter_view import clean
from server_settings import DEFAULT_FILE, load

COMPLETED, ENDED_OTHERWISE, USAGE, REFUSED, UNREACHABLE, TIMED_OUT, NODE_SAID_NO = range(7)
STOPPED, READER_GONE = 130, 141
# While a log is followed: seconds that a node or server may be away after its first answer.
PATIENCE_S = 60.0
PAUSE_S = 0.5
NOT_UNDERSTOOD = (
    "the node's answer was not understood; are node, server and this script equally new?"
)


class UsageError(Exception):
    """The command line, or a file named there, is unusable; the text gives the reason."""


class NodeSaidError(EmitterError):
    """The node, or the server for the node, answered with an error or against the contract."""


class Asker:
    """Ask the node questions through a connected client, within one time limit for all questions.

    Args:
        client: a connected client.
        limit_s: time limit in seconds for all questions together; None leaves each answer's own
            limit.
        note: called with lines for people.
    """

    def __init__(
        self, client: EmitterClient, limit_s: float | None, note: Callable[[str], None]
    ) -> None:
        self._client = client
        self._end = None if limit_s is None else time.monotonic() + limit_s
        self._note = note

    def ask(self, event: str, question: dict[str, Any], key: str, kind: type) -> dict[str, Any]:
        """Return the answer, in which `key` has the type `kind`.

        Raise NodeSaidError, NoAnswerError or ServerUnreachableError.
        """
        left_s = ACK_TIMEOUT_S if self._end is None else self._end - time.monotonic()
        if left_s <= 0:
            raise NoAnswerError("the time given is over")
        answer = self._client.request(event, question, min(left_s, ACK_TIMEOUT_S))
        if not isinstance(answer, dict):
            raise NodeSaidError(NOT_UNDERSTOOD)
        why = answer.get("error") or answer.get("reason")
        if why or not isinstance(answer.get(key), kind):
            raise NodeSaidError(str(why or NOT_UNDERSTOOD))
        return answer

    def ask_patiently(
        self, event: str, question: dict[str, Any], key: str, kind: type
    ) -> dict[str, Any]:
        """Return the answer like `ask`, but retry after errors: a node may be restarting.

        Raises:
            EmitterError: the last error of `ask`, after PATIENCE_S seconds or at the end of the
                time limit; at the time limit a NodeSaidError becomes a NoAnswerError.
        """
        give_up = time.monotonic() + PATIENCE_S
        warned = False
        while True:
            try:
                return self.ask(event, question, key, kind)
            except EmitterError as error:
                over = self._end is not None and time.monotonic() >= self._end
                if over and isinstance(error, NodeSaidError):
                    raise NoAnswerError(
                        f"the time given is over; the last word: {error}"
                    ) from error
                if over or time.monotonic() >= give_up:
                    raise
                if not warned:
                    self._note(f"{error}; asking again for {PATIENCE_S:g} s")
                    warned = True
            time.sleep(PAUSE_S)


@contextlib.contextmanager
def asking(options: argparse.Namespace) -> Iterator[Asker]:
    """Connect as the options say. Raise ServerUnreachableError or SettingsError."""
    with EmitterClient(options.server or default_server(), on_event=_tell_of_connection) as client:
        yield Asker(client, options.timeout or None, note)


def note(text: str) -> None:
    """Write one line for people to stderr, apart from the requested output."""
    sys.stderr.write(f"note: {clean(text)}\n")


def _tell_of_connection(event: Event) -> None:
    if event.kind is EventKind.CONNECTION_LOST:
        note("connection to the server lost, connecting again ...")
    elif event.kind is EventKind.RECONNECTED:
        note("connected again")


def default_server() -> str:
    """Return the address from the settings file beside this script. Raise SettingsError."""
    settings = load(DEFAULT_FILE)
    # this machine reaches a server on all adapters by the loopback address
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    host = local.get(settings.server_ip, settings.server_ip)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command."""
    parser.add_argument("--server", metavar="URL", help="default: from server_config.yaml")
    parser.add_argument(
        "--timeout", type=seconds, default=0.0, metavar="SECONDS", help="0, the default: no limit"
    )


def seconds(text: str) -> float:
    """Parse a non-negative number of seconds; argparse reports the ValueError."""
    value = float(text)
    if not 0 <= value < 10**9:
        raise ValueError(text)
    return value
