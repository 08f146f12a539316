"""Following a container's log across every kind of break, over real sockets."""

import threading
import time
from itertools import count, pairwise

import pytest

from node_poc.cluster import logs as logs_module
from node_poc.cluster.errors import ClusterError, NotFoundError
from node_poc.cluster.log_lines import mark_of_gap
from node_poc.cluster.log_pace import LogPace
from node_poc.cluster.logs import Following, SilentError
from node_poc.concurrency.backoff import Backoff
from tests.unit.cluster.kubelet_logs import KubeletLogs

PATIENCE_SECONDS = 40


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(logs_module, "_PAUSES", Backoff(0.02, 0.1))
    monkeypatch.setattr(logs_module, "_SILENCE_SECONDS", (0.3, 2.0))


@pytest.fixture
def kubelet():
    with KubeletLogs() as made:
        yield made


class Follower:
    """Follow the log in a thread and collect the bytes in ``data``."""

    def __init__(self, kubelet, bookmark=""):
        self.following = Following(threading.Event(), threading.Event())
        self.data = b""
        self.position = None
        self._pieces = kubelet.logs().follow("pod-1", bookmark, self.following)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        for piece in self._pieces:
            self.data += piece.data
            self.position = piece.position

    def has(self, data):
        until = time.monotonic() + PATIENCE_SECONDS
        while self.data != data:
            assert time.monotonic() < until, self.data[-200:]
            time.sleep(0.01)

    def ends(self):
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        return self.data


def test_lines_come_as_they_are_logged(kubelet):
    follower = Follower(kubelet)
    kubelet.log(b"one\r\n")
    follower.has(b"one\r\n")
    kubelet.log(b"\xff\x00\n")
    kubelet.log(b"no newline")
    follower.has(b"one\r\n\xff\x00\nno newline")
    follower.following.ending.set()
    kubelet.end()
    assert follower.ends() == b"one\r\n\xff\x00\nno newline"
    assert follower.following.saw_end
    assert kubelet.queries[0] == {"container": "algorithm", "timestamps": "true", "follow": "true"}
    assert "sinceTime" in kubelet.queries[-1]


def test_connections_that_are_cut_anywhere_lose_and_double_nothing(kubelet):
    lines = [b"line %04d %s\n" % (number, b"x" * (number % 50)) for number in range(2000)]
    kubelet.cuts = [1, 30, 31, 77, 1500, 9999, 20000, 33333, 50000, 50001]
    for line in lines[:1000]:
        kubelet.log(line)
    follower = Follower(kubelet)
    for line in lines[1000:]:
        kubelet.log(line)
    kubelet.end()
    follower.following.ending.set()
    assert follower.ends() == b"".join(lines)
    assert not kubelet.cuts


def test_an_end_at_a_rotation_is_not_the_end(kubelet):
    kubelet.forgets_followers = True
    kubelet.log(b"old\n")
    follower = Follower(kubelet)
    follower.has(b"old\n")
    kubelet.rotate()
    kubelet.log(b"new\n")
    kubelet.end()  # the follower's connection ends with the old file
    follower.following.ending.set()
    assert follower.ends() == b"old\nnew\n"


def test_a_follower_that_the_kubelet_forgot_asks_again(kubelet):
    kubelet.forgets_followers = True
    kubelet.log(b"old\n")
    follower = Follower(kubelet)
    follower.has(b"old\n")
    kubelet.rotate()
    kubelet.log(b"new\n", later=3)
    follower.has(b"old\n" + mark_of_gap(3) + b"new\n")


def test_a_half_open_connection_is_left(kubelet):
    kubelet.mute = 2
    follower = Follower(kubelet)
    kubelet.log(b"one\n")
    follower.has(b"one\n")
    assert len(kubelet.queries) >= 3


def test_silence_is_asked_after_ever_more_rarely(kubelet):
    kubelet.log(b"one\n")
    follower = Follower(kubelet)
    follower.has(b"one\n")
    until = time.monotonic() + PATIENCE_SECONDS
    while len(kubelet.asked_at) < 4:
        assert time.monotonic() < until
        time.sleep(0.01)
    pauses = [after - before for before, after in pairwise(kubelet.asked_at)]
    assert all(p >= least for p, least in zip(pauses, (0.25, 0.55, 1.1), strict=False))
    kubelet.log(b"two\n")
    follower.has(b"one\ntwo\n")


def test_a_container_that_has_not_started_is_waited_for(kubelet):
    kubelet.statuses = [400, 400, 400]
    follower = Follower(kubelet)
    kubelet.log(b"one\n")
    follower.has(b"one\n")
    assert len(kubelet.queries) >= 4


def test_a_container_that_never_started_has_no_log(kubelet):
    kubelet.status = 400
    follower = Follower(kubelet)
    follower.following.ending.set()
    assert follower.ends() == b""
    assert follower.following.saw_end


def test_a_pod_that_is_gone_ends_it(kubelet):
    kubelet.status = 404
    follower = Follower(kubelet)
    assert follower.ends() == b""
    assert not follower.following.saw_end


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_errors_are_outlasted(kubelet, status):
    kubelet.statuses = [status] * 4
    follower = Follower(kubelet)
    kubelet.log(b"one\n")
    follower.has(b"one\n")


def test_it_goes_on_from_a_bookmark(kubelet):
    for number in range(100):
        kubelet.log(b"%d\n" % number)
    first = next(kubelet.logs().read("pod-1", ""))
    kubelet.log(b"more\n")
    again = b"".join(piece.data for piece in kubelet.logs().read("pod-1", str(first.position)))
    assert first.data + again == b"".join(b"%d\n" % number for number in range(100)) + b"more\n"


def test_stop_ends_it_between_pieces(kubelet):
    kubelet.statuses = [500] * 1000
    follower = Follower(kubelet)
    follower.following.stop.set()
    follower.following.ending.set()
    follower.ends()


def test_a_plain_read_tells_what_is_wrong(kubelet):
    kubelet.statuses = [404, 400]
    with pytest.raises(NotFoundError):
        list(kubelet.logs().read("pod-1", ""))
    with pytest.raises(ClusterError) as told:
        list(kubelet.logs().read("pod-1", ""))
    assert told.value.status == 400


def test_a_plain_read_does_not_wait_for_ever(kubelet, monkeypatch):
    monkeypatch.setattr(logs_module, "_READ_SECONDS", 0.2)
    kubelet.mute = 1
    with pytest.raises(SilentError):
        list(kubelet.logs().read("pod-1", ""))


def test_what_the_kubelet_says_while_its_runtime_is_away_is_no_log(kubelet):
    """The kubelet sends the message with status 200 instead of the log; the node once kept it."""
    kubelet.without_runtime = 2
    kubelet.log(b"one\n")
    follower = Follower(kubelet)
    follower.has(b"one\n")
    kubelet.without_runtime = 1
    with pytest.raises(ClusterError) as raised:
        list(kubelet.logs().read("pod-1", ""))
    assert raised.value.is_transient


def test_an_algorithm_may_log_the_same_words(kubelet):
    words = b"unable to retrieve container logs for containerd://4711\n"
    kubelet.log(words)
    kubelet.end()
    assert b"".join(piece.data for piece in kubelet.logs().read("pod-1", "")) == words


def test_lines_that_were_rotated_away_while_nobody_read_leave_a_mark(kubelet):
    for number in range(40):
        kubelet.log(b"%d\n" % number)
    first = next(kubelet.logs().read("pod-1", ""))
    kubelet.log(b"lost\n")
    kubelet.rotate()
    kubelet.log(b"new\n", later=2.5)
    again = b"".join(piece.data for piece in kubelet.logs().read("pod-1", str(first.position)))
    assert again == mark_of_gap(2.5) + b"new\n"


def test_a_rotation_of_which_all_was_read_leaves_none(kubelet):
    for number in range(40):
        kubelet.log(b"%d\n" % number)
    first = next(kubelet.logs().read("pod-1", ""))
    kubelet.rotate()
    kubelet.log(b"new\n")
    again = b"".join(piece.data for piece in kubelet.logs().read("pod-1", str(first.position)))
    assert again == b"new\n"


def test_a_log_that_grows_too_fast_is_left_alone_and_then_read_near_its_end(kubelet, monkeypatch):
    monkeypatch.setattr(logs_module, "_END_LINES", 100)
    monkeypatch.setattr(logs_module, "_LEAST", 1000)
    kubelet.pace = LogPace(run=(1, 400_000), together=(1e9, 1e9))
    for _ in range(20_000):
        kubelet.log(b"\n", later=0.01)
    follower = Follower(kubelet)
    until = time.monotonic() + PATIENCE_SECONDS
    while not follower.following.is_too_fast:
        assert time.monotonic() < until
        time.sleep(0.01)
    kubelet.log(b"last\n")
    kubelet.end()
    follower.following.ending.set()  # setting the event ends the pause, too
    data = follower.ends()
    assert kubelet.queries[-1]["tailLines"] == "100"
    assert follower.following.saw_end
    marks = [line for line in data.splitlines() if b"may be missing here" in line]
    assert len(marks) == 1
    assert data.endswith(b"last\n")
    assert len(data) < 20_000


def test_a_fast_log_of_which_nothing_was_missed_has_no_mark(kubelet, monkeypatch):
    monkeypatch.setattr(logs_module, "_LEAST", 1000)
    ticks = count()  # each look at the clock advances the clock by 1 ms, independent of the machine
    kubelet.pace = LogPace((1e6, 100_000), (1e9, 1e9), lambda: next(ticks) / 1000)
    lines = [b"%d\n" % number for number in range(5000)]
    for line in lines:
        kubelet.log(line)
    follower = Follower(kubelet)
    follower.has(b"".join(lines))
    assert len(kubelet.queries) > 1
