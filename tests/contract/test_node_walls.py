"""A node holds runs back while the NetworkPolicies around algorithms are not right."""

from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from node_poc.cluster import walls_watch
from node_poc.config.load import load_config
from tests.contract.held_runs import ends_well, readyz, waits
from tests.fakes import station as fake_station
from tests.fakes.kube_api import FOR_EVER
from tests.fakes.station import eventually, payload
from tests.fakes.walls import stored

KIND = "networkpolicies"
CLOSING = "v6-algorithms"


@pytest.fixture
def lines():
    with capture_logs() as found:
        yield found


@contextmanager
def removed(api):
    policy = api.store.delete(KIND, CLOSING)
    yield f"no run is started: NetworkPolicy {CLOSING} is missing"
    api.store.create(KIND, policy)


@contextmanager
def changed(api):
    before = api.store.get(KIND, CLOSING)["spec"]
    api.store.change(KIND, CLOSING, lambda made: made.update(spec=before | {"egress": [{}]}))
    yield f"no run is started: NetworkPolicy {CLOSING} was changed (egress)"
    api.store.change(KIND, CLOSING, lambda made: made.update(spec=before))


@contextmanager
def widened(api):
    spec = {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]}
    api.store.create(KIND, stored({"metadata": {"name": "all"}, "spec": spec}))
    yield "no run is started: NetworkPolicy all opens egress for algorithms"
    api.store.delete(KIND, "all")


@pytest.mark.parametrize("tamper", [removed, changed, widened])
def test_a_new_run_waits_until_the_walls_are_right_again(station, emitter, tamper):
    with tamper(station.api) as told:
        eventually(lambda: told in readyz(station), told)
        assert emitter.post(payload(7))["accepted"]
        waits(station, emitter, 7)
        assert readyz(station).startswith("503 ")
    ends_well(station, emitter, 7)
    assert readyz(station).startswith("200 ")


def test_a_run_that_is_going_goes_on_and_the_log_names_it(lines, station):
    emitter = station.start()
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.starts(7)
    with removed(station.api):
        word = "runs go on while the walls around them are not right"
        line = eventually(lambda: next((x for x in lines if x["event"] == word), None), word)
        assert line["run_ids"] == [7]
        emitter.post(payload(8))
        waits(station, emitter, 8)
        station.api.kubelet.ends(7)
        assert emitter.wait(7, 40)["status"] == "completed"
    ends_well(station, emitter, 8)


def test_a_node_that_starts_without_its_walls_starts_no_run_of_a_former_process(
    station, emitter, monkeypatch
):
    with removed(station.api) as told:
        eventually(lambda: told in readyz(station), told)
        emitter.post(payload(7))
        waits(station, emitter, 7)
        station.stop_node()
        with monkeypatch.context() as without_new_walls:
            load = lambda _api, path: load_config(path, {})  # noqa: E731
            without_new_walls.setattr(fake_station, "put_up_walls", load)
            node = station.start_node()
        assert told in "\n".join(node._remarks())
        waits(station, emitter, 7)
    ends_well(station, emitter, 7)


def test_policies_that_may_not_be_read_hold_runs_back_with_the_remedy(station):
    fault = station.api.faults.add("GET", KIND, status=403, times=FOR_EVER)
    emitter = station.start()
    assert "the NetworkPolicies cannot be read (status 403)" in readyz(station)
    assert "kubectl apply -f ./kubeconfs" in readyz(station)
    emitter.post(payload(7))
    waits(station, emitter, 7)
    fault.times = 0
    ends_well(station, emitter, 7)


def test_a_right_that_is_taken_away_later_is_noticed(station, emitter, monkeypatch):
    monkeypatch.setattr(walls_watch, "_TRUSTED_SECONDS", 0.1)
    station.api.faults.add("GET", KIND, status=403, times=FOR_EVER)
    station.api.end_watches()
    station.api.faults.add("WATCH", KIND, status=403, times=FOR_EVER)
    station.api.cut_connections()
    eventually(lambda: "cannot be read (status 403)" in readyz(station))
    emitter.post(payload(7))
    waits(station, emitter, 7)
    station.api.faults.clear()
    ends_well(station, emitter, 7)


def test_a_site_that_does_not_require_walls_is_warned_and_runs_start(lines, station):
    station.settings["walls"] = {"required": False}
    emitter = station.start()
    with removed(station.api):
        eventually(lambda: "runs start without their walls: Net" in readyz(station))
        assert readyz(station).startswith("200 ")
        emitter.post(payload(7))
        ends_well(station, emitter, 7)
    wrong = [x for x in lines if x["event"] == "the walls around algorithms are not right"]
    assert [line["policy"] for line in wrong] == [CLOSING]
