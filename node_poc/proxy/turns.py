"""Share the threads for encryption and decryption by address, so pods cannot take all threads.

A large body takes seconds. One thread therefore takes small bodies only, and the waiting addresses
take turns, however many requests each address has.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from node_poc.proxy.bodies import in_thread

Result = TypeVar("Result")

LARGE_BYTES = 4 << 20


@dataclass(eq=False)
class _Turn:
    is_large: bool
    may_begin: asyncio.Future[None]


class Turns:
    """A pool of threads, for use from one event loop."""

    def __init__(self, threads: int) -> None:
        """Start the pool; `threads` is at least two, because large bodies leave one thread free."""
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="crypto")
        self._free = threads
        self._free_for_large = threads - 1
        self._waiting: dict[str, deque[_Turn]] = {}

    async def run(self, address: str, size: int, work: Callable[[], Result]) -> Result:
        """Run work in a thread when the address gets its turn. `size`: bytes of the body."""
        turn = _Turn(size > LARGE_BYTES, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(address, deque()).append(turn)
        self._begin_next()
        try:
            await turn.may_begin
            return await in_thread(work, self._executor)
        finally:
            if turn.may_begin.cancelled():
                self._leave(address, turn)
            else:
                self._end(turn)

    def _leave(self, address: str, turn: _Turn) -> None:
        jobs = self._waiting[address]
        jobs.remove(turn)
        if not jobs:
            del self._waiting[address]

    def _end(self, turn: _Turn) -> None:
        self._free += 1
        self._free_for_large += turn.is_large
        self._begin_next()

    def _begin_next(self) -> None:
        while self._free and (turn := self._next()) is not None:
            self._free -= 1
            self._free_for_large -= turn.is_large
            turn.may_begin.set_result(None)

    def _next(self) -> _Turn | None:
        """Take the first request that may start; its address goes to the end of the queue."""
        for address, jobs in self._waiting.items():
            for turn in jobs:
                # A cancelled request leaves the queue by itself, in a moment.
                if turn.may_begin.done() or (turn.is_large and not self._free_for_large):
                    continue
                self._leave(address, turn)
                if jobs:
                    self._waiting[address] = self._waiting.pop(address)
                return turn
        return None

    def close(self) -> None:
        """Stop the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)
