"""A node whose self-test found the walls open starts no run, also after a restart."""

import json
import time

import pytest

from node_poc.cluster.connect import connect
from node_poc.cluster.self_test import SelfTest
from node_poc.runs.walls_verdict import Enforcement, WallsVerdict
from node_poc.storage.walls_note import WallsNote
from tests.contract.held_runs import ends_well, readyz, waits
from tests.fakes.station import eventually, payload

OPEN = WallsVerdict(Enforcement.NOT, open_ways=("the API server's Service",))
PROVEN = WallsVerdict(Enforcement.AT_ONCE, tested=("the API server's Service",), pods=9)


@pytest.fixture
def verdicts(station, monkeypatch):
    """Let self-tests find the last of these verdicts, or nothing while there is none."""
    found = []

    def test(_self, ended):
        while not found and not ended.wait(0.02):
            pass
        return found[-1] if found else OPEN

    monkeypatch.setattr(SelfTest, "run", test)
    monkeypatch.setattr("node_poc.cluster.walls_proof.WallsProof._next_pause", lambda *_: 0.05)
    station.settings["walls"] = {"self_test_hours": 24}
    return found


def made_now(verdict):
    return WallsVerdict.from_dict(verdict.to_dict() | {"made_at": time.time()})


def test_before_the_first_verdict_runs_start(station, verdicts):
    emitter = station.start()
    emitter.post(payload(7))
    ends_well(station, emitter, 7)
    assert "no self-test was made yet" in readyz(station)


def test_open_walls_hold_runs_back_until_a_test_finds_them_closed(station, verdicts):
    emitter = station.start()
    verdicts.append(made_now(OPEN))
    eventually(lambda: "no run is started" in readyz(station))
    assert "open are the API server's Service" in readyz(station)
    emitter.post(payload(7))
    waits(station, emitter, 7)
    verdicts.append(made_now(PROVEN))
    ends_well(station, emitter, 7)
    assert "no run is started" not in readyz(station)


def test_a_site_that_does_not_require_walls_is_warned(station, verdicts):
    station.settings["walls"]["required"] = False
    emitter = station.start()
    verdicts.append(made_now(OPEN))
    eventually(lambda: "runs start, although the cluster lets them out" in readyz(station))
    emitter.post(payload(7))
    ends_well(station, emitter, 7)


def test_the_verdict_of_a_former_process_counts_until_the_next(station, verdicts):
    emitter = station.start()
    verdicts.append(made_now(OPEN))
    eventually(lambda: "no run is started" in readyz(station))
    station.stop_node()
    verdicts.clear()
    station.start_node()
    assert "no run is started" in readyz(station)
    emitter.post(payload(7))
    waits(station, emitter, 7)
    verdicts.append(made_now(PROVEN))
    ends_well(station, emitter, 7)


def test_the_verdict_of_another_cluster_does_not_count(station, verdicts):
    (station.task_dir / ".node").mkdir()
    WallsNote(station.task_dir, "another").write(made_now(OPEN))
    emitter = station.start()
    emitter.post(payload(7))
    ends_well(station, emitter, 7)


def test_the_note_on_the_disk_names_the_cluster_and_not_its_secrets(station, verdicts):
    station.start()
    verdicts.append(made_now(PROVEN))
    path = station.task_dir / ".node/walls.json"
    eventually(path.exists)
    note = json.loads(path.read_text())
    assert note["cluster"] == connect().cluster
    assert len(note["cluster"]) == 16
    assert note["verdict"]["enforcement"] == "enforced at once"
