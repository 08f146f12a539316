"""Plans of the random tests for a run: the steps in order, and the statuses that are right then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.contract.test_node_random_faults import Story


class NotYet(Exception):  # noqa: N818  it is no mistake
    """It is too early for this step: try the step again later."""


def ends(story: Story, run_id: int) -> None:
    story.cluster.kubelet.ends(run_id, log=b"said\n")


def crashes(story: Story, run_id: int) -> None:
    story.cluster.kubelet.ends(run_id, 3, log=b"said\n")


def starts(story: Story, run_id: int) -> None:
    story.cluster.kubelet.starts(run_id)


def waits(story: Story, run_id: int) -> None:
    story.cluster.kubelet.waits(run_id, "ErrImagePull", "toomanyrequests")


def is_evicted(story: Story, run_id: int) -> None:
    story.cluster.kubelet.evicts(run_id, "low on memory")


def loses_its_pod(story: Story, run_id: int) -> None:
    story.cluster.kubelet.deletes_pod(run_id)
    story.cluster.kubelet.finish_job(run_id, failed="BackoffLimitExceeded")


def is_noted(story: Story, run_id: int) -> None:
    """Raise NotYet until the run's record on the disk says that the Job was made."""
    record = Path(story.config.task_dir, str(run_id), "run.json")
    if json.loads(record.read_text())["job_created_at"] is None:
        raise NotYet


def loses_its_job(story: Story, run_id: int) -> None:
    story.cluster.kubelet.deletes_job(run_id)


def is_killed(story: Story, run_id: int) -> None:
    story.kill(run_id)


# A container of a killed run never ends by itself: if a kill is lost, the test does not end.
KILLED_AT_ONCE = "is killed at once"  # when its Job is asked for, maybe before the Job exists
KILLED_IN_BETWEEN = "is killed while its Job is made"  # before there is anything to remove
SEEN_BY_NOBODY = "loses its Job at once"  # maybe unseen: may be made again
STEPS: dict[str, list[Callable[[Story, int], None]]] = {
    "ends well": [ends],
    "runs and ends well": [starts, ends],
    "crashes": [crashes],
    "waits, runs and ends well": [waits, starts, ends],
    "is evicted": [is_evicted],
    "loses its pod": [loses_its_pod],
    SEEN_BY_NOBODY: [loses_its_job],
    "loses its Job": [is_noted, loses_its_job],
    "runs and loses its Job": [starts, is_noted, loses_its_job],
    KILLED_AT_ONCE: [starts],
    KILLED_IN_BETWEEN: [starts],
    "is killed with its first pod": [is_killed, starts],
    "is killed while it waits": [waits, is_killed, starts],
    "is killed while it runs": [starts, is_killed],
}
# The right statuses after each plan; for a killed run they depend on the answer to the kill.
RIGHT = {
    "crashes": {"crashed"},
    "is evicted": {"failed"},
    "loses its pod": {"failed"},
    "loses its Job": {"failed"},
    "runs and loses its Job": {"failed"},
    SEEN_BY_NOBODY: {"failed"},
}
