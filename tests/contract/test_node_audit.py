"""The audit trail of a node process: all of a run, after kill -9 as well, and its verification."""

import json
import subprocess
import sys

from tests.fakes.processes import ROOT
from tests.fakes.station import PATIENCE_SECONDS, TOKEN, eventually, payload


def audit(station, *arguments):
    command = [sys.executable, "-m", "node_poc", "audit", *arguments]
    return subprocess.run(
        [*command, "--config", str(station.folder / "node_config.yaml")],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "KUBECONFIG": str(station.kubeconfig)},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        check=False,
    )


def entries_of(station, run_id):
    shown = audit(station, "show", "--run", str(run_id), "--json")
    return [json.loads(line) for line in shown.stdout.splitlines()]


def trail_file(station):
    [path] = (station.task_dir / ".node/audit").iterdir()
    return path


def test_a_run_is_in_the_trail_before_and_after_the_node_is_killed(station):
    station.server.start()
    node = station.start_node_process()
    emitter = station.connect()
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.starts(7)
    eventually(lambda: "active" in station.statuses(7))
    node.kill()
    assert [entry["event"] for entry in entries_of(station, 7)] == ["run taken", "run started"]
    station.api.kubelet.ends(7, 3, log=b"one")
    node = station.start_node_process()
    emitter.wait(7, PATIENCE_SECONDS)
    station.job_is_marked(7)
    assert emitter.post(payload(8, databases_to_use=["none"]))["accepted"] is False
    assert node.terminate() == 0
    taken, started, ended, delivered = entries_of(station, 7)
    assert taken["databases"] == ["default"]
    assert started["policies"]
    assert (started["gate"], started["spec_sha256"]) == (True, taken["spec_sha256"])
    assert (ended["event"], ended["status"], ended["exit_code"]) == ("run ended", "crashed", 3)
    assert ended["log_bytes"] == 3
    assert delivered["event"] == "result delivered"
    [refused] = entries_of(station, 8)
    assert refused["event"] == "run refused"
    content = trail_file(station).read_text()
    assert TOKEN not in content
    assert "input1" not in content
    assert content.count('"node started"') == 2
    verified = audit(station, "verify")
    assert verified.returncode == 0, verified.stdout
    assert "compared with the node's Lease" in verified.stdout


def test_a_trail_that_was_cut_while_the_node_was_down_is_found_by_the_lease(station):
    station.server.start()
    node = station.start_node_process()
    station.connect().post(payload(7))
    station.job_arrives(7)
    assert node.terminate() == 0
    path = trail_file(station)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))
    assert audit(station, "verify", "--offline").returncode == 0
    verified = audit(station, "verify")
    assert verified.returncode == 1
    assert "the end is cut" in verified.stdout
    node = station.start_node_process()
    assert "the audit trail was cut or rewritten" in node.log
    assert node.terminate() == 0
    verified = audit(station, "verify")
    assert verified.returncode == 1
    assert "head not found" in verified.stdout


def test_without_its_trail_the_node_starts_no_run_and_says_why(station, emitter):
    """A disk that takes no entry: the run waits, and starts when the disk is well again."""
    folder = station.task_dir / ".node/audit"
    eventually(lambda: list(folder.iterdir()))
    node = station._nodes[-1]
    path = trail_file(station)
    path.rename(folder / "kept")
    path.mkdir()
    emitter.submit(payload(7))
    eventually(lambda: any("audit trail" in remark for remark in node._remarks()))
    assert station.jobs_created(7) == 0
    path.rmdir()
    (folder / "kept").rename(path)
    station.job_arrives(7)
    station.api.kubelet.ends(7)
    assert emitter.wait(7, PATIENCE_SECONDS)["status"] == "completed"
    eventually(lambda: not any("audit trail" in remark for remark in node._remarks()))
    assert audit(station, "verify", "--offline").returncode == 0
