"""Owners take turns: many runs of an owner do not go before the next run of every other owner."""

from tests.fakes.station import eventually, payload


def places(emitter):
    """Return the ids of waiting runs, ordered by place; none while the node is registering."""
    runs = emitter.request("list_request", {}).get("runs", [])
    waiting = [run for run in runs if run["position"]]
    return [run["run_id"] for run in sorted(waiting, key=lambda run: run["position"])]


def post_all(station):
    """Post ten runs from an emitter, then two runs from another."""
    first, second = station.connect(), station.connect()
    for run_id in range(1, 11):
        first.post(payload(run_id))
    for run_id in (21, 22):
        second.post(payload(run_id))
    return first


TURNS = [2, 21, 3, 22, 4, 5, 6, 7, 8, 9, 10]


def test_those_who_post_take_turns_and_places_tell_the_order_of_starts(station):
    station.settings["runs_in_flight"] = 1
    station.start()
    emitter = post_all(station)
    assert places(emitter) == TURNS
    started = []
    for run_id in [1, *TURNS]:
        station.job_arrives(run_id)
        started.append(run_id)
        assert places(emitter) == TURNS[len(started) - 1 :]
        station.api.kubelet.starts(run_id)
        station.api.kubelet.ends(run_id)


def test_a_place_is_told_with_the_reason_and_is_true_later_too(station):
    station.settings["runs_in_flight"] = 1
    station.start()
    emitter = post_all(station)
    detail = lambda: emitter.request("status_request", {"run_id": 22})["run"]["detail"]  # noqa: E731
    assert "3 wait before this one" in detail()
    station.job_arrives(1)
    station.api.kubelet.starts(1)
    station.api.kubelet.ends(1)
    eventually(lambda: "2 wait before this one" in detail())


def test_after_a_restart_the_line_is_as_fair(station):
    station.settings["runs_in_flight"] = 1
    station.start()
    emitter = post_all(station)
    station.job_arrives(1)
    eventually(lambda: "initializing" in station.statuses(1), "the node knows the Job of run 1")
    station.stop_node()
    station.start_node()
    eventually(lambda: places(emitter) == TURNS)
