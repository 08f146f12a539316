"""A tag in the policies and a digest in a task: a run waits while the registry is away."""

import pytest

from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6.incoming import policies, postponed
from node_poc.registry import tags as registry_module
from tests.fakes.registry import OWN, digest
from tests.fakes.station import eventually
from tests.fakes.vantage6_taking import TakingWorld


@pytest.fixture
def world(registry, monkeypatch):
    monkeypatch.setattr(postponed, "_BACKOFF", Backoff(0.05, 0.1))
    monkeypatch.setattr(registry_module, "_AWAY_SECONDS", 0.0)
    allowed = [f"{registry.host}/group/name:1", "host/a"]
    made = TakingWorld(policies={"allowed_algorithms": allowed})
    yield made
    made.close()


def test_the_digest_of_an_allowed_tag_runs_and_no_other(world, registry):
    name = f"{registry.host}/group/name"
    world.add(1, image=f"{name}@{digest(OWN)}")
    world.add(2, image=f"{name}@{digest(b'another')}")
    world.start()
    eventually(lambda: 1 in world.engine.taken and world.ends(2))
    assert world.engine.taken[1].image == f"{name}@{digest(OWN)}"
    (end,) = world.ends(2)
    assert end["status"] == "not allowed"


def test_another_tag_of_the_same_image_runs_as_what_it_means_now(world, registry):
    """The request for the container token still uses the task's own spelling of the image."""
    name = f"{registry.host}/group/name"
    registry.manifests["group/name:2"] = OWN
    world.add(1, image=f"{name}:2")
    world.start()
    eventually(lambda: 1 in world.engine.taken)
    assert world.engine.taken[1].image == f"{name}@{digest(OWN)}"
    (body,) = [body for _, path, _, body in world.server.asked if "token/container" in path]
    assert f"{name}:2".encode() in body


def test_a_run_waits_while_the_registry_is_away_and_holds_up_no_other(world, registry, monkeypatch):
    monkeypatch.setattr(policies, "_TRIES", 1000)
    registry.trouble = (503, b"")
    for number in range(1, 13):  # more than may fail in a row
        world.add(number, image=f"{registry.host}/group/name@{digest(OWN)}")
    world.add(20)
    world.start()
    eventually(lambda: 20 in world.engine.taken and len(registry.asked) > 20)
    assert not any(world.ends(number) for number in range(1, 13))
    registry.trouble = None
    eventually(lambda: len(world.engine.taken) == 13)


def test_a_registry_that_stays_away_allows_nothing(world, registry, monkeypatch):
    monkeypatch.setattr(policies, "_TRIES", 3)
    registry.trouble = (503, b"")
    world.add(1, image=f"{registry.host}/group/name@{digest(OWN)}")
    world.start()
    eventually(lambda: world.ends(1))
    (end,) = world.ends(1)
    assert end["status"] == "not allowed"
    assert "the registry did not tell this node" in end["log"]
    assert len(registry.asked) == 3
    assert not world.engine.taken
