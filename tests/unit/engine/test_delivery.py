"""The outbox with a sink that fails in every way a server can fail."""

import threading

import pytest

from node_poc.engine import delivery
from node_poc.engine.delivery import Delivery
from node_poc.runs.model import Run, RunResult, Stage
from node_poc.runs.ports import DeliveryError
from node_poc.runs.status import RunStatus
from tests.fakes.station import eventually


def result(run_id=7):
    status = RunStatus.COMPLETED
    return RunResult(run_id, status, 0, "", False, (), False, None, 0.0, None, None, None)


def run(status=RunStatus.PENDING, run_id=7):
    return Run(run_id, "digest", 0.0, stage=Stage.CREATED, status=status)


class Sink:
    """A sink that records all messages; acknowledges results while ``acknowledges`` is true."""

    def __init__(self):
        self.is_connected = True
        self.connection = 1
        self.failures = 0
        self.acknowledges = True
        self.got = []
        self.callbacks = []

    def send_status(self, sent):
        self._take(sent.status.value)

    def send_result(self, sent, acknowledged):
        self._take(f"result {sent.run_id}")
        self.callbacks.append(acknowledged)
        if self.acknowledges:
            acknowledged()

    def _take(self, what):
        if self.failures:
            self.failures -= 1
            raise DeliveryError("away")
        self.got.append(what)


@pytest.fixture
def sink(monkeypatch):
    monkeypatch.setattr(delivery, "_LOOK_SECONDS", 0.005)
    return Sink()


@pytest.fixture
def delivered():
    return []


@pytest.fixture
def outbox(sink, delivered):
    made = Delivery(sink, delivered.append)
    yield made
    sink.is_connected = False
    if made._thread.ident:
        made.stop(5)
        assert not made._thread.is_alive()


def test_everything_goes_out_in_order(outbox, sink, delivered):
    outbox.put_status(run(RunStatus.PENDING))
    outbox.put_status(run(RunStatus.ACTIVE))
    outbox.put_result(result())
    outbox.start()
    eventually(lambda: delivered == [7])
    assert sink.got == ["pending", "active", "result 7"]


def test_a_failed_sending_keeps_the_order(outbox, sink, delivered):
    sink.failures = 3
    outbox.put_status(run(RunStatus.ACTIVE))
    outbox.put_result(result())
    outbox.start()
    eventually(lambda: delivered == [7])
    assert sink.got == ["active", "result 7"]


def test_nothing_is_sent_while_the_server_is_away(outbox, sink, delivered):
    sink.is_connected = False
    outbox.start()
    outbox.put_result(result())
    assert sink.got == []
    sink.is_connected = True
    eventually(lambda: delivered == [7])


def test_a_result_without_acknowledgement_is_sent_again(outbox, sink, delivered, monkeypatch):
    monkeypatch.setattr(delivery, "_ACKNOWLEDGE_SECONDS", 0.01)
    sink.acknowledges = False
    outbox.start()
    outbox.put_result(result())
    eventually(lambda: len(sink.got) > 2)
    sink.acknowledges = True
    eventually(lambda: delivered == [7])


def test_a_result_is_sent_again_on_a_new_connection_only(outbox, sink, delivered):
    sink.acknowledges = False
    outbox.start()
    outbox.put_result(result())
    outbox.put_status(run(RunStatus.ACTIVE, 8))
    eventually(lambda: "active" in sink.got)
    assert sink.got.count("result 7") == 1
    sink.acknowledges = True
    sink.connection = 2
    eventually(lambda: delivered == [7])
    assert sink.got.count("result 7") == 2


def test_a_result_whose_second_sending_fails_is_not_forgotten(outbox, sink, delivered):
    """The new connection breaks, too, while the outbox sends the result."""
    sink.acknowledges = False
    outbox.start()
    outbox.put_result(result())
    eventually(lambda: sink.got == ["result 7"])
    sink.failures = 1
    sink.connection = 2
    eventually(lambda: sink.failures == 0)
    sink.acknowledges = True
    sink.connection = 3
    eventually(lambda: delivered == [7], "the result, after its second sending had failed")


def test_two_acknowledgements_are_one_delivery(outbox, sink, delivered):
    sink.acknowledges = False
    outbox.start()
    outbox.put_result(result())
    eventually(lambda: sink.callbacks)
    for _ in range(2):
        sink.callbacks[0]()
    assert delivered == [7]


def test_stop_delivers_what_is_ready(outbox, sink, delivered):
    for run_id in range(20):
        outbox.put_result(result(run_id))
    outbox.start()
    outbox.stop(10)
    assert delivered == list(range(20))


def test_stop_waits_for_acknowledgements_but_not_for_ever(outbox, sink, delivered):
    sink.acknowledges = False
    outbox.start()
    outbox.put_result(result())
    eventually(lambda: sink.callbacks)
    threading.Timer(0.05, sink.callbacks[0]).start()
    outbox.stop(10)
    assert delivered == [7]


def test_stop_without_a_server_is_at_once(outbox, sink, delivered):
    sink.is_connected = False
    outbox.put_result(result())
    outbox.start()
    outbox.stop(10)
    assert delivered == []
    assert not outbox._thread.is_alive()


def test_a_message_that_cannot_be_made_holds_up_no_other(outbox, sink, delivered):
    """A status that could not be encoded used to end the sender's thread and all delivery."""
    take = sink.send_status

    def broken(sent):
        if sent.run_id == 1:
            raise TypeError("not JSON")
        take(sent)

    sink.send_status = broken
    outbox.put_status(run(run_id=1))
    outbox.put_status(run(run_id=2))
    outbox.put_result(result(3))
    outbox.start()
    eventually(lambda: delivered == [3])
    assert sink.got == ["pending", "result 3"]


def test_what_is_abandoned_is_not_sent_any_more(outbox, sink):
    """Without the Lease, this node stops sending: another node delivers now and may know more."""
    sink.acknowledges = False
    outbox.put_result(result(1))
    outbox.start()
    eventually(lambda: sink.got == ["result 1"])
    outbox.abandon()
    outbox.put_result(result(2))
    sink.connection = 2
    outbox._thread.join(5)
    assert not outbox._thread.is_alive()
    assert sink.got == ["result 1"]


def test_an_outbox_that_is_full_is_abandoned_between_two_messages(outbox, sink):
    take = sink.send_status
    sink.send_status = lambda sent: (take(sent), outbox.abandon())
    for run_id in range(5):
        outbox.put_status(run(run_id=run_id))
    outbox.start()
    outbox._thread.join(5)
    assert sink.got == ["pending"]
