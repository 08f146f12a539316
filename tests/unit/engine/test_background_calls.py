"""Slow calls of the engine: which are repeated, how long, and which outcome the engine gets."""

import json
from types import SimpleNamespace

import pytest
import structlog
from structlog.testing import capture_logs

from node_poc.cluster.errors import ClusterError, error_of
from node_poc.cluster.objects import ClusterObjects
from node_poc.engine import background_calls
from node_poc.engine.background_calls import BackgroundCalls
from node_poc.engine.messages import CallLater, JobCreated
from node_poc.engine.retries import Retries
from node_poc.engine.run_jobs import RunJobs
from node_poc.engine.run_work import RunWork
from node_poc.runs import ends
from node_poc.runs.model import Run
from node_poc.runs.observed import EventsSeen, StartPutOff, StartRefused
from node_poc.storage.records import RunRecord
from tests.fakes.examples import config, spec
from tests.unit.engine.failing_calls import Failing, InstantPool

LOST = ClusterError("POST", 0, "ReadTimeoutError", "no answer")
AWAY = error_of("GET /x", 503, "{}")
FORBIDDEN = error_of("GET /x", 403, json.dumps({"reason": "Forbidden", "message": "no right"}))
CONFLICT = error_of("POST", 409, json.dumps({"reason": "Conflict"}))
EXISTS = error_of("POST", 409, json.dumps({"reason": "AlreadyExists"}))
QUOTA = error_of("POST", 403, json.dumps({"message": "exceeded quota: q, requested: pods=1"}))
RECORD = RunRecord(spec(), "digest", received_at=0.0)


class Engine:
    """Handles messages at once: no pause takes time, and ``clock`` tells how long all took."""

    def __init__(self, monkeypatch):
        self.outcomes, self.pauses, self._later, self.clock = [], [], [], 0.0
        monkeypatch.setattr(background_calls.time, "monotonic", lambda: self.clock)

    def post(self, message):
        if isinstance(message, CallLater):
            self._later.append(message)
        else:
            self.outcomes.append(message)

    def go_on(self):
        while self._later:
            again = self._later.pop(0)
            self.clock += again.seconds
            self.pauses.append(again.seconds)
            again.action()


class Api:
    """An API that fails POSTs with the given errors in turn and then takes the Job."""

    def __init__(self, *errors):
        self.errors, self.posts, self.on_service = list(errors), 0, lambda: None

    def call(self, method, path, **_):
        if "/services/" in path:
            self.on_service()
            return {"spec": {"clusterIP": "10.0.0.1"}}
        if method == "GET":
            return {"items": []}
        self.posts += 1
        if self.errors:
            raise self.errors.pop(0)
        return {}


class Book:
    """The book's answer about the run: does it still wait for its Job?"""

    def __init__(self, waits=lambda: True):
        self._waits = waits

    def waits_for_job(self, _run_id):
        return self._waits()


@pytest.fixture
def engine(monkeypatch):
    structlog.reset_defaults()
    return Engine(monkeypatch)


def calls_of(engine, work, book=None):
    pools = SimpleNamespace(api=InstantPool(), disk=InstantPool(), collect=InstantPool())
    return BackgroundCalls(work, engine.post, book or Book(), pools, Retries(engine.post))


def create(engine, api, book=None):
    work = RunWork(
        config(), RunJobs(config(), ClusterObjects(api, "v6-jobs")), None, None, None, None
    )
    calls_of(engine, work, book).create_job(RECORD)
    engine.go_on()


# --- the creation of a Job


@pytest.mark.parametrize("error", [LOST, AWAY, CONFLICT, error_of("POST", 429, "{}")])
def test_a_create_is_repeated_until_kubernetes_takes_the_job(engine, error):
    api = Api(*[error] * 12)
    create(engine, api)
    assert api.posts == 13
    [created] = engine.outcomes
    assert isinstance(created, JobCreated)
    assert engine.pauses[0] <= 0.2
    assert max(engine.pauses) <= 30.0


@pytest.mark.parametrize(("seen_after", "posts"), [(1, 1), (2, 2), (5, 5)])
def test_a_create_is_repeated_only_until_its_job_is_seen(engine, seen_after, posts):
    """If the Job was seen and deleted after a lost answer, another Job would run again."""
    api = Api(*[LOST] * 99)
    create(engine, api, Book(lambda: api.posts < seen_after))
    assert api.posts == posts
    assert engine.outcomes == [StartRefused(7, ends.KILLED)]


def test_a_job_that_is_seen_while_the_next_request_is_prepared_is_not_made_again(engine):
    api, seen = Api(LOST), []
    api.on_service = lambda: seen.append("by the watch")
    create(engine, api, Book(lambda: not seen))
    assert api.posts == 0
    assert engine.outcomes == [StartRefused(7, ends.KILLED)]


def test_a_job_that_is_there_is_not_made_again(engine):
    api = Api(LOST, EXISTS)
    create(engine, api)
    assert api.posts == 2
    assert [type(outcome) for outcome in engine.outcomes] == [JobCreated]


def test_an_api_server_that_says_when_is_asked_then(engine):
    create(engine, Api(error_of("POST", 429, "{}", "3")))
    assert engine.pauses == [3.0]
    assert [type(outcome) for outcome in engine.outcomes] == [JobCreated]


@pytest.mark.parametrize(("error", "kind"), [(FORBIDDEN, StartRefused), (QUOTA, StartPutOff)])
def test_a_refused_create_is_not_repeated(engine, error, kind):
    api = Api(error)
    create(engine, api)
    assert api.posts == 1
    assert [type(outcome) for outcome in engine.outcomes] == [kind]


# --- calls whose caller asks again


class Work:
    """Fails with the given errors in turn and then finds Events, and no Job."""

    def __init__(self, *errors):
        self._try, self.jobs = Failing(*errors), self

    @property
    def tries(self):
        return self._try.calls

    def find_events(self, runs):
        self._try()
        return [EventsSeen(run.run_id, "", ()) for run in runs]

    def remove_completely(self, _run_id):
        self._try()
        return True


def read_events(engine, work, run_ids=(7, 8, 9)):
    calls = calls_of(engine, work)
    for run_id in run_ids:
        calls.request_events(Run(run_id, "digest", received_at=0.0))
    calls.read_events()
    calls.read_events()  # nobody wants more
    engine.go_on()
    return [seen.run_id for seen in engine.outcomes]


def test_events_are_read_after_a_short_outage(engine):
    work = Work(AWAY, LOST, AWAY)
    assert read_events(engine, work) == [7, 8, 9]
    assert work.tries == 4
    assert engine.clock <= 1.4


def test_events_are_given_up_after_half_a_minute(engine):
    """The runs ask for their Events again, and what was asked before may be about another pod."""
    work = Work(*[AWAY] * 99)
    with capture_logs() as told:
        assert read_events(engine, work) == []
    assert 8 <= work.tries <= 10
    assert 30.0 <= engine.clock <= 60.0
    assert told[-1]["event"] == "events not read"


def test_events_that_may_not_be_read_are_given_up_at_once(engine):
    work = Work(FORBIDDEN)
    assert read_events(engine, work) == []
    assert work.tries == 1


def removed_completely(engine, work):
    outcomes = []
    calls_of(engine, work).remove_completely(7, outcomes.append)
    engine.go_on()
    return outcomes


@pytest.mark.parametrize(
    ("errors", "tries", "outcomes"),
    [
        ([], 1, [True]),
        ([AWAY, LOST], 3, [True]),
        ([AWAY, FORBIDDEN], 2, [False]),
        ([KeyError("a mistake of our own")], 1, [False]),
    ],
)
def test_the_removal_of_a_former_run_tells_one_outcome(engine, errors, tries, outcomes):
    work = Work(*errors)
    with capture_logs():
        assert removed_completely(engine, work) == outcomes
    assert work.tries == tries


def test_the_removal_of_a_former_run_is_given_up_after_half_a_minute(engine):
    work = Work(*[AWAY] * 99)
    assert removed_completely(engine, work) == [False]
    assert 30.0 <= engine.clock <= 60.0
