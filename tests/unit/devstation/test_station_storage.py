"""Stations whose folders are volume claims."""

from pathlib import Path

import pytest

from devstation import Location, StationError
from devstation.storage import Claims, are_claims_chosen
from devstation.users_files import users_objects

LOCATION = Location("v6-mine", Path("/srv/mine"), 5070)
CLAIMS = Claims("v6-mine", "v6", Path("/srv/mine/tasks"), Path("/srv/mine/csv"))


def unchanged(_):
    """Leave the configuration as it is."""


@pytest.mark.parametrize(
    ("environment", "chosen"),
    [({}, False), ({"STORAGE": ""}, False), ({"STORAGE": "hostPath"}, False),
     ({"STORAGE": "claims"}, True)],
)  # fmt: skip
def test_the_environment_chooses_the_storage(environment, chosen):
    assert are_claims_chosen(environment) is chosen


def test_another_storage_is_refused():
    with pytest.raises(StationError, match="STORAGE is hostPath or claims, not 'nfs'"):
        are_claims_chosen({"STORAGE": "nfs"})


def test_a_station_in_claims_has_no_folder_of_the_machine():
    place = ("localhost:5001", "127.0.0.1", LOCATION)
    objects = users_objects(*place, unchanged, None, CLAIMS)
    volumes = [
        volume
        for each in objects
        if each["kind"] == "Deployment"
        for volume in each["spec"]["template"]["spec"].get("volumes", [])
    ]
    assert not any("hostPath" in volume for volume in volumes)
    claimed = [
        v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v
    ]
    assert claimed == ["v6-tasks"]
    found = [
        each["metadata"]["name"] for each in objects if each["kind"] == "PersistentVolumeClaim"
    ]
    assert found == ["v6-tasks", "v6-databases"]
    folders = {
        each["spec"]["claimRef"]["name"]: each["spec"]["local"]["path"]
        for each in objects
        if each["kind"] == "PersistentVolume"
    }
    assert folders == {"v6-tasks": "/srv/mine/tasks", "v6-databases": "/srv/mine/csv"}


def test_a_station_with_folders_has_no_claim():
    kinds = {
        each["kind"] for each in users_objects("localhost:5001", "127.0.0.1", LOCATION, unchanged)
    }
    assert not {"PersistentVolume", "PersistentVolumeClaim"} & kinds
