"""The Jobs of the self-test: an algorithm's in all that matters to its walls, without data."""

import copy

import pytest

from node_poc.cluster.observations import observe_job, observe_pod
from node_poc.isolation.meaning import may_select, meaning
from node_poc.isolation.self_test.jobs import build_tester
from node_poc.isolation.walls import possible_labels
from node_poc.isolation.wanted import wanted_policies
from node_poc.manifests.identity import LABELS_OF_JOB_CONTROLLER, Identity, run_id_of
from node_poc.manifests.job import build_job
from node_poc.runs.model import RunSpec
from tests.fakes.examples import config, vantage6_config

CONFIGS = {"dummy": config, "vantage6": vantage6_config}


@pytest.fixture(params=CONFIGS)
def settings(request):
    return CONFIGS[request.param]()


def pod_of(job):
    return job["spec"]["template"]["spec"]


def selecting(settings, labels):
    """Return the names of the policies that select a pod with these labels."""
    known = {key: (value,) for key, value in labels.items()}
    return {
        policy["metadata"]["name"]
        for policy in wanted_policies(settings, {})
        if may_select(meaning(policy).pods, known)
    }


def test_a_tester_is_an_algorithm_but_for_image_arguments_name_and_time(settings):
    tester = build_tester(settings, 7, "5", "10 0 1")
    spec = RunSpec(
        run_id=0, image=settings.kubernetes.node_image, arguments=("test-walls", "10 0 1")
    )
    run = build_job(spec, settings, None, 7)
    pod, own = copy.deepcopy(pod_of(tester)), pod_of(run)
    for each in (pod, own):
        each["containers"][0]["resources"]["limits"].pop("nvidia.com/gpu", None)
    assert pod == own


def test_the_labels_of_a_tester_are_those_of_an_algorithm(settings):
    labels = build_tester(settings, 7, "5", "10 0 1")["spec"]["template"]["metadata"]["labels"]
    possible = possible_labels(settings)
    assert labels.keys() | set(LABELS_OF_JOB_CONTROLLER) == {
        key for key, values in possible.items() if values is None or None not in values
    }
    for key, value in labels.items():
        assert possible[key] is None or value in possible[key]


def test_the_policies_of_algorithms_select_a_tester_and_no_policy_selects_the_control(settings):
    tester, control = (
        build_tester(settings, 7, "5", "10 0 1", is_control=is_control)["spec"]["template"][
            "metadata"
        ]
        for is_control in (False, True)
    )
    spec = RunSpec(run_id=7, image="x")
    run = build_job(spec, settings, None, 7)["spec"]["template"]["metadata"]["labels"]
    assert selecting(settings, tester["labels"]) == selecting(settings, run) != set()
    assert selecting(settings, control["labels"]) == set()


def test_no_file_no_secret_and_no_account_is_in_reach(settings):
    for is_control in (False, True):
        pod = pod_of(build_tester(settings, 7, "5", "10 0 1", is_control=is_control))
        (container,) = pod["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} <= {"scratch"}
        assert not any("valueFrom" in each for each in container["env"])
        assert pod["automountServiceAccountToken"] is False


def test_kubernetes_ends_and_removes_a_job_that_the_node_cannot(settings):
    spec = build_tester(settings, 7, "5", "10 0 1")["spec"]
    assert spec["activeDeadlineSeconds"] == 150
    assert spec["ttlSecondsAfterFinished"] == 60


def test_nobody_takes_a_tester_for_a_run(settings):
    job = build_tester(settings, 7, "5", "10 0 1")
    assert run_id_of(job["metadata"]["labels"]) is None
    assert observe_job(job) is None
    assert observe_pod({"metadata": job["spec"]["template"]["metadata"]}) is None


def test_names_of_testers_are_no_names_of_runs(settings):
    names = Identity(settings.kubernetes.node_name)
    name = build_tester(settings, 7, "55", "10 0 1")["metadata"]["name"]
    assert name == f"{names.node_label}-run-walls-55"
    assert len(name) <= 63
