"""The node reports figures of its machine's load, at regular times and never delaying runs."""

import threading

import pytest
from structlog.testing import capture_logs

from node_poc.protocol.vantage6.outgoing import node_info
from node_poc.protocol.vantage6.outgoing.node_info import Metrics
from node_poc.runs.model import Run, Stage
from node_poc.runs.ports import RunSummary
from node_poc.runs.status import RunStatus
from tests.fakes.station import eventually

# The keys that vantage6's own node reports, without the keys for graphics cards.
KEYS = {
    "cpu_percent",
    "memory_percent",
    "num_algorithm_containers",
    "os",
    "platform",
    "cpu_count",
    "memory_total",
    "memory_available",
}


class Control:
    """Two open runs, and a run that has ended and is not delivered."""

    def open_runs(self):
        ended = {"stage": Stage.FINISHED, "status": RunStatus.COMPLETED, "ended_at": 1.0}
        runs = [Run(1, "", 0.0), Run(2, "", 0.0), Run(3, "", 0.0, **ended)]
        return [RunSummary(run, "image", None) for run in runs]


class Broken:
    def open_runs(self):
        raise TimeoutError


@pytest.fixture
def start():
    made = []

    def make(control, emit, every_seconds=0.01):
        made.append(Metrics(every_seconds, control, emit))
        made[-1].start()
        return made[-1]

    yield make
    for metrics in made:
        metrics.stop()


def test_figures_are_sent_from_time_to_time_until_it_ends(start):
    sent = []
    metrics = start(Control(), lambda *event: sent.append(event))
    eventually(lambda: len(sent) >= 3)
    metrics.stop()
    metrics._thread.join(10)
    name, told = sent[0]
    assert name == "node_metrics_update"
    assert set(told) == KEYS
    assert told["num_algorithm_containers"] == 2
    assert told["cpu_count"] >= 1
    assert 0 <= told["memory_available"] <= told["memory_total"]
    assert all(0 <= told[key] <= 100 for key in ("cpu_percent", "memory_percent"))


def test_the_load_is_that_since_the_last_time(monkeypatch):
    times = iter([(10.0, 100.0), (40.0, 200.0), (40.0, 200.0)])
    monkeypatch.setattr(node_info, "_processor_times", lambda: next(times))
    monkeypatch.setattr(node_info, "_memory", lambda: (1000, 250))
    metrics = Metrics(1.0, Control(), lambda *_: True)
    assert metrics.measure()["cpu_percent"] == 10.0
    told = metrics.measure()
    assert (told["cpu_percent"], told["memory_percent"]) == (30.0, 75.0)
    assert metrics.measure()["cpu_percent"] == 0.0  # no time has passed


def test_a_machine_that_tells_nothing_has_no_load(monkeypatch, tmp_path):
    monkeypatch.setattr(node_info, "Path", lambda _path: tmp_path / "nothing")
    told = Metrics(1.0, Control(), lambda *_: True).measure()
    figures = {told[key] for key in ("cpu_percent", "memory_percent", "memory_total")}
    assert figures == {0}


def test_trouble_ends_nothing(start):
    sent, control, again = [], Broken(), threading.Event()

    def emit(*event):
        sent.append(event)
        again.set()
        raise ValueError("not connected")

    with capture_logs() as lines:
        metrics = start(control, emit)
        eventually(lambda: [line for line in lines if line["event"] == "metrics not sent"])
        metrics._known = Control()
        eventually(lambda: len(sent) >= 2)
    assert again.is_set()
