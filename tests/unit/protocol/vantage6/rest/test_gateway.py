"""A gateway before the server answers with its own pages: to the node, the server is away."""

from dataclasses import replace

import pytest

from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6.errors import LoginRefusedError, UnreachableError
from node_poc.protocol.vantage6.incoming import postponed, sync
from node_poc.protocol.vantage6.outgoing import reports, results, send_queue
from node_poc.protocol.vantage6.rest.session import RestSession
from node_poc.runs.model import Run
from node_poc.runs.status import RunStatus
from tests.fakes.station import eventually
from tests.fakes.vantage6_taking import KEY, TakingWorld, origin, result

PAGES = {
    "plain 404": (404, b"404 page not found\n"),
    "HTML 404": (404, b"<html><h1>Not Found</h1></html>"),
    "401": (401, b"<html>Authorization Required</html>"),
    "403": (403, b"Access denied"),
    "400": (400, b"<html>Bad Request</html>"),
    "422": (422, b""),
    "413": (413, b"<html>Request Entity Too Large</html>"),
    "JSON of another program": (404, {"message": "no Route matched with those values"}),
    "redirect to a login page": (302, b""),
    "200 with HTML": (200, b"<html>Please log in</html>"),
    "200 without a body": (200, b""),
}


@pytest.fixture(params=PAGES.values(), ids=PAGES)
def page(request):
    return request.param


@pytest.fixture
def world(monkeypatch):
    for module in (postponed, sync, send_queue):
        monkeypatch.setattr(module, "_BACKOFF", Backoff(0.01, 0.05))
    made = TakingWorld()
    yield made
    made.close()


def away(world, path, page, times=2):
    """Let the gateway answer ``times`` times; afterwards the server answers again."""
    met = []

    def answer(_body):
        met.append(1)
        return page if len(met) <= times else None

    world.trouble[path] = answer
    return met


@pytest.mark.parametrize("path", ["GET run", "POST token/container"])
def test_a_run_that_meets_a_page_is_taken(world, page, path):
    met = away(world, path, page)
    world.add(1)
    world.start()
    eventually(lambda: 1 in world.engine.taken)
    eventually(lambda: len(met) > 2)
    assert not world.ends(1)


def test_a_status_that_meets_a_page_is_told(world, page, monkeypatch):
    monkeypatch.setattr(reports, "_ACTIVE_SECONDS", 0.0)
    world.add(1)
    world.engine.origins[1] = origin(1)
    met = away(world, "PATCH run/1", page)
    world.reports.report_status(Run(1, "", 0.0, status=RunStatus.ACTIVE))
    eventually(lambda: world.patched)
    assert len(met) == 3
    assert world.patched[0][1]["status"] == "active"
    assert world.engine.killed == []


@pytest.mark.parametrize("path", ["PATCH run/1", "GET task/101"])
def test_a_result_that_meets_a_page_is_delivered_whole(world, page, path):
    world.add(1)
    world.engine.origins[1] = origin(1)
    met, done = away(world, path, page), []
    world.reports.report_result(result(1), lambda: done.append(1))
    eventually(lambda: done)
    assert len(met) == 3
    (end,) = world.ends(1)
    assert (end["status"], end["result"]) == ("completed", "NDI=")


def test_no_run_is_killed_for_a_page(world, page):
    world.engine.open |= {1, 2}
    world.runs[2] = {"id": 2, "finished_at": "now"}
    world.trouble["GET run/1"] = page
    world.start()
    eventually(lambda: world.engine.killed == [2])


def test_no_node_ends_for_a_page_at_its_login(world, page):
    rest = RestSession(world.server.address, "/api", KEY)
    world.server.answers = {"/api/token/node": page}
    with pytest.raises(UnreachableError):
        rest.login()
    world.server.answers = {"/api/token/node": (401, {"msg": "Api key is not recognized!"})}
    with pytest.raises(LoginRefusedError):
        rest.login()


TOO_LARGE = (413, b"<html>Request Entity Too Large</html>")


@pytest.mark.parametrize("seconds", [0.0, 1000.0])
def test_a_result_that_is_too_large_for_good_ends_its_run_with_a_reason(
    world, monkeypatch, seconds
):
    monkeypatch.setattr(results, "_TOO_LARGE_SECONDS", seconds)
    tries = []

    def small_only(body):
        tries.append(body)
        return TOO_LARGE if b"result" in body and b"NDI=" in body else None

    world.trouble["PATCH run/1"] = small_only
    world.add(1)
    world.engine.origins[1] = origin(1)
    done = []
    world.reports.report_result(result(1), lambda: done.append(1))
    if seconds:  # the gateway may be reconfigured: the node does not give up
        eventually(lambda: len(tries) > results._TOO_LARGE_TRIES + 2)
        assert not world.ends(1)
        return
    eventually(lambda: done)
    assert len(tries) == results._TOO_LARGE_TRIES + 1
    (end,) = world.ends(1)
    assert (end["status"], "result" in end) == ("failed", False)
    assert "takes no result of 2 bytes" in end["log"]


def test_a_log_that_is_too_large_for_good_is_cut(world, monkeypatch):
    monkeypatch.setattr(results, "_TOO_LARGE_SECONDS", 0.0)
    world.trouble["PATCH run/1"] = lambda body: TOO_LARGE if len(body) > 9000 else None
    world.engine.result_file_size = lambda _run_id: 0
    world.add(1)
    world.engine.origins[1] = origin(1)
    done = []
    told = replace(result(1), log="said " * 10_000 + "last")
    world.reports.report_result(told, lambda: done.append(1))
    eventually(lambda: done)
    (end,) = world.ends(1)
    assert end["status"] == "completed"
    assert end["log"].startswith("[node] The log is too long for the server.")
    assert end["log"].endswith("last")
