"""A new run with the number of a finished run: the old Job, folder and notes go first."""

import pytest

from node_poc.engine import janitor
from tests.fakes.station import eventually, payload

OTHER = "registry.example/other:2"


def image_of(station, run_id):
    """Return the image of the run's Job; None without a Job."""
    job = station._of("jobs", run_id)
    return job and job["spec"]["template"]["spec"]["containers"][0]["image"]


def ends(station, emitter, run_id, **changes):
    station.api.kubelet.on_pod = station.api.kubelet.ends
    assert emitter.post(payload(run_id, **changes))["accepted"]
    result = emitter.wait(run_id, 40)
    station.job_is_marked(run_id)
    return result


@pytest.mark.parametrize("folder", ["kept", "gone"])
def test_a_number_is_free_when_nothing_is_left(station, monkeypatch, folder):
    if folder == "gone":
        monkeypatch.setattr(janitor, "_ROUND_SECONDS", 0.1)
        station.settings = {"keep_folders_seconds": 0}
    emitter = station.start()
    manager = station._nodes[-1]._manager
    ends(station, emitter, 7)
    if folder == "gone":
        eventually(lambda: not (station.task_dir / "7").exists())
    assert manager.knows(7)
    assert not manager.retire(7)  # the old Job still exists
    eventually(lambda: manager.retire(7))
    assert not manager.knows(7)
    assert not (station.task_dir / "7").exists()
    assert station._of("jobs", 7) is None
    station.api.kubelet.on_pod = station.api.kubelet.starts
    assert emitter.post(payload(7, image=OTHER))["accepted"]
    eventually(lambda: station.jobs_created(7) == 2)
    eventually(lambda: station.statuses(7)[-1:] == ["active"])
    assert not manager.retire(7)
    station.api.kubelet.ends(7)
    eventually(lambda: station.results_at_server(7) == 2)
    assert image_of(station, 7) == OTHER


def test_a_job_of_another_run_of_the_number_is_not_taken_for_this_ones(station):
    emitter = station.start()
    ends(station, emitter, 7)
    other = station._of("jobs", 7)
    manager = station._nodes[-1]._manager
    eventually(lambda: manager.retire(7))
    made = other | {"metadata": {k: v for k, v in other["metadata"].items() if k != "uid"}}
    station.api.store.create("jobs", made)
    station.api.kubelet.on_pod = station.api.kubelet.ends
    assert emitter.post(payload(7, image=OTHER))["accepted"]
    eventually(lambda: image_of(station, 7) == OTHER)
    eventually(lambda: station.results_at_server(7) == 2)
    assert station.jobs_created(7) >= 2
