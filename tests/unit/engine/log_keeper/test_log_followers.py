"""Followers that lag, hang or break: ``complete`` neither loses their lines nor waits for ever."""

import threading

import pytest

from node_poc.cluster.errors import ClusterError
from node_poc.cluster.log_lines import Piece, Position
from node_poc.engine import log_keeper
from tests.fakes.station import PATIENCE_SECONDS, eventually
from tests.unit.engine.log_keeper.kept_log import shown


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
