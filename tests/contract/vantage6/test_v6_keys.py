"""The organization's public key at a real server is missing, different, or unusable."""

import pytest

from node_poc.crypto.keys import make_private_key, public_key_text
from node_poc.protocol.vantage6.outgoing import results
from node_poc.protocol.vantage6.rest.session import RestSession
from tests.fakes.station import eventually

ANOTHER = public_key_text(make_private_key())


class Key:
    """Alpha's public key at the server, set by a node of alpha as vantage6's own node would."""

    def __init__(self, station):
        server = station.world.server
        self._rest = RestSession(
            f"{server.host}:{server.port}", "/api", station.identity["api_key"]
        )
        self._rest.login()
        self._path = f"organization/{station.alpha}"

    def get(self):
        return self._rest.get(self._path)["public_key"]

    def set(self, text):
        self._rest.patch(self._path, {"public_key": text})
        assert self.get() == text


@pytest.fixture
def station(make_station):
    """A station in a collaboration with encryption."""
    return make_station(encrypted=True)


@pytest.fixture
def key(station):
    """Put the key back afterwards, as all tests of a session share the organization."""
    made = Key(station)
    right = made.get()
    assert right
    yield made
    made.set(right)


def works(station, user):
    made = station.submit(user)
    run_id = station.run_of(made)
    station.job_arrives(run_id)
    station.ends(run_id, result={"sum": 3})
    assert user.wait(made["task_id"], 90)["status"] == "completed"
    assert user.results(made["task_id"]) == ['{"sum": 3}']


@pytest.mark.parametrize("there", ["", ANOTHER, "QUFB"], ids=["missing", "another", "unreadable"])
def test_the_nodes_key_takes_its_place_and_payloads_can_be_read(station, key, keyholder, there):
    right = key.get()
    key.set(there)
    station.start_node()
    assert key.get() == right
    works(station, keyholder)


@pytest.mark.parametrize(
    ("there", "told"), [("", "has no public key"), ("QUFB", "cannot be read")], ids=["none", "junk"]
)
def test_a_result_for_whom_there_is_no_key_fails_its_run_only(
    station, key, keyholder, monkeypatch, there, told
):
    monkeypatch.setattr(results, "_KEY_SECONDS", 0.0)
    station.start_node()
    right = key.get()
    made = station.submit(keyholder)
    run_id = station.run_of(made)
    station.job_arrives(run_id)
    key.set(there)
    station.ends(run_id, result={"sum": 3})
    found = keyholder.wait(made["task_id"], 90)
    assert found["status"] == "failed"
    assert told in found["runs"][0]["log"]
    assert found["runs"][0]["finished_at"] is not None
    eventually(lambda: station.open_runs == [])
    key.set(right)
    works(station, keyholder)
