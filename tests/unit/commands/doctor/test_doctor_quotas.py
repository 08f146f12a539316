"""What doctor says about quotas and LimitRanges."""

import pytest

from node_poc.commands.doctor.lines import Level
from node_poc.commands.doctor.quotas import look_at_quotas, of_a_run, of_limit_range, of_quota
from tests.fakes.examples import config
from tests.unit.commands.doctor.api_answers import Answers

REQUESTS, LIMITS = of_a_run(config())


def quota(hard, used=()):
    return {"metadata": {"name": "team"}, "status": {"hard": dict(hard), "used": dict(used)}}


def limit_range(**rule):
    return {"metadata": {"name": "team"}, "spec": {"limits": [{"type": "Container"} | rule]}}


@pytest.mark.parametrize(
    ("hard", "used", "levels"),
    [
        ({"limits.cpu": "500m"}, {}, [Level.FAILURE]),
        ({"limits.cpu": "4"}, {"limits.cpu": "3500m"}, [Level.WARNING]),
        ({"limits.cpu": "40"}, {"limits.cpu": "3"}, []),
        ({"limits.memory": "512Mi"}, {}, [Level.FAILURE]),
        ({"pods": "0"}, {}, [Level.FAILURE]),
        ({"count/jobs.batch": "5"}, {"count/jobs.batch": "5"}, [Level.WARNING]),
        ({"cpu": "1m", "requests.cpu": "1m"}, {}, [Level.FAILURE, Level.FAILURE]),
        ({"services": "0", "persistentvolumeclaims": "0"}, {}, []),
    ],
)
def test_a_quota_without_room_is_told(hard, used, levels):
    lines = list(of_quota(quota(hard, used), REQUESTS, LIMITS))
    assert [line.level for line in lines] == levels
    for line, name in zip(lines, sorted(hard), strict=False):
        assert f"of {name}" in line.found
        assert "team" in line.found
        assert line.remedy


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"max": {"cpu": "500m"}}, "at most 0.5 of cpu"),
        ({"min": {"memory": "64Gi"}}, "at least 68719476736 of memory"),
        ({"maxLimitRequestRatio": {"cpu": "2"}}, "at most 2 times the request of cpu"),
        ({"type": "Pod", "max": {"memory": "1Mi"}}, "at most 1048576 of memory"),
    ],
)
def test_a_limit_range_that_refuses_a_run_is_told(rule, told):
    (line,) = of_limit_range(limit_range(**rule), REQUESTS, LIMITS)
    assert line.level is Level.FAILURE
    assert told in line.found
    assert "kubernetes.resources" in line.remedy


@pytest.mark.parametrize(
    "rule",
    [
        {"max": {"cpu": "64", "memory": "1Ti"}, "min": {"cpu": "1m"}},
        {"default": {"cpu": "1m"}},
        {"type": "PersistentVolumeClaim", "max": {"storage": "1"}},
        {"max": {"cpu": "not a quantity"}},
    ],
)
def test_other_limit_ranges_have_no_line(rule):
    assert not list(of_limit_range(limit_range(**rule), REQUESTS, LIMITS))


def test_gpus_count_against_a_quota_of_requests():
    made = config()
    devices = made.algorithm_device_requests.model_copy(update={"gpu": True})
    requests, limits = of_a_run(made.model_copy(update={"algorithm_device_requests": devices}))
    (line,) = of_quota(quota({"requests.nvidia.com/gpu": "0"}), requests, limits)
    assert line.level is Level.FAILURE


def test_quotas_with_room_are_one_line():
    space = "/api/v1/namespaces/v6-jobs"
    api = Answers({f"{space}/resourcequotas": [quota({"pods": "9"})], f"{space}/limitranges": []})
    (line,) = look_at_quotas(config(), api)
    assert line.level is Level.OK
    assert line.found == "1 quotas and LimitRanges leave room for a run"


def test_each_rule_for_images_is_compared_with_the_quotas():
    space = "/api/v1/namespaces/v6-jobs"
    quotas = [quota({"limits.memory": "16Gi"})]
    api = Answers({f"{space}/resourcequotas": quotas, f"{space}/limitranges": []})
    rules = [{"images": "small", "memory": "1Gi"}, {"images": "large", "memory": "64Gi"}]
    (line,) = look_at_quotas(config(resources={"by_image": rules}), api)
    assert line.level is Level.FAILURE
    assert line.found.startswith("kubernetes.resources.by_image[1]: the quota ")
