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
class _Call:
    is_large: bool
    may_begin: asyncio.Future[None]


class FairPool:
    """A pool of threads, for use from one event loop."""

    def __init__(self, threads: int) -> None:
        """Start the pool; `threads` is at least two, because large bodies leave one thread free."""
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="crypto")
        self._free = threads
        self._free_for_large = threads - 1
        self._waiting: dict[str, deque[_Call]] = {}

    async def run(self, address: str, size: int, work: Callable[[], Result]) -> Result:
        """Run work in a thread when the address gets its turn. `size`: bytes of the body."""
        call = _Call(size > LARGE_BYTES, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(address, deque()).append(call)
        self._begin_next()
        try:
            await call.may_begin
            return await in_thread(work, self._executor)
        finally:
            if call.may_begin.cancelled():
                self._leave(address, call)
            else:
                self._end(call)

    def _leave(self, address: str, call: _Call) -> None:
        calls = self._waiting[address]
        calls.remove(call)
        if not calls:
            del self._waiting[address]

    def _end(self, call: _Call) -> None:
        self._free += 1
        self._free_for_large += call.is_large
        self._begin_next()

    def _begin_next(self) -> None:
        while self._free and (call := self._next()) is not None:
            self._free -= 1
            self._free_for_large -= call.is_large
            call.may_begin.set_result(None)

    def _next(self) -> _Call | None:
        """Take the first request that may start; its address goes to the end of the queue."""
        for address, calls in self._waiting.items():
            for call in calls:
                # A cancelled request leaves the queue by itself, in a moment.
                if call.may_begin.done() or (call.is_large and not self._free_for_large):
                    continue
                self._leave(address, call)
                if calls:
                    self._waiting[address] = self._waiting.pop(address)
                return call
        return None

    def close(self) -> None:
        """Stop the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)
