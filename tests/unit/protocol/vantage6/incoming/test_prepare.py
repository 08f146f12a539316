"""Runs with large inputs, in the server's list or its blob store: several at once do no harm."""

import base64
import tracemalloc
from functools import partial

import pytest

from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6 import large_payloads
from node_poc.protocol.vantage6.incoming import postponed, prepare
from node_poc.runs.ports import Answer
from tests.fakes.station import eventually
from tests.fakes.vantage6_taking import TakingWorld

NAME = "0b1f4a5e-0d1c-4b6a-9f0e-5a0f3c1d2e4"
SIZE = 12_000_000


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setattr(postponed, "_BACKOFF", Backoff(0.05, 0.1))
    monkeypatch.setattr(large_payloads, "_WAIT_SECONDS", 0.05)
    made = TakingWorld()
    yield made
    made.close()


def add_to_list(world, run_id, input_):
    world.add(run_id)
    world.runs[run_id] |= {"input": base64.b64encode(input_).decode()}


def add_to_blobs(world, run_id, input_):
    name = f"{NAME}{run_id:x}"
    world.add(run_id)
    world.runs[run_id] |= {"input": name, "blob_storage_used": True}
    world.trouble[f"GET blobstream/{name}"] = (200, base64.b64encode(input_))


@pytest.fixture(params=[add_to_list, add_to_blobs])
def add(request, world):
    """Return a function to add a run with its input in the list or in the blob store."""
    return partial(request.param, world)


def input_of(spec):
    return next(file.content for file in spec.files if file.name == "input")


LARGE = b"{" + b" " * SIZE + b"}"


def test_large_and_small_inputs_are_taken(world, add):
    add(1, LARGE)
    add(2, b"{}")
    world.start()
    eventually(lambda: len(world.engine.taken) == 2)
    assert input_of(world.engine.taken[1]) == LARGE
    assert input_of(world.engine.taken[2]) == b"{}"


def test_many_large_inputs_are_in_memory_one_after_the_other(world):
    for run_id in range(1, 13):
        add_to_blobs(world, run_id, LARGE)
    sizes = []

    def run(spec, _owner):
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


def test_a_large_input_that_waits_for_another_payload_holds_up_no_small_one(world, add):
    add(1, LARGE)
    add(2, b"{}")
    with world.access.large_payloads.hold_large():
        world.start()
        eventually(lambda: 2 in world.engine.taken)
        assert 1 not in world.engine.taken
        assert world.ends(1) == []
    eventually(lambda: 1 in world.engine.taken)


def test_a_blob_that_is_no_input_ends_its_run(world):
    for run_id, input_ in enumerate((b"[]", LARGE[:-1], b""), start=1):
        add_to_blobs(world, run_id, input_)
    world.start()
    for run_id in (1, 2, 3):
        eventually(lambda run_id=run_id: world.ends(run_id))
        (end,) = world.ends(run_id)
        assert end["status"] == "failed"
        assert "is no JSON object" in end["log"]


def test_an_input_that_is_too_large_ends_its_run(world, add, monkeypatch):
    monkeypatch.setattr(prepare, "MAX_BYTES", 8 << 20)
    monkeypatch.setattr(prepare, "MAX_TEXT_BYTES", 11 << 20)
    add(1, LARGE)
    add(2, b"{}")
    world.start()
    eventually(lambda: world.ends(1) and 2 in world.engine.taken)
    (end,) = world.ends(1)
    assert end["status"] == "failed"
    assert "The input cannot be read: it is larger than 8 MiB." in end["log"]


@pytest.mark.parametrize("answer", [(500, {"msg": "broken"}), (200, {"id": 1, "input": "e30="})])
def test_a_large_input_that_cannot_be_read_now_is_read_later(world, answer):
    add_to_list(world, 1, LARGE)
    world.trouble["GET run/1"] = answer
    world.start()
    eventually(lambda: world.asked("run/1") > 4)
    assert world.ends(1) == []
    del world.trouble["GET run/1"]
    eventually(lambda: 1 in world.engine.taken)


def test_a_large_input_beside_a_large_log_is_read(world):
    add_to_list(world, 1, LARGE)
    world.runs[1]["log"] = "said " * 400_000
    world.start()
    eventually(lambda: 1 in world.engine.taken)
    assert input_of(world.engine.taken[1]) == LARGE


def test_a_large_input_that_is_gone_ends_its_run(world):
    add_to_list(world, 1, LARGE)
    world.trouble["GET run/1"] = (404, {"msg": "gone"})
    world.start()
    eventually(lambda: world.ends(1))
    assert "The server refused a request" in world.ends(1)[0]["log"]
    [noted] = world.engine.refusals
    assert (noted["run_id"], noted["image"]) == (1, "host/a:1")
    assert noted["origin"] == {"task_id": "101", "init_org_id": "9", "init_user_id": "8"}
