"""A Job whose protections the API server drops is not created."""

import copy

import pytest

from node_poc.cluster.errors import ClusterError
from node_poc.engine.run_jobs import RunJobs, refused_by
from node_poc.storage.records import RunRecord
from tests.fakes.examples import config, spec


class Objects:
    """Keeps Jobs, and drops ``hostUsers`` if asked to."""

    def __init__(self, *, drops):
        self.drops, self.asked, self.created = drops, 0, []

    def service_address(self, name):
        return "10.96.0.77"

    def would_create_job(self, job):
        self.asked += 1
        answer = copy.deepcopy(job)
        if self.drops:
            answer["spec"]["template"]["spec"].pop("hostUsers")
        return answer

    def create_job(self, job):
        self.created.append(job)
        return True


def create(objects, choice, times=1):
    jobs = RunJobs(config(pods={"user_namespaces": choice, "strict_groups": "off"}), objects)
    for run_id in range(1, times + 1):
        jobs.create(RunRecord(spec(run_id), "digest", 0.0), lambda: True)


def test_a_protection_that_is_on_and_dropped_refuses_the_run():
    objects = Objects(drops=True)
    with pytest.raises(ClusterError) as error:
        create(objects, "on")
    failure = refused_by(error.value)
    assert failure.cause == "UserNamespacesMissing"
    assert "the API server drops hostUsers" in failure.site_detail
    assert not error.value.is_transient
    assert objects.created == []


def test_a_server_that_keeps_the_fields_is_asked_once():
    objects = Objects(drops=False)
    create(objects, "on", times=3)
    assert (objects.asked, len(objects.created)) == (1, 3)


@pytest.mark.parametrize("choice", ["auto", "off"])
def test_nothing_is_asked_unless_a_protection_is_on(choice):
    objects = Objects(drops=True)
    create(objects, choice)
    assert (objects.asked, len(objects.created)) == (0, 1)
