"""Which node gets which command, and what is kept while none can: pure, no I/O, no clock.

A command is in one of two places: `waiting` (kept, in the order of arrival) or in flight (given to
the node, not answered yet). It leaves when the node answers. If the node's connection goes away,
what is in flight goes back to the front: to repeat a command is harmless, to lose one is not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

MAX_KEPT_COMMANDS = 10_000
# A bound in bytes too: 10,000 commands of 5 MB each would be 50 GB.
MAX_KEPT_BYTES = 256_000_000


class QueueFullError(Exception):
    """No further command can be kept; the text is the reason for the poster."""


@dataclass(frozen=True)
class Command:
    """One posted command.

    number: order of arrival, from 1
    poster: connection that posted it
    run_id: the run it names, None if it names none that could be routed
    size_bytes: about what it takes in memory
    """

    number: int
    poster: str
    payload: Any
    run_id: int | None
    size_bytes: int


class Told(Enum):
    """What the poster has been told of a command so far."""

    NOTHING = auto()
    KEPT = auto()
    UNKNOWN = auto()


class Dispatch:
    """The nodes in the order they came, the commands kept, and those in flight."""

    def __init__(
        self, max_commands: int = MAX_KEPT_COMMANDS, max_bytes: int = MAX_KEPT_BYTES
    ) -> None:
        self._max_commands = max_commands
        self._max_bytes = max_bytes
        self._nodes: dict[str, str] = {}  # connection -> name, in the order they came
        self._waiting: deque[Command] = deque()
        self._in_flight: dict[int, Command] = {}
        self._told: dict[int, Told] = {}
        self._bytes = 0
        self._last_number = 0

    @property
    def node(self) -> str | None:
        """The connection that gets the commands: the first node that is still there."""
        return next(iter(self._nodes), None)

    @property
    def kept(self) -> int:
        """How many commands wait for a node."""
        return len(self._waiting)

    def name_of(self, sid: str) -> str | None:
        """Return the name under which a connection is registered as a node, None if it is none."""
        return self._nodes.get(sid)

    def add_node(self, sid: str, name: str = "") -> None:
        """Register a connection as a node; a second registration changes nothing."""
        self._nodes.setdefault(sid, name)

    def remove(self, sid: str) -> bool:
        """Forget a connection that went away; tells whether it was the node that got the commands.

        What that node had not answered is kept again, in the old order. Not so the commands whose
        poster was already told that nobody knows: it decides what comes next.
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
            if self._told[number] is Told.UNKNOWN:
                self._drop(command)
            else:
                back.append(command)
        self._in_flight.clear()
        self._waiting.extendleft(reversed(back))

    def accept(self, poster: str, payload: Any, run_id: int | None, size_bytes: int) -> Command:
        """Take a command in, behind all others. Raises QueueFullError."""
        if len(self._told) >= self._max_commands:
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
        self._told[command.number] = Told.NOTHING
        self._bytes += size_bytes
        return command

    def hand_over(self) -> tuple[str, Command] | None:
        """Put the first waiting command in flight.

        Returns the node's connection and the command, or None if there is nothing to do.
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
        """Forget commands that wait for a node; any other is left alone."""
        for command in self._waiting:
            if command.number in numbers:
                self._drop(command)
        self._waiting = deque(one for one in self._waiting if one.number not in numbers)

    def promise(self, number: int) -> None:
        """Note that the poster of this command was told that it is kept."""
        if number in self._told:
            self._told[number] = Told.KEPT

    def answered(self, number: int) -> tuple[Command, Told] | None:
        """Settle a command in flight that the node answered; None if it is not in flight."""
        command = self._in_flight.pop(number, None)
        if command is None:
            return None
        told = self._told[number]
        self._drop(command)
        return command, told

    def silent(self, number: int) -> tuple[Command, Told] | None:
        """Note that the node let the time for an answer pass; None if it is not in flight.

        A promised command waits again, for the promise binds; of any other the poster is now told
        that nobody knows, and it stays in flight for the case of a late answer.
        """
        command = self._in_flight.get(number)
        if command is None:
            return None
        told = self._told[number]
        if told is Told.KEPT:
            del self._in_flight[number]
            self._waiting.append(command)
        else:
            self._told[number] = Told.UNKNOWN
        return command, told

    def _drop(self, command: Command) -> None:
        del self._told[command.number]
        self._bytes -= command.size_bytes
