"""The effect of verdicts: held runs, remarks, log lines, and the time of the next test."""

import queue
import threading
import time
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from node_poc.cluster import walls_proof
from node_poc.cluster.walls_proof import WallsProof
from node_poc.config.walls import Walls
from node_poc.runs.walls_verdict import Enforcement, WallsVerdict, unknown
from tests.fakes.station import eventually

AT_ONCE = WallsVerdict(Enforcement.AT_ONCE, tested=("a",), pods=9)
LATE = WallsVerdict(Enforcement.LATE, window_ms=700, open_ways=("a",))
NOT = WallsVerdict(Enforcement.NOT, open_ways=("a",))
QUOTA = unknown("exceeded quota")


def now(verdict, age_seconds=0.0):
    return replace(verdict, made_at=time.time() - age_seconds)


class Note:
    def __init__(self, verdict=None):
        self.verdict = verdict
        self.written = []

    def read(self):
        return self.verdict

    def write(self, verdict):
        self.written.append(verdict.enforcement)


class Proof:
    """A proof with self-tests that end on demand, and all changes told to the engine."""

    def __init__(self, note=None, **walls):
        self.told, self.results, self.tests = [], queue.Queue(), 0
        self.events = []
        self.note = Note(note)
        self.policies_are_right = True
        self.proof = WallsProof(
            Walls(**walls),
            self.test,
            self.note,
            lambda: self.policies_are_right,
            self.told.append,
            lambda verdict: self.events.append(verdict.enforcement),
        )

    def test(self, ended):
        self.tests += 1
        while not ended.is_set():
            try:
                return now(self.results.get(timeout=0.01))
            except queue.Empty:
                continue
        return unknown("the node ends")

    def finds(self, verdict):
        """Let the next test find a verdict, and wait until the node has taken the verdict."""
        before = self.proof.verdict, self.proof._trouble
        self.results.put(verdict)
        eventually(lambda: (self.proof.verdict, self.proof._trouble) != before, str(verdict))

    @property
    def reasons(self):
        return [failure and failure.site_detail for failure in self.told]


@pytest.fixture
def proof(monkeypatch, request):
    monkeypatch.setattr(walls_proof._AGAIN.__class__, "pause", lambda *_: 0.0)
    made = []

    def make(note=None, **walls):
        made.append(Proof(note, **walls))
        made[-1].proof.start()
        return made[-1]

    yield make
    for each in made:
        each.proof.stop()


@pytest.fixture
def lines():
    with capture_logs() as found:
        yield found


def test_before_the_first_verdict_nothing_is_known_and_nothing_is_held(proof):
    made = proof()
    assert made.proof.verdict.needs_gate
    assert made.told == []
    assert made.proof.remark == "the walls around algorithms: unknown: no self-test was made yet"


def test_proven_walls_need_no_gate_and_no_remark(proof, lines):
    made = proof()
    made.finds(AT_ONCE)
    assert not made.proof.verdict.needs_gate
    assert (made.told, made.proof.remark) == ([], None)
    assert made.note.written == ["enforced at once"]
    assert [line["event"] for line in lines] == ["the walls around algorithms are proven"]


def test_open_walls_hold_runs_back_until_a_test_finds_them_closed(proof, lines):
    made = proof()
    made.finds(NOT)
    (failure,) = made.told
    assert failure.cause == "WallsNotUp"
    assert "open are a" in failure.site_detail
    assert "open are" not in failure.detail + failure.advice
    assert made.proof.remark == f"no run is started: {failure.site_detail}"
    assert made.proof.holds_runs
    made.finds(LATE)
    assert made.told[1:] == [None]
    assert not made.proof.holds_runs
    eventually(lambda: made.events == ["not enforced", "enforced late"], "both are told")
    assert [line["log_level"] for line in lines] == ["error", "warning"]


def test_open_ipv6_has_a_remedy_of_its_own(proof):
    made = proof()
    made.finds(replace(NOT, open_ways=("another pod by IPv6",)))
    assert "ipv6.disable_ipv6=1" in made.proof.remark


def test_a_site_that_does_not_require_walls_is_warned_loudly(proof, lines):
    made = proof(required=False)
    made.finds(NOT)
    assert made.told == []
    assert not made.proof.holds_runs
    assert made.proof.remark.startswith("runs start, although the cluster lets them out: ")
    assert [line["log_level"] for line in lines] == ["error"]


def test_a_window_is_a_remark(proof):
    made = proof()
    made.finds(LATE)
    assert "enforced 700 ms after a pod's start" in made.proof.remark


def test_the_same_verdict_is_logged_once(proof, lines):
    made = proof()
    for _ in range(3):
        made.results.put(NOT)
    eventually(lambda: made.tests > 3)
    assert len([line for line in lines if line["log_level"] == "error"]) == 1
    assert len(made.told) == 1


def test_a_known_verdict_counts_at_once_after_a_restart_without_a_test(proof):
    made = proof(now(AT_ONCE, 3600))
    assert made.proof.verdict.enforcement is Enforcement.AT_ONCE
    assert made.proof._first_pause() == pytest.approx(23 * 3600, abs=60)
    assert made.tests == 0


def test_open_walls_stay_open_after_a_restart_and_are_tested_at_once(proof):
    made = proof(now(NOT, 3600))
    assert len(made.told) == 1
    eventually(lambda: made.tests == 1)
    made.finds(AT_ONCE)
    assert made.told[1:] == [None]


@pytest.mark.parametrize("age_seconds", [49 * 3600, -3600])
def test_a_verdict_that_is_too_old_or_of_the_future_does_not_count(proof, age_seconds):
    made = proof(now(AT_ONCE, age_seconds))
    assert made.proof.verdict.enforcement is Enforcement.UNKNOWN
    eventually(lambda: made.tests == 1)


def test_a_test_without_a_result_leaves_the_last_verdict_in_force(proof, lines):
    made = proof(now(NOT))
    eventually(lambda: made.tests == 1)
    made.finds(QUOTA)
    assert made.proof.verdict.enforcement is Enforcement.NOT
    assert len(made.told) == 1
    assert made.note.written == []
    assert "came to no result" in lines[-1]["event"]


def test_a_later_test_without_a_result_is_told(proof):
    made = proof()
    made.finds(AT_ONCE)
    made.proof._on_tested(now(QUOTA))
    assert not made.proof.verdict.needs_gate
    assert made.proof.remark == "the last self-test of the walls: exceeded quota"


def test_while_policies_are_wrong_no_pod_is_started(proof, monkeypatch):
    monkeypatch.setattr(walls_proof, "_SOON_SECONDS", 0.01)
    made = Proof()
    made.policies_are_right = False
    asked = threading.Event()
    made.proof._may_test = lambda: asked.set() or made.policies_are_right
    made.proof.start()
    assert asked.wait(30)
    assert made.tests == 0
    made.policies_are_right = True
    eventually(lambda: made.tests == 1)
    made.proof.stop()


def test_a_verdict_that_was_found_while_policies_went_away_does_not_count(proof):
    made = proof()
    eventually(lambda: made.tests == 1)
    asked = threading.Event()
    made.proof._may_test = lambda: asked.set() or False
    made.results.put(NOT)
    assert asked.wait(30)
    made.proof.stop()
    assert (made.told, made.note.written) == ([], [])


def test_without_self_test_there_is_no_thread_no_remark_and_no_hold(proof):
    made = proof(now(NOT), self_test_hours=None)
    assert (made.told, made.proof.remark, made.tests) == ([], None, 0)
    assert made.proof.verdict.needs_gate
    assert not made.proof._thread.is_alive()


@pytest.mark.parametrize("verdict", [AT_ONCE, LATE])
def test_the_next_test_comes_after_the_configured_hours(proof, verdict):
    assert Proof(self_test_hours=2).proof._next_pause(verdict) == 7200


@pytest.mark.parametrize("verdict", [NOT, QUOTA])
def test_after_a_bad_test_the_next_comes_in_a_minute_to_an_hour(verdict):
    made = Proof().proof
    pauses = [made._next_pause(verdict) for _ in range(8)]
    assert 30 <= pauses[0] <= 60
    assert 1800 <= pauses[-1] <= 3600


def test_the_end_of_the_node_ends_a_test(proof):
    made = proof()
    eventually(lambda: made.tests == 1)
    made.proof.stop()
    assert not made.proof._thread.is_alive()
    assert made.proof.verdict.reason == "no self-test was made yet"
