"""Decides by self-tests whether the cluster enforces the walls, and holds runs back if not.

The last verdict counts until the next, also after a restart of the node. Therefore no run waits for
a test: on a new cluster nothing is known, and the runs start behind their gate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from node_poc.concurrency.backoff import Backoff
from node_poc.config.walls import Walls
from node_poc.isolation.self_test.targets import BY_IPV6
from node_poc.runs.diagnosis import walls_not_up
from node_poc.runs.model import Failure
from node_poc.runs.walls_verdict import Enforcement, WallsVerdict, not_enforced, unknown

log = structlog.get_logger(__name__)

# After a test without a result, or one that found open ways: a person may repair the cluster.
_AGAIN = Backoff(60.0, 3600.0)
_SOON_SECONDS = 15.0
_STOP_SECONDS = 2.0
_REMEDY = (
    "let the cluster's network plugin enforce NetworkPolicies on the ways named here; the node "
    "tests again by itself, and at its start"
)
_IPV6_REMEDY = (
    "; on a cluster with IPv4 only, the cluster's machines start with the kernel parameter "
    "ipv6.disable_ipv6=1, because many network plugins leave link-local IPv6 between pods open"
)
_NOTHING_YET = unknown("no self-test was made yet")
_SWITCHED_OFF = unknown("kubernetes.walls.self_test_hours is null")


class Note(Protocol):
    """Keeps the last verdict (``storage/walls_note.py``)."""

    def read(self) -> WallsVerdict | None:
        """Return the last verdict; None if there is none."""

    def write(self, verdict: WallsVerdict) -> None:
        """Keep a verdict."""


class WallsProof:
    """Tests at the start and on a timer, in a thread of its own."""

    def __init__(
        self,
        walls: Walls,
        test: Callable[[threading.Event], WallsVerdict],
        note: Note,
        may_test: Callable[[], bool],
        on_change: Callable[[Failure | None], None],
        tell: Callable[[WallsVerdict], None],
    ) -> None:
        """Create the proof; ``start`` starts its thread.

        Args:
            walls: the settings.
            test: makes one self-test; ends early if the event is set. Raises nothing.
            note: keeps the last verdict.
            may_test: whether the policies are right: otherwise a test would only show the reason
                that is known already.
            on_change: called, if ``required``, with the reason why runs must wait, and with None
                when the reason is gone. Must not block.
            tell: tells people of a verdict that differs from the one before. Raises nothing.
        """
        self._walls = walls
        self._test = test
        self._note = note
        self._may_test = may_test
        self._on_change = on_change
        self._tell = tell
        self._untold = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="self-test", daemon=True)
        self._failures = 0
        self._trouble = ""
        self.verdict = _NOTHING_YET

    @property
    def remark(self) -> str | None:
        """What a person should know of the verdict; None if all is well, or tests are off."""
        if self._walls.self_test_hours is None:
            return None
        match self.verdict.enforcement:
            case Enforcement.NOT:
                effect = (
                    "no run is started"
                    if self._walls.required
                    else "runs start, although the cluster lets them out"
                )
                return f"{effect}: {_reason(self.verdict)}"
            case Enforcement.AT_ONCE:
                return (
                    f"the last self-test of the walls: {self._trouble}" if self._trouble else None
                )
            case _:
                return f"the walls around algorithms: {self.verdict}"

    @property
    def holds_runs(self) -> bool:
        """Whether the verdict holds all runs back."""
        return self._walls.required and not_enforced(self.verdict)

    def start(self) -> None:
        """Take the last verdict, and start the thread; without self-tests, do nothing."""
        if self._walls.self_test_hours is None:
            self.verdict = _SWITCHED_OFF
            return
        found = self._note.read()
        if found is not None and self._counts(found):
            self._take(found)
        self._thread.start()

    def stop(self) -> None:
        """End the thread. A test that is under way has a moment to remove its pods."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _counts(self, verdict: WallsVerdict) -> bool:
        """Whether a verdict is not too old; after the time of two tests, nobody knows any more."""
        age = time.time() - verdict.made_at
        return 0 <= age < 2 * self._pause_seconds()

    def _pause_seconds(self) -> float:
        return 3600 * (self._walls.self_test_hours or 0)

    def _serve(self) -> None:
        pause = self._first_pause()
        self._tell_news()
        while not self._ended.wait(pause):
            if not self._may_test():
                pause = _SOON_SECONDS
                continue
            found = self._test(self._ended)
            if self._ended.is_set():
                return
            if not self._may_test():  # the policies went away meanwhile, and are known to be wrong
                pause = _SOON_SECONDS
                continue
            self._on_tested(found)
            self._tell_news()
            pause = self._next_pause(found)

    def _tell_news(self) -> None:
        """Tell of a verdict that nobody was told of: in this thread, which may wait."""
        if self._untold:
            self._untold = False
            self._tell(self.verdict)

    def _first_pause(self) -> float:
        """Return the rest of the time until the next test; 0 unless the last found all in order."""
        if self.verdict.enforcement not in {Enforcement.AT_ONCE, Enforcement.LATE}:
            return 0.0
        return max(0.0, self.verdict.made_at + self._pause_seconds() - time.time())

    def _next_pause(self, found: WallsVerdict) -> float:
        if found.enforcement in {Enforcement.AT_ONCE, Enforcement.LATE}:
            self._failures = 0
            return self._pause_seconds()
        pause = _AGAIN.pause(self._failures)
        self._failures += 1
        return min(pause, self._pause_seconds())

    def _on_tested(self, found: WallsVerdict) -> None:
        """Take a verdict; a test without a result leaves the last one in force while it counts."""
        trouble = "" if found.is_known else found.reason
        if trouble and self.verdict.is_known and self._counts(self.verdict):
            if trouble != self._trouble:
                log.warning("the self-test of the walls came to no result", reason=trouble)
            self._trouble = trouble
            return
        self._trouble = ""
        self._take(found)
        if found.is_known:
            self._note.write(found)

    def _take(self, found: WallsVerdict) -> None:
        before, self.verdict = self.verdict, found
        if found.says_the_same(before):
            return
        _log(found)
        if self._walls.required and (not_enforced(found) or not_enforced(before)):
            self._on_change(walls_not_up(_reason(found)) if not_enforced(found) else None)
        self._untold = True


def _reason(verdict: WallsVerdict) -> str:
    return f"the walls around algorithms are {verdict}; {_remedy(verdict)}"


def _remedy(verdict: WallsVerdict) -> str:
    has_ipv6 = any(way.endswith(BY_IPV6) for way in verdict.open_ways)
    return _REMEDY + _IPV6_REMEDY if has_ipv6 else _REMEDY


def _log(verdict: WallsVerdict) -> None:
    facts = {"tested": verdict.tested, "not_tested": verdict.not_tested or None}
    if verdict.enforcement is Enforcement.AT_ONCE:
        log.info("the walls around algorithms are proven", verdict=str(verdict), **facts)
    elif not_enforced(verdict):
        remedy = _remedy(verdict)
        log.error(
            "the walls around algorithms are open", verdict=str(verdict), remedy=remedy, **facts
        )
    else:
        log.warning("the walls around algorithms are not proven", verdict=str(verdict), **facts)
