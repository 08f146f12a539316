"""The proxy asks the server for public keys: only a few at a time for each address."""

import asyncio
from collections import Counter

import pytest

from node_poc.proxy import public_keys
from node_poc.proxy.public_keys import PublicKeys
from node_poc.proxy.questions import ServerAnswer
from node_poc.proxy.refusals import RequestRefusedError


class Server:
    """A slow server; ``most`` counts the highest number of simultaneous requests by address."""

    def __init__(self, monkeypatch):
        self.now = Counter()
        self.most = Counter()
        self.asked = 0
        monkeypatch.setattr(public_keys, "ask", self.ask)

    async def ask(self, upstream, path, headers):
        del upstream
        (address,) = headers
        self.asked += 1
        self.now[address] += 1
        self.most[address] = max(self.most[address], self.now[address])
        for _ in range(3):
            await asyncio.sleep(0)
        self.now[address] -= 1
        number = int(path.removeprefix("/organization/"))
        return ServerAnswer(404 if number == 13 else 200, {"public_key": f"key {number}"})


@pytest.fixture
def server(monkeypatch):
    return Server(monkeypatch)


def test_an_address_asks_for_few_at_one_time_however_many_tasks_it_makes(server):
    async def play():
        keys = PublicKeys(None)
        tasks = [keys.of(pod, range(100, 120), [pod]) for pod in ("a", "a", "a", "b")]
        return await asyncio.gather(*tasks), keys

    answers, keys = asyncio.run(play())
    assert answers == [{number: f"key {number}" for number in range(100, 120)}] * 4
    assert server.asked == 80
    assert server.most == {"a": 8, "b": 8}
    assert dict(keys._places) == {}


def test_a_refusal_gives_the_places_back(server):
    async def play():
        keys = PublicKeys(None)
        for _ in range(10):
            with pytest.raises(RequestRefusedError, match="organization 13: HTTP 404"):
                await keys.of("a", range(1, 30), ["a"])
        return await keys.of("a", [1], ["a"])

    assert asyncio.run(play()) == {1: "key 1"}
