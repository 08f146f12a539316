"""Runs whose container cannot start: the reason is reported at once, and nothing starts later."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstation import Cluster, wait_for
from tests.cluster.odd_images import OddImages, command
from tests.cluster.side_station import (
    Listener,
    SideStation,
    assert_nothing_can_start,
    listening,
    told,
)

LIMITS = {"hopeless_seconds": 5, "start_seconds": 60}
ENTRYPOINT = (
    "start failed",
    "StartError",
    "the image's entrypoint or command cannot be executed",
    "Check the image: it fails the same way on any machine.",
)
DATABASE = (
    "DatabaseMissing",
    "a database that it asks for is not where the data station expects it",
    "Tell the site which databases the task asks for: a file or folder is missing.",
)


@pytest.fixture(scope="module")
def listener(
    cluster: Cluster, recorder: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listener]:
    images = OddImages(cluster.settings["REGISTRY"])
    images.derive("v6_test_no_program", command("/no/such/program"))
    images.derive("v6_test_no_folder", lambda _: None, file=("app/output", "a file"))
    station = SideStation(cluster, "start", tmp_path_factory.mktemp("start"), limits=LIMITS)
    with listening(station) as listener:
        yield listener


def test_a_program_that_is_not_in_the_image(listener: Listener):
    run_id = listener.post("bad-command", image="localhost:5001/v6_test_no_program")
    result = listener.result(run_id)
    assert told(result) == ENTRYPOINT
    assert result["exit_code"] == 128


def test_a_mount_that_the_image_is_in_the_way_of(listener: Listener):
    run_id = listener.post("bad-mount", image="localhost:5001/v6_test_no_folder")
    result = listener.result(run_id)
    assert told(result) == ENTRYPOINT
    assert result["exit_code"] == 128


def test_a_database_that_is_missing_is_told_and_ends_the_run(listener: Listener):
    run_id = listener.post("database-missing", databases_to_use=["late"])
    assert told(listener.status(run_id, "DatabaseMissing")) == ("initializing", *DATABASE)
    result = listener.result(run_id)
    assert told(result) == ("start failed", *DATABASE)
    assert result["exit_code"] is None
    assert_nothing_can_start(listener.station, run_id)


def test_a_database_that_comes_in_time_is_used(listener: Listener):
    path = listener.station.location.home / "csv" / "late.csv"
    run_id = listener.post(
        "database-late",
        "/app/input/csv/late",
        "Age",
        "/app/output/avg.txt",
        databases_to_use=["late"],
    )
    try:
        wait_for(lambda: listener.station.job_of(run_id), "its Job is there")
        path.write_text("Age\n1\n3\n")
        assert told(listener.result(run_id)) == ("completed", None, None, None)
    finally:
        path.unlink()
