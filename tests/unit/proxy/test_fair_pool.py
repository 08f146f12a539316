"""Addresses take turns at the threads, and small bodies pass large bodies."""

import asyncio
import threading

import pytest

from node_poc.proxy.fair_pool import LARGE_BYTES, FairPool


class Work:
    """Work that continues until its gate opens; ``begun`` lists the started names in order."""

    def __init__(self, turns):
        self.turns = turns
        self.begun = []
        self.gates = {}

    def start(self, address, name, size=0):
        gate = self.gates[name] = threading.Event()

        def work():
            self.begun.append(name)
            assert gate.wait(60)
            return name

        return asyncio.ensure_future(self.turns.run(address, size, work))

    async def until_begun(self, *names):
        while not set(names) <= set(self.begun):
            await asyncio.sleep(0.001)


@pytest.fixture
def scene():
    def run(play, threads=2):
        async def played():
            turns = FairPool(threads)
            work = Work(turns)
            try:
                await asyncio.wait_for(play(work), 60)
            finally:
                for gate in work.gates.values():
                    gate.set()
                turns.close()
            assert turns._waiting == {}
            assert (turns._free, turns._free_for_large) == (threads, threads - 1)

        asyncio.run(played())

    return run


def test_addresses_take_turns_however_many_requests_one_has(scene):
    async def play(work):
        tasks = [work.start("greedy", f"g{number}") for number in range(6)]
        await work.until_begun("g0", "g1")
        tasks += [work.start("modest", "m0"), work.start("other", "o0")]
        for name in ("g0", "g1", "m0", "g2", "o0", "g3", "g4", "g5"):
            await work.until_begun(name)
            work.gates[name].set()
        assert await asyncio.gather(*tasks) == [*(f"g{n}" for n in range(6)), "m0", "o0"]
        # The line was g2 to g5, m0, o0: each address gets a turn before any address gets a second.
        assert work.begun.index("m0") <= 3
        assert work.begun.index("o0") <= 4

    scene(play)


def test_large_bodies_leave_a_thread_to_small_ones(scene):
    async def play(work):
        large = [work.start(f"pod{n}", f"large{n}", LARGE_BYTES + 1) for n in range(5)]
        await work.until_begun("large0")
        for number in range(3):
            small = work.start("modest", f"small{number}", LARGE_BYTES)
            await work.until_begun(f"small{number}")
            work.gates[f"small{number}"].set()
            assert await small == f"small{number}"
        assert [name for name in work.begun if name.startswith("large")] == ["large0"]
        for gate in work.gates.values():
            gate.set()
        await asyncio.gather(*large)
        assert work.begun[-4:] == ["large1", "large2", "large3", "large4"]

    scene(play)


def test_small_ones_do_not_starve_a_large_one(scene):
    async def play(work):
        first = work.start("a", "small0")
        await work.until_begun("small0")
        large = work.start("b", "large", LARGE_BYTES + 1)
        await work.until_begun("large")
        work.gates["large"].set()
        work.gates["small0"].set()
        await asyncio.gather(first, large)

    scene(play)


def test_who_goes_away_leaves_the_line_and_keeps_no_thread(scene):
    async def play(work):
        running = [work.start("a", "0"), work.start("a", "1")]
        await work.until_begun("0", "1")
        waiting = [work.start("a", "2"), work.start("b", "3"), work.start("b", "4")]
        await asyncio.sleep(0)
        waiting[0].cancel()
        waiting[1].cancel()
        running[0].cancel()  # its work continues to the end
        await asyncio.sleep(0.01)
        assert not running[0].done()
        work.gates["0"].set()
        await work.until_begun("4")
        work.gates["1"].set()
        work.gates["4"].set()
        done = await asyncio.gather(*running, *waiting, return_exceptions=True)
        assert [isinstance(each, asyncio.CancelledError) for each in done] == [
            True,
            False,
            True,
            True,
            False,
        ]
        assert work.begun == ["0", "1", "4"]

    scene(play)


def test_what_work_raises_comes_back_and_frees_the_thread(scene):
    async def play(work):
        def broken():
            raise KeyError("x")

        for _ in range(5):
            with pytest.raises(KeyError):
                await work.turns.run("a", LARGE_BYTES + 1, broken)

    scene(play)
