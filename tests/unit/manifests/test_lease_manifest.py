"""The Lease object, and the names of its holders."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from node_poc import __version__
from node_poc.manifests.identity import Identity
from node_poc.manifests.lease import (
    Holder,
    build_lease,
    holder_of,
    make_holder,
    mark_of,
    micro_time,
    released,
    renewed,
    seconds_of,
    taken,
    version_of,
)

NOW = datetime(2026, 11, 22, 18, 0, 0, 5, tzinfo=UTC)
ME = Holder("v6-node-7b8-x", "0a1b", in_pod=True)


def fresh():
    return taken(build_lease(Identity("v6-node"), "v6-jobs"), ME, 60, NOW)


def test_the_lease_of_a_node():
    assert fresh() == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": Identity("v6-node").node_label,
            "namespace": "v6-jobs",
            "labels": {
                "app.kubernetes.io/part-of": "v6-node",
                "app.kubernetes.io/component": "node",
                "app.kubernetes.io/managed-by": "v6-node",
                "vantage6.ai/node": Identity("v6-node").node_label,
            },
            "annotations": {"vantage6.ai/version": __version__},
        },
        "spec": {
            "holderIdentity": "v6-node-7b8-x_0a1b",
            "leaseDurationSeconds": 60,
            "acquireTime": "2026-11-22T18:00:00.000005Z",
            "renewTime": "2026-11-22T18:00:00.000005Z",
            "leaseTransitions": 0,
        },
    }


def test_what_others_wrote_into_it_stays():
    lease = fresh()
    marks = lease["metadata"]["annotations"] | {"theirs": "yes"}
    lease["metadata"] |= {"resourceVersion": "7", "annotations": marks}
    lease["spec"]["strategy"] = "new in a later Kubernetes"
    for changed in (renewed(lease, NOW), released(lease, NOW), taken(lease, ME, 60, NOW)):
        assert changed["metadata"] == lease["metadata"]
        assert changed["spec"]["strategy"] == "new in a later Kubernetes"
        assert changed is not lease


def test_each_step_changes_its_own_fields():
    later = NOW + timedelta(seconds=20)
    other = Holder("other", "ff", in_pod=True)
    assert renewed(fresh(), later)["spec"] == fresh()["spec"] | {"renewTime": micro_time(later)}
    assert holder_of(released(fresh(), later)) is None
    again = taken(released(fresh(), later), other, 30, later)
    assert holder_of(again) == other
    assert again["spec"]["leaseTransitions"] == 1
    assert seconds_of(again) == 30


def test_a_renewal_is_seen_by_its_mark():
    lease = fresh()
    assert mark_of(lease) != mark_of(renewed(lease, NOW + timedelta(seconds=1)))
    versioned = {**lease, "metadata": {**lease["metadata"], "resourceVersion": "8"}}
    assert mark_of(lease) != mark_of(versioned)


@pytest.mark.parametrize(
    ("environment", "text", "in_pod"),
    [
        ({"POD_NAME": "v6-node-7b8-x"}, "v6-node-7b8-x_0a", True),
        ({}, "outside:my-machine_0a", False),
        ({"POD_NAME": ""}, "outside:my-machine_0a", False),
    ],
)
def test_a_holder_is_named_by_its_pod_or_its_machine(environment, text, in_pod):
    made = make_holder(environment, "my-machine", "0a")
    assert (made.text, made.in_pod) == (text, in_pod)
    assert holder_of({"spec": {"holderIdentity": made.text}}) == made


@pytest.mark.parametrize("name", ["", "-.-", "a_b c/ä", "..", "Laptop.local"])
def test_a_machine_of_any_name_knows_its_own_lease(name):
    made = make_holder({}, name, "0a")
    assert holder_of({"spec": {"holderIdentity": made.text}}) == made


@pytest.mark.parametrize("text", ["somebody", "a/../b_0a", "_0a", "x_", "..", "x_0a\n"])
def test_a_text_that_no_node_wrote_names_no_pod(text):
    assert holder_of({"spec": {"holderIdentity": text}}) == Holder(text, "", in_pod=False)


@pytest.mark.parametrize("lease", [{}, {"spec": None}, {"spec": {"holderIdentity": None}}])
def test_nobody_holds_an_empty_lease(lease):
    assert holder_of(lease) is None
    assert seconds_of(lease) == 0
    assert mark_of({"metadata": {}, **lease}) == ("", "")


def test_only_containers_of_one_pod_follow_each_other():
    before = Holder("x", "01", in_pod=True)
    assert before.same_pod(Holder("x", "02", in_pod=True))
    assert not before.same_pod(Holder("y", "02", in_pod=True))
    assert not before.same_pod(Holder("x", "02", in_pod=False))
    assert not Holder("x", "01", in_pod=False).same_pod(Holder("x", "02", in_pod=False))


def test_times_are_utc_with_six_decimals():
    east = timezone(timedelta(hours=2))
    assert micro_time(datetime(2026, 1, 1, 1, 0, tzinfo=east)) == "2025-12-31T23:00:00.000000Z"


def test_the_lease_tells_the_version_of_its_last_holder():
    blank = build_lease(Identity("v6-node"), "v6-jobs")
    assert version_of(blank) == ""
    assert version_of(fresh()) == __version__
    assert version_of(released(renewed(fresh(), NOW), NOW)) == __version__
