"""``kubernetes.queue``: the label by which Kueue takes a Job."""

import pytest
from pydantic import ValidationError

from node_poc.config.placement import Placement
from node_poc.isolation.job_policy import build_job_policy
from node_poc.isolation.self_test.jobs import build_tester
from node_poc.manifests.identity import LABEL_QUEUE
from node_poc.manifests.job import build_job
from tests.fakes.examples import config, spec


def labels(job):
    return [made["metadata"]["labels"].get(LABEL_QUEUE) for made in (job, job["spec"]["template"])]


def test_the_job_bears_the_label_and_its_pod_does_not():
    assert labels(build_job(spec(), config(queue="research"), None, 10001)) == ["research", None]
    assert labels(build_job(spec(), config(), None, 10001)) == [None, None]


def test_the_self_test_does_not_wait_behind_runs():
    assert labels(build_tester(config(queue="research"), 10001, "1", "")) == [None, None]


@pytest.mark.parametrize("queue", [None, "research"])
def test_the_policy_takes_suspended_jobs_only_with_a_queue(queue):
    (policy, _) = build_job_policy(config(queue=queue), "v6-node", 10001)
    messages = [each["message"] for each in policy["spec"]["validations"]]
    assert ("spec.suspend: must be false" in messages) is (queue is None)
    assert (f"metadata.labels: {LABEL_QUEUE} must be as set" in messages) is (queue is not None)


def test_a_label_of_placement_names_no_queue():
    with pytest.raises(ValidationError, match=r"set kubernetes\.queue instead"):
        Placement(labels={LABEL_QUEUE: "research"})
