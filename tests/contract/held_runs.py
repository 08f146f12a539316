"""Runs that a node holds back, and the readiness of the newest node of a station."""

import requests
from emitter_client import EmitterClient

from tests.fakes.station import Station, eventually


def readyz(station: Station) -> str:
    """Return the status, 200 or 503, and the text for people."""
    answer = requests.get(f"http://127.0.0.1:{station._nodes[-1]._health.port}/readyz", timeout=10)
    return f"{answer.status_code} {answer.text}"


def waits(station: Station, emitter: EmitterClient, run_id: int) -> None:
    """Wait until the run is told to wait for the walls; nothing of it may be in the cluster."""

    def told():
        runs = emitter.request("list_request", {}).get("runs", ())
        return next((run for run in runs if run["run_id"] == run_id and run["cause"]), None)

    run = eventually(told, f"run {run_id} waits")
    assert (run["status"], run["cause"]) == ("pending", "WallsNotUp")
    assert station.jobs_created(run_id) == 0


def ends_well(station: Station, emitter: EmitterClient, run_id: int) -> None:
    station.job_arrives(run_id)
    station.api.kubelet.ends(run_id)
    assert emitter.wait(run_id, 40)["status"] == "completed"
