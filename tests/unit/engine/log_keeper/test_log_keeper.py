"""When ``complete`` returns, the run's folder contains the container's entire log exactly once."""

import threading
import time

import pytest

from node_poc.cluster import logs as logs_module
from node_poc.cluster.errors import ClusterError
from node_poc.concurrency.backoff import Backoff
from node_poc.storage.records import StorageError
from tests.fakes.station import eventually
from tests.unit.engine.log_keeper.kept_log import shown


def test_a_followed_log_can_be_read_while_it_grows(kubelet, keeper, folder):
    keeper.follow(7, "pod")
    kubelet.log(b"one\n")
    eventually(lambda: shown(folder) == b"one\n")
    kubelet.log(b"two\n")
    eventually(lambda: shown(folder) == b"one\ntwo\n")
    kubelet.log(b"last")
    kubelet.end()
    assert keeper.complete(7, "pod", 10)
    assert (folder / "log").read_bytes() == b"one\ntwo\nlast"


def test_a_run_that_was_never_followed_costs_one_read(kubelet, keeper, folder):
    kubelet.log(b"one\n")
    kubelet.end()
    assert keeper.complete(7, "pod", 10)
    assert (folder / "log").read_bytes() == b"one\n"
    assert [query.get("follow") for query in kubelet.queries] == [None]


def test_repeating_is_harmless(kubelet, keeper, folder):
    kubelet.log(b"one\n")
    for _ in range(5):
        keeper.follow(7, "pod")
    eventually(lambda: shown(folder) == b"one\n")
    kubelet.end()
    assert keeper.complete(7, "pod", 10)
    asked = len(kubelet.queries)
    assert keeper.complete(7, "pod", 10)
    keeper.follow(7, "pod")
    eventually(lambda: not keeper._kept)
    assert (folder / "log").read_bytes() == b"one\n"
    assert len(kubelet.queries) <= asked + 1


def test_a_pod_that_went_after_it_was_read_leaves_a_whole_log(kubelet, keeper, folder):
    kubelet.log(b"one\n")
    keeper.follow(7, "pod")
    eventually(lambda: shown(folder) == b"one\n")
    kubelet.end()
    eventually(lambda: len(kubelet.queries) > 1)
    kubelet.status = 404
    assert keeper.complete(7, "pod", 10)
    assert (folder / "log").read_bytes() == b"one\n"


def test_a_pod_that_went_before_it_was_read_is_told(kubelet, keeper, folder):
    kubelet.status = 404
    assert not keeper.complete(7, "pod", 10)
    assert not keeper.complete(7, "pod", 10)  # the keeper remembers the failure
    assert (folder / "log").read_bytes() == b""


def test_a_container_that_never_started_has_an_empty_log(kubelet, keeper, folder):
    kubelet.status = 400
    assert keeper.complete(7, "pod", 10)
    assert (folder / "log").read_bytes() == b""


def test_an_outage_is_outlasted_or_told(kubelet, keeper, folder):
    kubelet.log(b"one\n")
    kubelet.end()
    kubelet.status = 500
    with pytest.raises(ClusterError):
        keeper.complete(7, "pod", 0.2)
    kubelet.status, kubelet.statuses = 200, [500, 503]
    assert keeper.complete(7, "pod", 10)
    assert (folder / "log").read_bytes() == b"one\n"


def test_giving_up_keeps_what_there_is(kubelet, keeper, folder):
    kubelet.log(b"one\n")
    keeper.follow(7, "pod")
    eventually(lambda: shown(folder) == b"one\n")
    keeper.give_up(7, "pod")
    assert (folder / "log").read_bytes() == b"one\n"
    assert not keeper.complete(7, "pod", 10)


def test_what_may_not_be_read_is_told(kubelet, keeper):
    kubelet.status = 403
    assert not keeper.complete(7, "pod", 10)


@pytest.mark.parametrize("tidy", [True, False])
def test_a_restart_goes_on_where_it_was(kubelet, make_keeper, folder, tidy):
    lines = [b"line %d\n" % number for number in range(300)]
    first = make_keeper()
    for line in lines[:100]:
        kubelet.log(line)
    first.follow(7, "pod")
    eventually(lambda: shown(folder) == b"".join(lines[:100]))
    if tidy:
        first.stop()
    else:  # like SIGKILL: the next keeper removes the bytes that are not in the saved state
        first._kept[7].following.stop.set()
        first._kept[7].save = lambda: None
    for line in lines[100:200]:
        kubelet.log(line)
    second = make_keeper()
    second.follow(7, "pod")
    for line in lines[200:]:
        kubelet.log(line)
    kubelet.end()
    assert second.complete(7, "pod", 10)
    assert (folder / "log").read_bytes() == b"".join(lines)


def test_a_disk_that_is_full_for_a_while_loses_nothing(kubelet, make_keeper, folder):
    folder.rmdir()  # without the folder, nothing can be written
    kubelet.log(b"one\n")
    keeper = make_keeper()
    keeper.follow(7, "pod")
    eventually(lambda: kubelet.queries)
    with pytest.raises(StorageError):
        keeper.complete(7, "pod", 5)
    folder.mkdir()
    kubelet.end()
    assert keeper.complete(7, "pod", 10)
    assert (folder / "log").read_bytes() == b"one\n"


def test_nothing_is_begun_after_stop(kubelet, keeper):
    keeper.stop()
    keeper.follow(7, "pod")
    time.sleep(0.1)
    assert not kubelet.queries


def test_the_rest_of_a_short_log_is_asked_for_once(kubelet, make_keeper, folder, monkeypatch):
    """A follower whose connection has ended leaves the rest of the log to ``complete``."""
    monkeypatch.setattr(logs_module, "_PAUSES", Backoff(30.0, 30.0))  # waits for the run's end
    kubelet.log(b"one\n")
    kubelet.end()
    keeper = make_keeper()
    keeper.follow(7, "pod")
    eventually(lambda: keeper._kept[7].following.saw_end)
    asked = len(kubelet.queries)
    assert keeper.complete(7, "pod", 20)
    eventually(lambda: not [each for each in threading.enumerate() if each.name == "log of run 7"])
    assert len(kubelet.queries) == asked + 1
    assert (folder / "log").read_bytes() == b"one\n"
