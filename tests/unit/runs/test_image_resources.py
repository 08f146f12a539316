"""The resources of a run, by the name of its image."""

import pytest

from node_poc.config.sections import DeviceRequests
from node_poc.isolation.self_test.jobs import build_tester
from node_poc.manifests.job import build_job
from node_poc.runs.image_resources import all_resources, for_image, without_gpus
from tests.fakes.examples import config, spec

RULES = [
    {"images": r"^ghcr\.io/site/large", "memory": "64Gi", "cpu_request": "1"},
    {"images": r"^ghcr\.io/site/gpu", "gpus": 2, "gpu_resource": "amd.com/gpu"},
    {"images": r"^ghcr\.io/site/", "ephemeral_storage": "8Gi", "gpus": 0},
]


def settings(*, gpu=False, rules=RULES):
    made = config(resources={"by_image": rules, "memory": "3Gi"})
    return made.model_copy(update={"algorithm_device_requests": DeviceRequests(gpu=gpu)})


def resources(image, *, gpu=False):
    job = build_job(spec(image=image), settings(gpu=gpu), None, 10001, is_gated=True)
    pod = job["spec"]["template"]["spec"]
    (scratch,) = [each["emptyDir"] for each in pod["volumes"] if "emptyDir" in each]
    gate, container = pod["initContainers"][0]["resources"], pod["containers"][0]["resources"]
    assert gate["requests"] == container["requests"]
    assert gate["limits"].items() <= container["limits"].items()
    assert scratch == {"sizeLimit": container["limits"]["ephemeral-storage"]}
    return container


def test_the_first_rule_that_matches_counts_and_the_rest_is_as_for_all_images():
    found = resources("ghcr.io/site/large:1")
    assert found["limits"] == {"cpu": "2", "memory": "64Gi", "ephemeral-storage": "2Gi"}
    assert found["requests"]["cpu"] == "1"
    assert found["requests"]["memory"] == "64Mi"
    other = resources("ghcr.io/else/large:1")
    assert other["limits"] == {"cpu": "2", "memory": "3Gi", "ephemeral-storage": "2Gi"}
    assert resources("ghcr.io/site/x@sha256:" + "a" * 64)["limits"]["ephemeral-storage"] == "8Gi"


@pytest.mark.parametrize(
    ("image", "gpu", "found"),
    [
        ("ghcr.io/site/gpu:1", False, {"amd.com/gpu": "2"}),
        ("ghcr.io/site/gpu:1", True, {"amd.com/gpu": "2"}),
        ("ghcr.io/site/large:1", True, {"nvidia.com/gpu": "1"}),
        ("ghcr.io/site/large:1", False, {}),
        ("ghcr.io/site/other:1", True, {}),
        ("python:3", True, {"nvidia.com/gpu": "1"}),
    ],
)
def test_gpus_by_image(image, gpu, found):
    limits = resources(image, gpu=gpu)["limits"]
    assert {name: count for name, count in limits.items() if "/" in name} == found


def test_a_rule_counts_for_any_spelling_of_a_name():
    made = settings(rules=[{"images": r"^docker\.io/library/python", "memory": "9Gi"}])
    for image in ("python", "python:3", "library/python", "docker.io/python@sha256:" + "b" * 64):
        assert for_image(made, image).kubernetes.resources.memory == "9Gi"


def test_each_rule_has_a_name_for_people():
    found = all_resources(settings(gpu=True))
    assert list(found) == [
        "kubernetes.resources",
        *(f"kubernetes.resources.by_image[{index}]" for index in range(3)),
    ]
    gpus = [each.algorithm_device_requests.gpu for each in found.values()]
    assert gpus == [True, True, True, False]
    assert not any(each.kubernetes.resources.by_image for each in found.values())


def test_the_self_test_takes_no_gpu_from_runs():
    made = settings(gpu=True, rules=[{"images": ".*", "gpus": 1, "memory": "5Gi"}])
    job = build_tester(made, 10001, "1", "")
    limits = job["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits == {"cpu": "2", "memory": "5Gi", "ephemeral-storage": "2Gi"}
    assert not without_gpus(made).algorithm_device_requests.gpu
