"""Runs that find no room: each status names what lacks, and each run ends at its time limit.

Each run is posted to a station of its own, and all are posted before the first test looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from devstation import Cluster
from tests.cluster.side_station import (
    Listener,
    SideStation,
    assert_nothing_can_start,
    remove_all,
    set_up_all,
    told,
)

pytestmark = pytest.mark.alone  # a taint closes all machines
SCHEDULE = {
    "schedule_seconds": 6,
    "too_large_seconds": 6,
    "hopeless_seconds": 3,
    "pull_seconds": 60,
}
LATER = "It starts by itself as soon as there is one; ask the site if that takes too long."
ADMIT = "It starts by itself as soon as that is over; ask the site if it takes too long."
RULES = "Ask the site: a rule of its cluster forbids the pods of algorithms; this task cannot run."
TOO_LARGE = (
    "Ask the site: a run of this size never fits there, so a larger quota, or smaller "
    "kubernetes.resources of its node, must come first."
)
NO_MACHINE = "no machine of the data station is large enough for it: each lacks "
LARGER = "Ask the site to give a run less, or to add a larger machine."
FORBIDDEN = ("NotAdmitted", "a rule of the data station forbids it", RULES)
# The failures, and the cause, detail and advice that researchers get.
EXPECTED = {
    "no-cpu": ("RunTooLarge", f"{NO_MACHINE}processor time", LARGER),
    "no-memory": ("RunTooLarge", f"{NO_MACHINE}memory", LARGER),
    "no-gpu": ("RunTooLarge", f"{NO_MACHINE}a GPU", LARGER),
    "no-volume": ("VolumeNotReady", "the data station lacks its volume at the moment", LATER),
    "no-quota": (
        "QuotaExceeded",
        "the data station's quota for runs is used up at the moment",
        ADMIT,
    ),
    "pod-security": FORBIDDEN,
    "limit-range": (
        "NotAdmitted",
        "the data station allows no run of this size",
        TOO_LARGE,
    ),
    "admission-policy": FORBIDDEN,
}


def resources(**given: str) -> dict[str, Any]:
    return {"resources": given, "limits": SCHEDULE}


def limit_range(**limits: Any) -> dict[str, Any]:
    container = {"type": "Container", **limits}
    spec = {"limits": [container]}
    metadata = {"name": "limits"}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": spec}


def quota(pods: int) -> dict[str, Any]:
    spec = {"hard": {"pods": str(pods)}}
    metadata = {"name": "quota"}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec}


SECURED = {"pod-security.kubernetes.io/enforce": "baseline"}
GPU = {"nvidia.com/gpu": "1"}
_API = "admissionregistration.k8s.io/v1"
POLICY = "no-algorithms"


def admission_policy(namespace: str) -> list[dict[str, Any]]:
    """Return an admission policy of the cluster against pods in one namespace."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule | {"resources": ["pods"]}]},
        "validations": [{"expression": "false", "message": "no pods here"}],
    }
    binding = {
        "policyName": POLICY,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": selector},
    }
    made = {"apiVersion": _API, "metadata": {"name": POLICY}}
    return [
        made | {"kind": "ValidatingAdmissionPolicy", "spec": policy},
        made | {"kind": "ValidatingAdmissionPolicyBinding", "spec": binding},
    ]


@pytest.fixture(scope="module")
def stations(
    cluster: Cluster, recorder: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, SideStation]]:
    folder = tmp_path_factory.mktemp("placement")
    claim = {"mode": "pvc", "claim": "no-such-claim", "databases_claim": "no-such-data"}
    root = {"databases_root": "/var/lib"}
    plain: dict[str, Any] = {"limits": SCHEDULE}
    patient: dict[str, Any] = {"limits": SCHEDULE | {"schedule_seconds": 100}}
    given: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
        "no-cpu": ([], resources(cpu="1000", cpu_request="1000")),
        "no-memory": ([], resources(memory="100Ti", memory_request="100Ti")),
        "no-gpu": ([limit_range(default=GPU, defaultRequest=GPU)], plain),
        "no-volume": ([], plain | {"storage": claim | root}),
        "no-quota": ([quota(0)], plain),
        "quota-lifted": ([quota(0)], patient),
        "pod-security": ([], plain | {"labels": SECURED}),
        "limit-range": ([limit_range(max={"cpu": "500m"})], plain),
        "admission-policy": ([], plain),
        "no-node": ([], patient),
    }
    made = {
        name: SideStation(cluster, name, folder, objects, **settings)
        for name, (objects, settings) in given.items()
    }
    policy = admission_policy(made["admission-policy"].location.namespace)
    cluster.apply(*policy)
    try:
        set_up_all(made.values())
        yield made
    finally:
        remove_all(made.values())
        cluster.delete(*policy)


@pytest.fixture(scope="module")
def outcomes(
    stations: dict[str, SideStation],
) -> dict[str, tuple[int, dict[str, Any], dict[str, Any]]]:
    """Return for each failure: run id, the status while the run waited, and the result."""
    listeners = {name: Listener(stations[name]) for name in EXPECTED}
    try:
        runs = {name: listener.__enter__().post(name) for name, listener in listeners.items()}
        return {
            name: (
                runs[name],
                listener.status(runs[name], EXPECTED[name][0]),
                listener.result(runs[name]),
            )
            for name, listener in listeners.items()
        }
    finally:
        for listener in listeners.values():
            listener.__exit__()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_run_without_a_place_tells_why_ends_at_its_time_and_cannot_start_later(
    stations: dict[str, SideStation],
    outcomes: dict[str, tuple[int, dict[str, Any], dict[str, Any]]],
    name: str,
):
    run_id, waiting, result = outcomes[name]
    assert told(waiting) == ("initializing", *EXPECTED[name])
    assert told(result) == ("start failed", *EXPECTED[name])
    assert (result["exit_code"], result["log"]) == (None, "")
    assert_nothing_can_start(stations[name], run_id)


def test_a_run_that_waits_for_quota_starts_when_there_is_some(stations: dict[str, SideStation]):
    station = stations["quota-lifted"]
    with Listener(station) as listener:
        run_id = listener.post("quota-lifted")
        waiting = listener.status(run_id, "QuotaExceeded")
        station.kubectl("delete", "resourcequota", "quota")
        result = listener.result(run_id)
    assert told(waiting) == ("initializing", *EXPECTED["no-quota"])
    assert told(result) == ("completed", None, None, None)


def test_a_run_that_waits_for_a_machine_starts_when_there_is_one(
    stations: dict[str, SideStation],
    outcomes: dict[str, Any],  # the others have ended: the taint would be their reason too
    cluster: Cluster,
):
    taint = "v6-test=closed:NoSchedule"
    cluster.kubectl("taint", "node", "--all", taint, "--overwrite")
    try:
        with Listener(stations["no-node"]) as listener:
            run_id = listener.post("no-node")
            waiting = listener.status(run_id, "NoSuitableNode")
            cluster.kubectl("taint", "node", "--all", f"{taint}-")
            result = listener.result(run_id)
    finally:
        cluster.kubectl("taint", "node", "--all", f"{taint}-", check=False)
    detail = "the data station lacks a machine that may run it at the moment"
    assert told(waiting) == ("initializing", "NoSuitableNode", detail, LATER)
    assert told(result) == ("completed", None, None, None)
