"""Runs whose inputs lie in the server's blob store: a few large ones at once do no harm."""

import base64
import tracemalloc

import pytest

from node_poc.backoff import Backoff
from node_poc.protocol import vantage6_later, vantage6_turn
from node_poc.protocol.ports import Answer
from tests.fakes.station import eventually
from tests.fakes.vantage6_taking import TakingWorld

NAME = "0b1f4a5e-0d1c-4b6a-9f0e-5a0f3c1d2e4"
SIZE = 12_000_000


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setattr(vantage6_later, "_BACKOFF", Backoff(0.05, 0.1))
    monkeypatch.setattr(vantage6_turn, "_WAIT_SECONDS", 0.05)
    made = TakingWorld()
    yield made
    made.close()


def add(world, run_id, input_):
    name = f"{NAME}{run_id:x}"
    world.add(run_id)
    world.runs[run_id] |= {"input": name, "blob_storage_used": True}
    world.trouble[f"GET blobstream/{name}"] = (200, base64.b64encode(input_))


def input_of(spec):
    return next(file.content for file in spec.files if file.name == "input")


LARGE = b"{" + b" " * SIZE + b"}"


def test_large_and_small_inputs_are_taken(world):
    add(world, 1, LARGE)
    add(world, 2, b"{}")
    world.start()
    eventually(lambda: len(world.engine.taken) == 2)
    assert input_of(world.engine.taken[1]) == LARGE
    assert input_of(world.engine.taken[2]) == b"{}"
    assert dict(world.engine.taken[1].origin)["blob_storage_used"] == "yes"


def test_many_large_inputs_are_in_memory_one_after_the_other(world):
    for run_id in range(1, 13):
        add(world, run_id, LARGE)
    sizes = []

    def run(spec):
        sizes.append(len(input_of(spec)))
        world.engine.open.add(spec.run_id)
        return Answer(accepted=True)

    world.engine.run = run
    tracemalloc.start()
    try:
        world.start()
        eventually(lambda: len(sizes) == 12)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sizes == [len(LARGE)] * 12
    assert peak < 5 * SIZE


def test_a_large_input_that_waits_for_another_payload_holds_up_no_small_one(world):
    add(world, 1, LARGE)
    add(world, 2, b"{}")
    with world.reports._line.turn.large():
        world.start()
        eventually(lambda: 2 in world.engine.taken)
        assert 1 not in world.engine.taken
        assert world.ends(1) == []
    eventually(lambda: 1 in world.engine.taken)


@pytest.mark.parametrize(
    ("input_", "reason"),
    [
        (b"[]", "is no JSON object"),
        (LARGE[:-1], "is no JSON object"),
        (b"", "is no JSON object"),
    ],
)
def test_an_input_that_is_none_ends_its_run(world, input_, reason):
    add(world, 1, input_)
    world.start()
    eventually(lambda: world.ends(1))
    (end,) = world.ends(1)
    assert end["status"] == "failed"
    assert reason in end["log"]
