"""Whether somebody keeps the node to its own Jobs is asked, logged once, and asked again."""

import queue

import pytest
from structlog.testing import capture_logs

from node_poc.cluster.errors import ClusterError
from node_poc.cluster.job_policy_check import JobPolicyCheck, forbidden_job
from node_poc.manifests.job import build_job
from tests.fakes.examples import config, spec

JOB = build_job(spec(), config(), "10.96.0.77", 10001)
DENIED = ClusterError("POST /jobs", 403, "Forbidden", "ValidatingAdmissionPolicy denied request")
QUOTA = ClusterError(
    "POST /jobs",
    403,
    "Forbidden",
    "exceeded quota: a, requested: pods=1, used: pods=2, limited: pods=2",
)
AWAY = ClusterError("POST /jobs", 0, "ConnectionError", "refused")


def checked(*answers):
    """Return (what is known, log lines) after one check for each answer; None: taken."""
    waiting = list(answers)

    def would_create(job):
        answer = waiting.pop(0)
        if answer is not None:
            raise answer

    check = JobPolicyCheck(would_create, JOB)
    with capture_logs() as lines:
        for _ in answers:
            check._check()
    return check.is_enforced, [line["log_level"] for line in lines if line["log_level"] != "debug"]


def test_the_job_that_is_tried_has_the_whole_machine():
    volumes = forbidden_job(JOB)["spec"]["template"]["spec"]["volumes"]
    assert volumes[-1]["hostPath"] == {"path": "/"}
    assert volumes[:-1] == JOB["spec"]["template"]["spec"]["volumes"]


@pytest.mark.parametrize(
    ("answers", "known", "levels"),
    [
        ([DENIED], True, ["info"]),
        ([None], False, ["warning"]),
        ([AWAY], None, []),
        ([QUOTA], None, []),
        ([None, None], False, ["warning"]),
        ([DENIED, None, DENIED], True, ["info", "warning", "info"]),
        ([DENIED, AWAY], True, ["info"]),
    ],
)
def test_what_is_found_is_told_when_it_changes(answers, known, levels):
    assert checked(*answers) == (known, levels)


def test_the_thread_asks_at_once_and_ends():
    asked = queue.SimpleQueue()
    check = JobPolicyCheck(asked.put, JOB)
    check.start()
    assert asked.get(timeout=10) == forbidden_job(JOB)
    check.stop()
    check._thread.join(10)
    assert not check._thread.is_alive()
    assert asked.empty()
