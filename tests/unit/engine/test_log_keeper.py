"""When ``complete`` returns, the run's folder contains the container's entire log exactly once."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from node_poc.cluster import logs as logs_module
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.log_lines import Piece, Position
from node_poc.concurrency.backoff import Backoff
from node_poc.engine import log_keeper
from node_poc.engine.log_keeper import LogKeeper
from node_poc.storage.log_files import mark_of
from node_poc.storage.records import StorageError
from node_poc.storage.run_log import RunLogReader
from tests.unit.cluster.kubelet_logs import KubeletLogs

PATIENCE_SECONDS = 40
MEGABYTE = 2**20


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(logs_module, "_PAUSES", Backoff(0.02, 0.1))
    monkeypatch.setattr(log_keeper, "_SAVE_SECONDS", 0.02)
    monkeypatch.setattr(log_keeper, "_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(log_keeper, "_PAUSE_SECONDS", 0.02)


@pytest.fixture
def kubelet():
    with KubeletLogs() as made:
        yield made


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "7").mkdir()
    return tmp_path / "7"


@pytest.fixture
def make_keeper(kubelet, folder):
    made = []

    def make(source=None, head=MEGABYTE, tail=MEGABYTE):
        keeper = LogKeeper(
            source or kubelet.logs(), lambda run_id: folder.parent / str(run_id), head, tail
        )
        made.append(keeper)
        return keeper

    yield make
    for keeper in made:
        keeper.stop()


@pytest.fixture
def keeper(make_keeper):
    return make_keeper()


def eventually(condition):
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def shown(folder):
    return RunLogReader(folder).tail(10 * MEGABYTE)[0]


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


def test_a_lagging_follower_reads_the_rotated_file_to_its_end(kubelet, make_keeper, folder):
    """A new reader would see the current file only."""
    line = b"x" * 1023 + b"\n"
    gate = threading.Event()

    class Slow:
        def read(self, pod, bookmark, *, only_end=False):
            return kubelet.logs().read(pod, bookmark, only_end=only_end)

        def follow(self, pod, bookmark, following):
            for number, piece in enumerate(kubelet.logs().follow(pod, bookmark, following)):
                if number == 8:
                    gate.wait(PATIENCE_SECONDS)
                yield piece

    for _ in range(2000):
        kubelet.log(line)
    keeper = make_keeper(Slow())
    keeper.follow(7, "pod")
    eventually(lambda: len(shown(folder)) > 256 * 1024)
    kubelet.rotate()
    for _ in range(10):
        kubelet.log(line)
    kubelet.end()
    threading.Timer(0.5, gate.set).start()
    assert keeper.complete(7, "pod", 20)
    assert (folder / "log").read_bytes() == line * 2010


class Gated:
    """The kubelet's log; a follower's pieces from number ``held`` on wait for ``gate``."""

    def __init__(self, kubelet, held):
        self.gate = threading.Event()
        self.read = kubelet.logs().read
        self._follow = kubelet.logs().follow
        self._held = held

    def follow(self, pod, bookmark, following):
        for number, piece in enumerate(self._follow(pod, bookmark, following)):
            if number == self._held:
                self.gate.wait(PATIENCE_SECONDS)
            yield piece


def test_what_a_follower_still_has_of_a_pod_that_is_gone_is_waited_for(
    kubelet, make_keeper, folder
):
    source = Gated(kubelet, 1)
    keeper = make_keeper(source)
    kubelet.log(b"one\n")
    keeper.follow(7, "pod")
    eventually(lambda: shown(folder) == b"one\n")
    kubelet.log(b"two\n")
    kubelet.end()
    kubelet.status = 404
    threading.Timer(0.5, source.gate.set).start()
    assert keeper.complete(7, "pod", 10)
    assert (folder / "log").read_bytes() == b"one\ntwo\n"


def test_a_lagging_follower_is_not_cut_off_when_the_time_is_over(kubelet, make_keeper, folder):
    source = Gated(kubelet, 10)
    keeper = make_keeper(source)
    for _ in range(2000):
        kubelet.log(b"x" * 999 + b"\n")
    keeper.follow(7, "pod")
    eventually(lambda: len(shown(folder)) > 256 * 1024)
    kubelet.end()
    with pytest.raises(ClusterError, match="Timeout"):
        keeper.complete(7, "pod", 0.3)
    source.gate.set()
    assert keeper.complete(7, "pod", 10)
    assert (folder / "log").read_bytes() == (b"x" * 999 + b"\n") * 2000


def test_a_follower_that_was_overtaken_adds_nothing(kubelet, make_keeper, folder):
    """A read that broke midway has stored lines already: the follower's copy of them is old."""
    source = Gated(kubelet, 1)
    keeper, whole = make_keeper(source), source.read

    def half(pod, bookmark, *, only_end):
        yield next(whole(pod, bookmark))
        raise ClusterError("GET log", 0, "Test", "it broke")

    kubelet.log(b"one\n")
    keeper.follow(7, "pod")
    eventually(lambda: shown(folder) == b"one\n")
    kubelet.log(b"two\n")
    kubelet.end()
    source.read = half
    with pytest.raises(ClusterError):
        keeper.complete(7, "pod", 0.0)
    source.gate.set()
    keeper._kept[7]._thread.join(PATIENCE_SECONDS)
    source.read = whole
    assert keeper.complete(7, "pod", 10)
    assert (folder / "log").read_bytes() == b"one\ntwo\n"


def test_a_follower_that_hangs_is_not_waited_for(kubelet, make_keeper, folder, monkeypatch):
    monkeypatch.setattr(log_keeper, "_HANGS_SECONDS", 0.3)
    release = threading.Event()

    class Hanging:
        def read(self, pod, bookmark, *, only_end=False):
            return kubelet.logs().read(pod, bookmark, only_end=only_end)

        def follow(self, pod, bookmark, following):
            yield from kubelet.logs().read(pod, bookmark)
            release.wait(PATIENCE_SECONDS)
            yield Piece(b"late", Position())

    kubelet.log(b"x" * 400_000 + b"\n")
    keeper = make_keeper(Hanging())
    keeper.follow(7, "pod")
    eventually(lambda: len(shown(folder)) == 400_001)
    kubelet.log(b"end\n")
    kubelet.end()
    assert keeper.complete(7, "pod", 20)
    release.set()
    assert (folder / "log").read_bytes() == b"x" * 400_000 + b"\nend\n"


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


def test_a_source_that_breaks_is_asked_again(kubelet, make_keeper, folder):
    class Broken:
        tries = 0

        def read(self, pod, bookmark, *, only_end=False):
            return kubelet.logs().read(pod, bookmark, only_end=only_end)

        def follow(self, pod, bookmark, following):
            self.tries += 1
            if self.tries < 3:
                raise RuntimeError("a mistake")
            return kubelet.logs().follow(pod, bookmark, following)

    kubelet.log(b"one\n")
    make_keeper(Broken()).follow(7, "pod")
    eventually(lambda: shown(folder) == b"one\n")


def test_nothing_is_begun_after_stop(kubelet, keeper):
    keeper.stop()
    keeper.follow(7, "pod")
    time.sleep(0.1)
    assert not kubelet.queries


def test_a_long_log_is_bounded_on_disk(kubelet, make_keeper, folder):
    for number in range(1000):
        kubelet.log(b"%08d\n" % number)
    kubelet.end()
    assert make_keeper(head=90, tail=90).complete(7, "pod", 10)
    data = b"".join(b"%08d\n" % number for number in range(1000))
    assert (folder / "log").read_bytes() == data[:90] + mark_of(9000 - 180) + data[-90:]


_HEAVY = """
import resource, sys, threading
from pathlib import Path
from node_poc.cluster.log_lines import LineReader, Position
from node_poc.engine.log_keeper import LogKeeper

KIND, COUNT = sys.argv[2], 100 * 2**20
STAMP = b"2026-01-01T10:00:00.000000000Z "
BLOCK = (STAMP + b"x" * 99 + b"\\n") * 500 if KIND == "lines" else b"x" * 65536

class Source:
    def read(self, pod, bookmark, *, only_end=False):
        return iter(())
    def follow(self, pod, bookmark, following):
        reader, sent = LineReader(Position.parse(bookmark)), 0
        reader.feed(STAMP)
        while sent < COUNT:
            piece = reader.feed(BLOCK)
            sent += len(piece.data)
            yield piece
        following.saw_end = True

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

before = peak()
keeper = LogKeeper(Source(), lambda run_id: Path(sys.argv[1]), 2**20, 4 * 2**20)
keeper.follow(1, "pod")
assert keeper.complete(1, "pod", 50)
print(peak() - before)
"""


@pytest.mark.parametrize("kind", ["lines", "one line"])
def test_a_hundred_megabytes_cost_little_memory(tmp_path, kind):
    told = subprocess.run(
        [sys.executable, "-c", _HEAVY, str(tmp_path), kind],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert int(told.stdout) < 32 * 1024  # in kilobytes
    assert (tmp_path / "log").stat().st_size < 6 * MEGABYTE


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
