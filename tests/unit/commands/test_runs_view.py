"""``python -m node_poc runs`` against a Kubernetes API over real sockets."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import structlog

from node_poc.commands.runs import show_runs
from node_poc.config.load import load_config
from node_poc.config.model import NodeConfig
from node_poc.manifests.identity import Identity
from node_poc.manifests.job import build_job
from node_poc.runs.model import RunSpec
from tests.fakes.kube_api import FakeKubeApi

ROOT = Path(__file__).resolve().parents[3]
CONFIG_FILE = ROOT / "node_poc/node_config.yaml"
CONFIG: NodeConfig = load_config(CONFIG_FILE, {})
SCRIPT = f"""
import sys
from pathlib import Path
from node_poc.config.load import load_config
from node_poc.commands.runs import show_runs
words = sys.argv[1:]
config = load_config(Path({str(CONFIG_FILE)!r}), {{}})
sys.exit(show_runs(config, context=None, watch="watch" in words, as_json="json" in words,
                   out=sys.stdout))
"""


# The official client reads KUBECONFIG on import only, so the fixture sets both: the client's copy
# for this process and the environment variable for child processes.
LOCATION = "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"


@pytest.fixture
def api(tmp_path, monkeypatch):
    with FakeKubeApi() as fake:
        path = str(fake.write_kubeconfig(tmp_path))
        monkeypatch.setenv("KUBECONFIG", path)
        monkeypatch.setattr(LOCATION, path)
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        yield fake


def add_run(api, run_id):
    spec = RunSpec(run_id, "registry.example/avg:1")
    api.store.create("jobs", build_job(spec, CONFIG, None, 1))


def shown(**options):
    out = io.StringIO()
    defaults = {"context": None, "watch": False, "as_json": False, "out": out}
    code = show_runs(CONFIG, **(defaults | options))
    return code, out.getvalue()


class Process:
    """The command in a child process."""

    def __init__(self, *words):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def until(self, condition, seconds=40):
        end = time.monotonic() + seconds
        while not condition(self.lines):
            assert time.monotonic() < end, self.lines
            time.sleep(0.02)

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        code = self.process.wait(30)
        return code, self.process.stderr.read()


def test_the_table(api):
    add_run(api, 7)
    add_run(api, 8)
    api.kubelet.ends(7, exit_code=3)
    code, text = shown()
    assert code == 0
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert set(lines) == {"RUN", "7", "8"}
    assert "crashed" in lines["7"]
    assert "ExitCode: exit code 3" in lines["7"]
    assert "initializing" in lines["8"]


def test_json(api):
    add_run(api, 7)
    code, text = shown(as_json=True)
    (row,) = json.loads(text)
    assert (code, row["run_id"], row["status"]) == (0, 7, "initializing")


def test_no_runs(api):
    assert shown() == (0, "no runs of node 'v6-node' in namespace v6-jobs\n")
    assert shown(as_json=True) == (0, "[]\n")


def test_runs_on_many_pages(api):
    for run_id in range(1, 8):
        add_run(api, run_id)
    api.page_limit = 3
    _, text = shown(as_json=True)
    assert sorted(row["run_id"] for row in json.loads(text)) == list(range(1, 8))


def test_another_namespace(api):
    code, _ = shown(namespace="elsewhere")
    assert code == 4  # the fake has only one namespace
    assert api.requests("GET")[-1].path == "/apis/batch/v1/namespaces/elsewhere/jobs"


@pytest.mark.parametrize("watch", [False, True])
@pytest.mark.parametrize(
    ("status", "told"), [(403, "needs list and watch"), (401, "refuses"), (500, "a fault")]
)
def test_a_cluster_that_refuses(api, capsys, watch, status, told):
    api.faults.add("GET", "/jobs", status=status)
    assert shown(watch=watch) == (4, "")
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert told in error
    assert len(error.splitlines()) == 1


def test_a_cluster_that_does_not_answer(api, capsys):
    api.close()
    assert shown() == (4, "")
    assert "does not answer" in capsys.readouterr().err


def test_no_cluster_at_all(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(LOCATION, str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert shown() == (4, "")
    assert "no cluster" in capsys.readouterr().err


def test_an_unknown_context(api, capsys):
    assert shown(context="nowhere") == (4, "")
    assert "nowhere" in capsys.readouterr().err


def test_the_logs_of_others_are_as_before(api):
    before = structlog.get_config()
    shown()
    assert structlog.get_config() == before


def test_watched_json_has_a_line_for_each_change(api):
    add_run(api, 7)
    command = Process("watch", "json")
    command.until(lambda lines: len(lines) == 1)
    api.kubelet.starts(7)
    command.until(lambda lines: json.loads(lines[-1])["status"] == "active")
    api.kubelet.ends(7)
    command.until(lambda lines: json.loads(lines[-1])["status"] == "completed")
    api.kubelet.deletes_job(7)
    command.until(lambda lines: json.loads(lines[-1]).get("gone"))
    assert command.end() == (0, "")
    rows = [json.loads(line) for line in command.lines]
    assert {row["run_id"] for row in rows} == {7}
    assert len({json.dumps(row) for row in rows}) == len(rows)


def test_a_watched_table_that_is_no_terminal_is_written_after_each_change(api):
    command = Process("watch")
    command.until(lambda lines: any("no runs" in line for line in lines))
    add_run(api, 7)
    command.until(lambda lines: any("initializing" in line for line in lines))
    api.kubelet.ends(7)
    command.until(lambda lines: any("completed" in line for line in lines))
    time.sleep(1.5)
    assert command.end() == (0, "")
    assert sum("completed" in line for line in command.lines) == 1


def test_a_watch_outlives_the_clusters_troubles_and_tells_them_on_stderr(api):
    add_run(api, 7)
    command = Process("watch", "json")
    command.until(lambda lines: len(lines) == 1)
    api.close()
    time.sleep(0.5)
    api.open()
    api.kubelet.ends(7)
    command.until(lambda lines: json.loads(lines[-1])["status"] == "completed")
    code, errors = command.end()
    assert code == 0
    assert "watch broke" in errors


def test_it_ends_when_nobody_reads_it_any_more(api):
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "watch", "json"],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    end = time.monotonic() + 40
    while not api.count("WATCH", "/pods"):
        assert time.monotonic() < end
        time.sleep(0.02)
    os.close(reader)
    assert process.wait(30) == 0
    assert process.stderr.read() == ""


def test_a_terminal_is_redrawn(api):
    add_run(api, 7)
    leader, follower = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "watch"],
        cwd=ROOT,
        stdout=follower,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "200", "LINES": "40"},
    )
    os.close(follower)
    text = b""
    while b"initializing" not in text:
        text += os.read(leader, 65536)
    api.kubelet.ends(7)
    while b"completed" not in text:
        text += os.read(leader, 65536)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    text += os.read(leader, 65536)
    assert b"\x1b[?25l" in text
    assert text.rindex(b"\x1b[?25h") > text.rindex(b"\x1b[?25l")  # the cursor is visible again
    assert process.stderr.read() == ""
    os.close(leader)


def test_a_pod_of_the_node_that_is_not_ready_is_told_beside_the_runs(api, capsys):
    label = Identity(CONFIG.kubernetes.node_name).node_label
    for name, component in (("mine", "node"), ("an-algorithm", "algorithm")):
        labels = {"vantage6.ai/node": label, "app.kubernetes.io/component": component}
        body = {"metadata": {"name": name, "labels": labels}, "status": {"phase": "Pending"}}
        api.store.create("pods", body)
    code, _ = shown()
    assert code == 0
    told = capsys.readouterr().err
    assert "warning: pod mine is not ready (Pending)" in told
    assert "an-algorithm" not in told


@pytest.mark.parametrize(("status", "reads"), [(503, 3), (403, 1)])
def test_pods_of_the_node_are_read_again_only_if_the_api_may_answer_later(api, status, reads):
    labels = {
        "vantage6.ai/node": Identity(CONFIG.kubernetes.node_name).node_label,
        "app.kubernetes.io/component": "node",
    }
    body = {"metadata": {"name": "mine", "labels": labels}, "status": {"phase": "Pending"}}
    api.store.create("pods", body)
    api.faults.add("GET", "/events", status=status, times=2)
    assert shown()[0] == 0
    assert api.count("GET", "/events") == reads
