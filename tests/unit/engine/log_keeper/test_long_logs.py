"""Long logs: bounded on the disk and in memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from node_poc.storage.log_files import mark_of
from tests.unit.engine.log_keeper.kept_log import MEGABYTE


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
        cwd=Path(__file__).parents[4],
    )
    assert int(told.stdout) < 32 * 1024  # in kilobytes
    assert (tmp_path / "log").stat().st_size < 6 * MEGABYTE
