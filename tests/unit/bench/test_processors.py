"""Processor seconds by part: no second is counted twice."""

from bench.processors import OTHER_PODS, added, without_pods


def test_the_time_of_pods_is_not_containerds():
    seconds = {"containerd": 5.0, OTHER_PODS: 3.0, "kubelet": 1.0}
    assert without_pods(seconds) == {"containerd": 2.0, OTHER_PODS: 3.0, "kubelet": 1.0}


def test_without_a_runtime_nothing_is_taken_off():
    assert without_pods({OTHER_PODS: 3.0}) == {OTHER_PODS: 3.0}


def test_sums_are_by_part():
    assert added({"a": 1.0}, {"a": 2.0, "b": 3.0}) == {"a": 3.0, "b": 3.0}
