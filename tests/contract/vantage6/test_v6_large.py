"""Several large inputs and results at once: complete, and within the memory of the node's pod."""

import json
import re
from pathlib import Path

import yaml

from tests.fakes.processes import ROOT

SIZE = 30_000_000
RUNS = 4


def pod_memory():
    """Return the memory limit of the node's container, in KiB."""
    text = (ROOT / "node_poc/kubeconfs/node_pod_config.yaml").read_text()
    (container,) = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"]
    return int(container["resources"]["limits"]["memory"].removesuffix("Mi")) * 1024


def peak_memory(pid):
    """Return the peak memory of a process, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


def test_large_inputs_and_results_come_whole(make_station, keyholder):
    station, user = make_station(encrypted=True), keyholder
    texts = [letter * SIZE for letter in "abcdefgh"[:RUNS]]
    made = [station.submit(user, input_={"method": "m", "kwargs": {"t": t}}) for t in texts]
    runs = [station.run_of(each) for each in made]
    process = station.start_process()
    for run_id, text in zip(runs, texts, strict=True):
        station.job_arrives(run_id)
        given = json.loads((station.task_dir / f"{run_id}/input").read_bytes())
        assert given["kwargs"]["t"] == text
    for run_id, text in zip(runs, texts, strict=True):
        station.kubelet.starts(run_id)
        station.ends(run_id, result=text)
    for each, text in zip(made, texts, strict=True):
        assert user.wait(each["task_id"], 120)["status"] == "completed"
        assert json.loads(user.results(each["task_id"])[0]) == text
    assert peak_memory(process.pid) < pod_memory()
