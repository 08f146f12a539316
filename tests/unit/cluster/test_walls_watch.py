"""Effects of the NetworkPolicies on a node: held runs, remarks and log lines."""

import queue
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from node_poc.cluster import walls_watch
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.walls_watch import WallsWatch
from node_poc.cluster.watch import Changed, Listed
from node_poc.isolation.wanted import wanted_policies
from tests.fakes.examples import config
from tests.fakes.walls import stored

RIGHT = [stored(policy) for policy in wanted_policies(config(), {})]
CLOSING, *REST = RIGHT
FORBIDDEN = ClusterError("GET /networkpolicies", 403, "Forbidden", "no")
PATIENCE_SECONDS = 10.0
FOREIGN = stored({"metadata": {"name": "all"}, "spec": {"egress": [{}]}})


class SilentApi:
    """An API server that answers nothing before ``answer`` is called."""

    def __init__(self):
        self.answers = queue.Queue()

    def call(self, *_arguments, **_options):
        raise self.answers.get()


class Watched:
    """A watch, with the changes for the engine and the log."""

    def __init__(self, **kubernetes):
        self.told = []
        made = config(**kubernetes)
        self.api = SilentApi()
        self.watch = WallsWatch(made, self.api, self.told.append)

    def sees(self, *policies):
        self.watch._on_update(Listed(tuple(policies), 0.0))

    def changes(self, policy, *, gone=False):
        self.watch._on_update(Changed(policy, gone))

    def ends(self):
        """End the thread, whose last line in the log would otherwise count for the next test."""
        self.watch.stop()
        self.api.answers.put(FORBIDDEN)
        self.watch._watcher._thread.join(PATIENCE_SECONDS)

    @property
    def details(self):
        return [failure and failure.site_detail for failure in self.told]


@pytest.fixture
def watched():
    return Watched()


@pytest.fixture
def lines():
    with capture_logs() as found:
        yield found


def test_right_walls_hold_nothing_back_and_are_logged_once(watched, lines):
    watched.sees(*RIGHT)
    watched.sees(*RIGHT)
    assert watched.told == []
    assert watched.watch.remark is None
    assert [line["event"] for line in lines] == ["the walls around algorithms are right"]


def test_a_change_is_told_once_with_policy_and_remedy(watched, lines):
    watched.sees(*RIGHT)
    watched.changes(CLOSING, gone=True)
    watched.sees(*REST)
    (failure,) = watched.told
    assert failure.cause == "WallsNotUp"
    assert "kubectl" not in failure.detail + failure.advice
    assert "NetworkPolicy v6-algorithms is missing" in failure.site_detail
    assert watched.watch.remark == f"no run is started: {failure.site_detail}"
    (line,) = [line for line in lines if line["log_level"] == "warning"]
    assert line["policy"] == "v6-algorithms"
    assert "kubectl apply" in line["remedy"]


def test_a_second_breach_changes_the_reason_and_the_last_repair_ends_the_hold(watched):
    watched.sees(*REST)
    watched.changes(FOREIGN)
    watched.changes(CLOSING)
    watched.changes(FOREIGN, gone=True)
    first, second, third, last = watched.details
    assert "v6-algorithms is missing" in first
    assert "all opens egress" in second
    assert "v6-algorithms is missing" in second
    assert "missing" not in third
    assert last is None
    assert watched.watch.remark is None


def test_many_breaches_are_counted_and_not_all_named(watched):
    watched.sees(*RIGHT, *({**FOREIGN, "metadata": {"name": f"p{n}"}} for n in range(30)))
    assert watched.details[0].count("NetworkPolicy p") == 5
    assert watched.details[0].endswith("and 25 more")


def test_without_requirement_the_node_only_warns(lines):
    watched = Watched(walls={"required": False})
    watched.sees(*REST)
    assert watched.told == []
    assert watched.watch.remark.startswith("runs start without their walls: NetworkPolicy v6-alg")
    assert [line["log_level"] for line in lines] == ["warning"]


@pytest.mark.parametrize(
    ("error", "told", "remedy"),
    [
        (FORBIDDEN, "status 403", "kubectl apply -f ./kubeconfs"),
        (ClusterError("GET /p", 500, "InternalError", "no"), "status 500", "tries again"),
        (ClusterError("GET /p", 0, "ConnectionError", "no"), "no usable answer", "tries again"),
        (ValueError("an odd object"), "no usable answer", "tries again"),
    ],
)
def test_what_was_never_read_counts_as_wrong_and_is_told_once(watched, lines, error, told, remedy):
    watched.watch._on_failure(error)
    watched.watch._on_failure(error)
    (detail,) = watched.details
    assert f"the NetworkPolicies cannot be read ({told})" in detail
    assert remedy in detail
    assert len(lines) == 1
    watched.sees(*RIGHT)
    assert watched.details[1:] == [None]


def test_what_was_read_counts_for_a_while_and_then_as_wrong(watched, monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(walls_watch.time, "monotonic", lambda: clock.now)
    watched.sees(*RIGHT)
    clock.now += 3600.0  # nothing changes for an hour, and the watch works
    for _ in range(2):
        watched.watch._on_failure(FORBIDDEN)
        clock.now += walls_watch._TRUSTED_SECONDS - 1
        watched.watch._on_failure(FORBIDDEN)
        assert watched.told == []
        watched.sees(*RIGHT)
    watched.watch._on_failure(FORBIDDEN)
    clock.now += walls_watch._TRUSTED_SECONDS + 1
    watched.watch._on_failure(FORBIDDEN)
    assert "status 403" in watched.details[0]


def test_a_start_without_an_answer_holds_runs_back(watched, monkeypatch):
    monkeypatch.setattr(walls_watch, "_FIRST_SECONDS", 0.01)
    watched.watch.start()
    assert "no usable answer" in watched.details[0]
    watched.ends()


def test_a_start_returns_when_the_walls_are_judged(watched):
    watched.api.answers.put(FORBIDDEN)
    watched.watch.start()
    assert "status 403" in watched.details[0]
    watched.ends()


def test_the_fingerprint_names_all_policies_and_changes_with_their_content(watched):
    watched.sees(CLOSING)
    names, digest = watched.watch.fingerprint
    assert names == (CLOSING["metadata"]["name"],)
    watched.changes(FOREIGN)
    assert watched.watch.fingerprint[0] == tuple(sorted((*names, "all")))
    watched.changes(FOREIGN, gone=True)
    assert watched.watch.fingerprint == (names, digest)
    watched.changes({**CLOSING, "spec": {}})
    assert watched.watch.fingerprint[1] != digest
