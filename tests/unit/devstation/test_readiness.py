"""Messages about pods that do not become ready."""

from devstation.readiness import troubles


def pod(name, phase="Pending", **status):
    return {"metadata": {"name": name}, "status": {"phase": phase, **status}}


def warning(name, message, when):
    about = {"kind": "Pod", "name": name}
    return {"type": "Warning", "involvedObject": about, "message": message, "lastTimestamp": when}


def test_a_pod_that_is_ready_or_done_is_no_trouble():
    ready = [{"type": "Ready", "status": "True"}]
    assert troubles([pod("a", "Running", conditions=ready), pod("b", "Succeeded")], []) == []


def test_a_pod_without_a_place_tells_what_the_scheduler_says():
    no_place = {"type": "PodScheduled", "status": "False", "message": "Insufficient cpu."}
    (line,) = troubles([pod("a", conditions=[no_place])], [])
    assert line == "pod a: Pending; Insufficient cpu."


def test_a_container_that_waits_tells_why_and_the_last_warning_of_its_own_pod_follows():
    waiting = {"reason": "ErrImagePull", "message": "not found"}
    status = {"containerStatuses": [{"name": "node", "state": {"waiting": waiting}}]}
    events = [
        warning("a", "newer", "2026-01-01T00:00:02Z"),
        warning("a", "older", "2026-01-01T00:00:01Z"),
        warning("b", "another's", "2026-01-01T00:00:03Z"),
    ]
    (line,) = troubles([pod("a", **status)], events)
    assert line == "pod a: Pending; node: ErrImagePull: not found; newer"


def test_a_pod_of_which_nothing_is_known_says_so():
    assert troubles([pod("a")], []) == ["pod a: Pending; no reason told"]
