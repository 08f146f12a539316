"""Runs by digest: the Job names what the tag meant at first, whatever the registry does later."""

import json

import pytest
from emitter_client import EventKind

from tests.fakes.registry import OWN, digest
from tests.fakes.station import eventually, payload


@pytest.fixture
def image(station, registry):
    station.settings["images"] = {"resolve": "on"}
    return f"{registry.host}/group/name:1"


def image_in(job):
    return job["spec"]["template"]["spec"]["containers"][0]["image"]


def cause_of(station, run_id):
    statuses = [e for e in list(station.events) if e.kind is EventKind.STATUS]
    return [e.data["cause"] for e in statuses if e.run_id == run_id][-1:]


def test_the_job_and_the_record_name_the_digest(station, registry, image):
    emitter = station.start()
    emitter.post(payload(7, image=image))
    assert image_in(station.job_arrives(7)) == f"{registry.host}/group/name@{digest(OWN)}"
    record = station.task_dir / "7/run.json"
    eventually(lambda: json.loads(record.read_text())["image_digest"] == digest(OWN))


def test_a_run_waits_for_its_registry_and_no_other_run_waits(station, registry, image):
    registry.trouble = (503, b"")
    emitter = station.start()
    emitter.post(payload(7, image=image))
    eventually(lambda: cause_of(station, 7) == ["RegistryAway"])
    emitter.post(payload(8, image=f"{registry.host}/group/other@{digest(OWN)}"))
    station.job_arrives(8)
    assert station.jobs_created(7) == 0
    registry.trouble = None
    assert image_in(station.job_arrives(7)).endswith(digest(OWN))


def test_a_registry_that_stays_away_ends_the_run(station, registry, image):
    station.settings["limits"] = {"pull_seconds": 0.5}
    registry.trouble = (503, b"")
    emitter = station.start()
    emitter.post(payload(7, image=image))
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("non-existing Docker image", "RegistryAway")
    assert station.jobs_created(7) == 0


def test_a_run_that_waits_for_its_registry_can_be_killed(station, registry, image):
    registry.trouble = (503, b"")
    emitter = station.start()
    emitter.post(payload(7, image=image))
    eventually(lambda: cause_of(station, 7) == ["RegistryAway"])
    emitter.request("kill_request", {"run_ids": [7]})
    assert emitter.wait(7, 40)["status"] == "killed by user"
