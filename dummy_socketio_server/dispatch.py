"""Assign commands to nodes, and keep commands while no node is connected: pure, no I/O, no clock.

A command is in one of two places: `waiting` (kept, in the order of arrival) or in flight (sent to
the node, not answered yet). The node's answer removes the command. If the node's connection is
lost, the commands in flight go back to the front: repeating a command is harmless, losing a command
is not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

MAX_KEPT_COMMANDS = 10_000
# A limit in bytes too: 10,000 commands of 5 MB each would be 50 GB.
MAX_KEPT_BYTES = 256_000_000


class QueueFullError(Exception):
    """No further command can be kept; the text is the reason for the poster."""


@dataclass(frozen=True)
class Command:
    """One posted command.

    Attributes:
        number: order of arrival, from 1.
        poster: connection that posted the command.
        payload: the command as posted.
        run_id: the run in the payload, None if the payload names no run that can be routed.
        size_bytes: approximate size in memory.
    """

    number: int
    poster: str
    payload: Any
    run_id: int | None
    size_bytes: int


class Notice(Enum):
    """The last message about a command to its poster."""

    NOTHING = auto()
    KEPT = auto()
    UNKNOWN = auto()


class Dispatch:
    """The nodes in order of registration, the kept commands, and the commands in flight."""

    def __init__(
        self, max_commands: int = MAX_KEPT_COMMANDS, max_bytes: int = MAX_KEPT_BYTES
    ) -> None:
        self._max_commands = max_commands
        self._max_bytes = max_bytes
        self._nodes: dict[str, str] = {}  # connection -> name, in order of registration
        self._waiting: deque[Command] = deque()
        self._in_flight: dict[int, Command] = {}
        self._notices: dict[int, Notice] = {}
        self._bytes = 0
        self._last_number = 0

    @property
    def node(self) -> str | None:
        """The connection that gets the commands: the first registered node still connected."""
        return next(iter(self._nodes), None)

    @property
    def kept(self) -> int:
        """Number of commands that wait for a node."""
        return len(self._waiting)

    def name_of(self, sid: str) -> str | None:
        """Return the name that a connection registered as a node, None for other connections."""
        return self._nodes.get(sid)

    def add_node(self, sid: str, name: str = "") -> None:
        """Register a connection as a node; a second registration changes nothing."""
        self._nodes.setdefault(sid, name)

    def remove(self, sid: str) -> bool:
        """Forget a lost connection; return whether the connection was the active node.

        Commands that the active node had not answered are kept again, in the old order, except the
        commands with the state UNKNOWN: their poster decides whether to post again.
        """
        if sid not in self._nodes:
            return False
        was_active = self.node == sid
        del self._nodes[sid]
        if was_active:
            self._take_back()
        return was_active

    def _take_back(self) -> None:
        back = []
        for number in sorted(self._in_flight):
            command = self._in_flight[number]
            if self._notices[number] is Notice.UNKNOWN:
                self._drop(command)
            else:
                back.append(command)
        self._in_flight.clear()
        self._waiting.extendleft(reversed(back))

    def accept(self, poster: str, payload: Any, run_id: int | None, size_bytes: int) -> Command:
        """Add a command behind all others. Raise QueueFullError."""
        if len(self._notices) >= self._max_commands:
            raise QueueFullError(
                f"the server keeps at most {self._max_commands:,} commands that no node has "
                "answered, and that many are there; post it again when a node is connected"
            )
        if self._bytes + size_bytes > self._max_bytes:
            raise QueueFullError(
                f"the server keeps at most {self._max_bytes:,} bytes of commands that no node has "
                "answered; post it again when a node is connected"
            )
        self._last_number += 1
        command = Command(self._last_number, poster, payload, run_id, size_bytes)
        self._waiting.append(command)
        self._notices[command.number] = Notice.NOTHING
        self._bytes += size_bytes
        return command

    def hand_over(self) -> tuple[str, Command] | None:
        """Put the first waiting command in flight.

        Return the node's connection and the command, or None if there is no node or no command.
        """
        if self.node is None or not self._waiting:
            return None
        command = self._waiting.popleft()
        self._in_flight[command.number] = command
        return self.node, command

    def kept_commands(self) -> tuple[Command, ...]:
        """Return the commands that wait for a node, in order."""
        return tuple(self._waiting)

    def discard(self, numbers: Collection[int]) -> None:
        """Forget the waiting commands with these numbers; leave all other commands alone."""
        for command in self._waiting:
            if command.number in numbers:
                self._drop(command)
        self._waiting = deque(one for one in self._waiting if one.number not in numbers)

    def promise(self, number: int) -> None:
        """Note that the server told the poster that the command is kept."""
        if number in self._notices:
            self._notices[number] = Notice.KEPT

    def answered(self, number: int) -> tuple[Command, Notice] | None:
        """Settle a command in flight after the node's answer; return None if not in flight."""
        command = self._in_flight.pop(number, None)
        if command is None:
            return None
        notice = self._notices[number]
        self._drop(command)
        return command, notice

    def silent(self, number: int) -> tuple[Command, Notice] | None:
        """Note that the node did not answer in time; return None if the command is not in flight.

        A command promised as kept waits again, because the promise binds. The poster of any other
        command now hears that the outcome is unknown, and the command stays in flight in case of a
        late answer.
        """
        command = self._in_flight.get(number)
        if command is None:
            return None
        notice = self._notices[number]
        if notice is Notice.KEPT:
            del self._in_flight[number]
            self._waiting.append(command)
        else:
            self._notices[number] = Notice.UNKNOWN
        return command, notice

    def _drop(self, command: Command) -> None:
        del self._notices[command.number]
        self._bytes -= command.size_bytes
