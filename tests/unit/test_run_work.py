"""A run's work where the disk fails it."""

from __future__ import annotations

from pathlib import Path

from node_poc.config.load import parse_config
from node_poc.log_keeper import LogKeeper
from node_poc.run_work import RunWork
from node_poc.runs.model import RunSpec
from node_poc.storage.past import PastRecords
from node_poc.storage.records import Records, RunRecord

CONFIG = """
server_url: http://nowhere
task_dir: {folder}
"""


class Objects:
    """The cluster's part: takes every Job."""

    def __init__(self) -> None:
        self.jobs: list[dict] = []

    def create_job(self, job: dict, _wanted) -> bool:
        self.jobs.append(job)
        return True

    def service_address(self, _: str) -> None:
        return None


def test_a_disk_that_fills_after_the_job_was_made_ends_no_run(tmp_path: Path):
    """The Job is there and its algorithm runs: to call the run failed to start was wrong."""
    records, objects = Records(tmp_path), Objects()
    config = parse_config(CONFIG.format(folder=tmp_path), {})
    keeper = LogKeeper(None, records.folder, 1, 1)
    work = RunWork(config, objects, records, PastRecords(tmp_path, None), keeper)
    # Its folder is not there, so nothing can be written into it, whoever writes.
    record = RunRecord(RunSpec(run_id=7, image="some/image"), "digest", 0.0)
    assert work.run(record, lambda: True) > 0
    assert len(objects.jobs) == 1
