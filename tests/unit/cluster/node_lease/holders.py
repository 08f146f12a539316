"""Processes that hold or want a Lease."""

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime

from node_poc.cluster.lease import LeaseTimes, NodeLease
from node_poc.manifests.identity import Identity
from node_poc.manifests.lease import Holder, build_lease, taken

NODE = "v6-node"
NAME = Identity(NODE).node_label
# ``leaseDurationSeconds`` of a Lease is an integer: the shortest duration is one second.
QUICK = LeaseTimes(duration=1.0, give_up=0.8, renew_every=0.1, retry_every=0.05, look_every=0.05)
# The Lease does not end during the test, however slow the machine is.
LASTING = LeaseTimes(60.0, give_up=50.0, renew_every=0.1, retry_every=0.05, look_every=0.05)
POD_A, POD_B = Holder("node-a", "aa", in_pod=True), Holder("node-b", "bb", in_pod=True)


class Station:
    """A process's Lease, and the reasons reported to the process for losing the Lease."""

    def __init__(self, api, holder=POD_B, times=LASTING):
        self.lost = []
        self.stop = threading.Event()
        self.lease = NodeLease(api, "v6-jobs", NODE, self.lost.append, times, holder)
        self.works = None

    def acquire_behind(self):
        def acquire():
            self.works = self.lease.acquire(self.stop)

        threading.Thread(target=acquire, daemon=True).start()
        return self

    def end(self):
        self.stop.set()
        self.lease.stop(2.0)


@contextmanager
def station(api, holder=POD_B, times=LASTING):
    made = Station(api, holder, times)
    try:
        yield made
    finally:
        api.answers.set()
        made.end()


def until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


def held_by(holder, **spec):
    blank = build_lease(Identity(NODE), "v6-jobs")
    lease = taken(blank, holder, 1, datetime(2001, 2, 3, tzinfo=UTC))
    lease["spec"] |= spec
    return lease
