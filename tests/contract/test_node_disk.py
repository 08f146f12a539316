"""What an algorithm leaves on the disk hurts neither the node nor its neighbours."""

from node_poc import janitor
from tests.fakes.station import eventually, payload
from tests.fakes.trees import nest


def leave(station, emitter, run_id, fill, **changes):
    """Run an algorithm that fills its output folder; returns the result."""
    emitter.post(payload(run_id, **changes))
    station.job_arrives(run_id)
    station.api.kubelet.starts(run_id)
    fill(station.task_dir / f"{run_id}/output")
    station.api.kubelet.ends(run_id)
    return emitter.wait(run_id, 20)


def test_a_path_that_no_file_can_have_is_answered(station, emitter):
    leave(station, emitter, 7, lambda output: (output / "avg.txt").write_text("42"))
    for path in ("\0", "avg.txt\0", "a/\0"):
        answer = emitter.request("output_request", {"run_id": 7, "path": path, "offset": 0})
        assert answer["error"] == "this cannot be read at the data station; check the name"


def test_what_lies_too_deep_is_said_and_goes_in_its_time(station, monkeypatch):
    monkeypatch.setattr(janitor, "_ROUND_SECONDS", 0.1)
    station.settings = {"keep_folders_seconds": 0}
    emitter = station.start()
    result = leave(station, emitter, 7, lambda output: nest(output, 1500, "n" * 200))
    assert (result["output"], result["output_truncated"]) == ([], True)
    leave(station, emitter, 8, lambda output: (output / "avg.txt").write_text("42"))
    eventually(lambda: not any((station.task_dir / name).exists() for name in "78"))
    eventually(lambda: not list((station.task_dir / ".node/trash").iterdir()))
