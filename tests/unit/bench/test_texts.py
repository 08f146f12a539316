"""Extracting figures from text that other programs write, in the programs' own formats."""

import pytest

from bench.texts import (
    Memory,
    group_path,
    last_event,
    memory_of,
    metric_sum,
    part_of,
    pods_path,
    process_start,
    processor_ticks,
)

METRICS = """# HELP requests_total How many.
# TYPE requests_total counter
requests_total{flow_schema="v6",priority_level="low"} 12
requests_total{flow_schema="v6",priority_level="high"} 1e+01
requests_total{flow_schema="v6 \\"two\\"",priority_level="low"} 100
requests_total_more{flow_schema="v6"} 1000
other 3
"""


@pytest.mark.parametrize(
    ("labels", "total"),
    [
        ({"flow_schema": "v6"}, 22),
        ({"flow_schema": "v6", "priority_level": "low"}, 12),
        ({"flow_schema": "v"}, 0),
        ({"no_such_label": "v6"}, 0),
    ],
)
def test_a_metric_is_summed_over_what_its_labels_leave_open(labels, total):
    assert metric_sum(METRICS, "requests_total", **labels) == total


def test_memory_is_read_in_mebibytes():
    text = "55d0-7ff [rollup]\nRss:  61440 kB\nPss:   51200 kB\nPss_Anon: 1 kB\nVmHWM:\t 71680 kB\n"
    assert memory_of(text) == Memory(rss=60, pss=50, peak=70)


def test_memory_that_proc_does_not_tell_is_an_error():
    with pytest.raises(ValueError, match="Pss"):
        memory_of("Rss: 1 kB\nVmHWM: 1 kB\n")


def test_a_process_start_is_counted_from_the_machines():
    fields = ["S", *["0"] * 18, "50000", "9", "9"]
    stat = f"1 (a (odd) name) {' '.join(fields)}"
    assert process_start(stat, "2000.50 99.0\n", 10_000.5, 100) == pytest.approx(8500.0)


def test_the_last_of_an_event_among_lines_that_are_no_json():
    log = "\n".join(
        [
            '{"event": "run taken up", "timestamp": "2026-01-01T00:00:01.25Z"}',
            "a traceback",
            "[1]",
            '{"event": "run taken up", "timestamp": "2026-01-01T00:00:03.5Z"}',
            '{"event": "something else", "timestamp": "2026-01-01T00:00:09Z"}',
        ]
    )
    assert last_event(log, "run taken up") == 1767225603.5
    assert last_event(log, "never") is None


def stat_of(name, utime=0, stime=0, cutime=0, cstime=0, started=5):
    fields = ["S", *["0"] * 10, utime, stime, cutime, cstime, *["0"] * 4, started, "9"]
    return f"7 ({name}) {' '.join(map(str, fields))}"


def test_processor_time_counts_children_that_have_ended():
    assert processor_ticks(stat_of("a (odd) name", 1, 20, 300, 4000)) == (4321, "5")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("kubelet", "kubelet"),
        ("containerd-shim", "containerd"),
        ("kube-apiserver", "API server"),
        ("kube-controller", "other Kubernetes"),
        ("cilium-agent", "network (cilium)"),
        ("python3", None),
        ("my kubelet", None),
    ],
)
def test_parts_of_kubernetes_are_known_by_their_names(name, part):
    assert part_of(stat_of(name)) == part


V1 = """9:name=systemd:/v6/kubepods/burstable/pod1/abc
2:cpuacct:/v6/kubepods/burstable/pod1/abc
1:cpu:/v6/kubepods/burstable/pod1/abc
0::/v6/kubepods/burstable/pod1/abc
"""
BOTH = "4:cpu,cpuacct:/kubepods/pod1/abc\n0::/\n"
V2 = "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-abc.scope\n"


@pytest.mark.parametrize(
    ("groups", "path", "above"),
    [
        (V1, "cpuacct/v6/kubepods/burstable/pod1/abc", "cpuacct/v6/kubepods"),
        (BOTH, "cpu,cpuacct/kubepods/pod1/abc", "cpu,cpuacct/kubepods"),
        (V2, V2[4:].strip(), "kubepods.slice"),
    ],
)
def test_the_control_group_that_counts(groups, path, above):
    assert group_path(groups) == path
    assert pods_path(path) == above


def test_a_process_outside_of_pods_has_no_such_group():
    with pytest.raises(ValueError, match="no pod"):
        group_path("2:cpuacct:/\n0::/user.slice\n")
