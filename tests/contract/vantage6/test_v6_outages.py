"""The server, its tokens and the node go away and come back, and nothing is lost."""

import contextlib
import dataclasses
import sqlite3
import time

import pytest

from devserver import Options
from node_poc.protocol.vantage6 import connection
from node_poc.protocol.vantage6.errors import UnreachableError
from tests.fakes.station import eventually

NEVER = float("inf")


@pytest.fixture
def server(world, admin, root):
    """A server that tests may restart; afterwards its options are as before."""
    yield world.server
    if world.server.pid is None or world.server.options != Options():
        world.server.restart(Options())
    for client in (admin, root):
        client.login()


@pytest.mark.parametrize("keeps_secret", [True, False])
def test_a_result_outlives_a_restart_of_the_server(station, admin, server, keeps_secret):
    """Without its secret the server accepts neither old tokens nor the refresh token."""
    server.restart(Options(keeps_secret=keeps_secret))
    admin.login()
    station.start_node()
    made = station.submit(admin)
    run_id = station.run_of(made)
    station.job_arrives(run_id)
    station.kubelet.starts(run_id)
    eventually(lambda: admin.runs(made["task_id"])[0]["status"] == "active")
    server.kill()
    station.ends(run_id, result=[1, 2], log=b"done\n")
    eventually((station.task_dir / f"{run_id}/result.json").exists)
    eventually(lambda: not station.node._server.is_connected)
    assert station.open_runs == [run_id]
    server.start()
    admin.login()
    assert admin.wait(made["task_id"], 90)["status"] == "completed"
    assert admin.results(made["task_id"]) == ["[1, 2]"]
    eventually(lambda: station.open_runs == [])
    again = station.submit(admin)
    station.job_arrives(station.run_of(again))


def test_tokens_are_renewed_before_they_end(station, admin, server):
    server.restart(Options(token_seconds=3, refresh_seconds=6))
    admin.login()
    station.start_node()
    first = station.node._server._rest.token()
    time.sleep(7)  # longer than either token lives
    admin.login()
    made = station.submit(admin)
    run_id = station.run_of(made)
    station.job_arrives(run_id)
    assert station.node._server._rest.token() != first
    station.ends(run_id, result=1)
    admin.login()
    assert admin.wait(made["task_id"], 90)["status"] == "completed"


@pytest.mark.parametrize("kind", ["expired", "of another server", "no token at all"])
def test_a_socket_with_a_bad_token_gets_another(station, admin, server, kind):
    """The server accepts the connection, and either reports the bad token or stays silent."""
    station.start_node()
    node_server = station.node._server
    rest = node_server._rest
    bad = "garbage"
    if kind != "no token at all":
        short = kind == "expired"
        server.restart(Options(token_seconds=1) if short else Options(keeps_secret=False))
        eventually(lambda: node_server.is_connected)
        rest.renew()
        bad = rest._tokens.access
        if short:
            time.sleep(1.5)
        else:
            server.restart(Options())
    rest._tokens = dataclasses.replace(rest._tokens, access=bad, renew_at=NEVER)
    greeted = node_server.connection
    node_server._parts.connection._client.disconnect()
    eventually(lambda: node_server.connection > greeted and node_server.is_connected)
    assert rest._tokens.access != bad
    admin.login()
    made = station.submit(admin)
    station.job_arrives(station.run_of(made))


def test_a_request_with_an_expired_token_is_made_again_with_another(station, server, world):
    # The other token must live until the server answers, also on a slow machine.
    server.restart(Options(token_seconds=4))
    station.start_node()
    rest = station.node._server._rest
    rest.renew()
    rest._tokens = dataclasses.replace(rest._tokens, renew_at=NEVER)
    time.sleep(4.5)
    assert rest.get(f"node/{station.identity['id']}")["id"] == station.identity["id"]


def test_a_connection_that_stays_deaf_is_made_anew(station, admin, monkeypatch):
    monkeypatch.setattr(connection, "_SYNC_SECONDS", 1.0)
    deaf = iter([True])
    greet = connection.Connection._on_sync

    def lost(self, *args):
        if not next(deaf, False):
            greet(self, *args)

    monkeypatch.setattr(connection.Connection, "_on_sync", lost)
    station.start_node()
    made = station.submit(admin)
    station.job_arrives(station.run_of(made))


def test_more_than_a_page_of_runs_posted_while_the_node_was_down(station, admin):
    station.kubelet.on_pod = station.kubelet.ends
    made = [station.submit(admin) for _ in range(25)]
    station.start_node()
    for task in made:
        assert admin.wait(task["task_id"], 90)["status"] == "completed"
    run_ids = [station.run_of(task) for task in made]
    assert [station.jobs_created(run_id) for run_id in run_ids] == [1] * 25
    started = [admin.runs(task["task_id"])[0]["started_at"] for task in made]
    assert started[0] < started[-1]
    eventually(lambda: station.open_runs == [])


def test_a_node_that_was_restarted_goes_on_and_runs_nothing_twice(station, admin):
    station.start_node()
    tasks = [station.submit(admin) for _ in range(3)]
    runs = [station.run_of(task) for task in tasks]
    for run_id in runs:
        station.job_arrives(run_id)
        station.kubelet.starts(run_id)
        station.kubelet.says(run_id, b"one\n")
    eventually(
        lambda: all(
            "one" in admin.logs(t["task_id"])[str(r)] for t, r in zip(tasks, runs, strict=True)
        )
    )
    station.stop_node()
    station.ends(runs[0], result=0, log=b"one\ntwo\n")
    admin.kill(tasks[1]["task_id"])
    station.start_node()
    assert admin.wait(tasks[0]["task_id"], 90)["status"] == "completed"
    assert admin.logs(tasks[0]["task_id"])[str(runs[0])] == "one\ntwo"
    eventually(lambda: station._job(runs[1]) is None, "what was killed meanwhile is gone")
    assert "one\n" in admin.logs(tasks[2]["task_id"])[str(runs[2])]
    station.ends(runs[2], result=2, log=b"one\ntwo\n")
    assert admin.wait(tasks[2]["task_id"], 90)["status"] == "completed"
    assert [station.jobs_created(run_id) for run_id in runs] == [1, 1, 1]
    eventually(lambda: station.open_runs == [])


def test_a_finished_run_that_the_server_has_forgotten_is_told_again(station, admin, monkeypatch):
    station.start_node()
    made = station.submit(admin)
    run_id = station.run_of(made)
    station.job_arrives(run_id)
    rest = station.node._server._rest
    patch = rest.patch
    told = []
    # The first PATCH seems to succeed, although the server never got the result.
    monkeypatch.setattr(rest, "patch", lambda path, body: told.append(path))
    station.ends(run_id, result=5)
    eventually(lambda: station.open_runs == [])
    monkeypatch.setattr(rest, "patch", patch)
    station.node._server._parts.sync.read_all_soon()
    assert admin.wait(made["task_id"], 90)["status"] == "completed"
    assert station.jobs_created(run_id) == 1


def reset(world, run_id, task_id, created_at):
    """Replace the server's run by another, open run of the same number, as after a new setup."""
    path = world.server.folder / "server.sqlite"
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database, database:
        database.execute(
            "UPDATE run SET finished_at=NULL, started_at=NULL, status='pending', result=NULL, "
            "log=NULL WHERE id=?",
            (run_id,),
        )
        database.execute("UPDATE task SET created_at=? WHERE id=?", (created_at, task_id))


LATER, EARLIER = "2031-01-01 00:00:00.000001", "2001-01-01 00:00:00.000001"


@pytest.mark.parametrize(
    ("was", "other"),
    [
        ("delivered", LATER),
        ("not delivered", LATER),
        ("going", LATER),
        ("delivered", EARLIER),
        ("going", EARLIER),
    ],
)
def test_a_result_does_not_go_to_another_run_of_the_same_number(
    station, admin, world, was, other, monkeypatch
):
    """A run made later is taken; a run made earlier may have run here before, and is refused."""
    station.start_node()
    made = station.submit(admin)
    task_id, run_id = made["task_id"], station.run_of(made)
    station.job_arrives(run_id)
    station.kubelet.starts(run_id)
    eventually(lambda: admin.runs(task_id)[0]["status"] == "active")
    if was == "not delivered":
        rest = station.node._server._rest
        monkeypatch.setattr(rest, "patch", lambda *_: rest.get("no/such/place"))
        monkeypatch.setattr(rest, "get", _away)
    if was != "going":
        station.ends(run_id, result="secret", log=b"secret")
    if was == "delivered":
        assert admin.wait(task_id, 90)["status"] == "completed"
        eventually(lambda: station.open_runs == [])
    elif was == "not delivered":
        eventually((station.task_dir / f"{run_id}/result.json").exists)
    station.stop_node()
    reset(world, run_id, task_id, other)
    station.start_node()
    if other == LATER:
        eventually(lambda: station.jobs_created(run_id) == 2)
        station.job_arrives(run_id)
        station.kubelet.starts(run_id)
        station.ends(run_id, result="new", log=b"new")
    found = admin.wait(task_id, 90)
    assert "secret" not in found["runs"][0]["log"]
    if other == LATER:
        assert (found["status"], found["runs"][0]["log"]) == ("completed", "new")
        assert admin.results(task_id) == ['"new"']
    else:
        assert found["status"] == "failed"
        assert "new task_dir" in found["runs"][0]["log"]
        assert not admin.results(task_id)[0]
    eventually(lambda: station.open_runs == [])
    assert station.jobs_created(run_id) == (2 if other == LATER else 1)


def _away(*_args, **_options):
    raise UnreachableError("away")


def test_a_wrong_api_key_ends_the_node_with_the_reason(station):
    station.config = {"api_key": "00000000-0000-4000-8000-000000000000"}
    process = station.start_process()
    assert process.wait(90) not in {0, None}
    assert "api_key: the server does not take it" in process.log
    assert "00000000-0000" not in process.log


def test_an_encryption_that_the_collaboration_does_not_have_ends_the_node(make_station):
    station = make_station()
    station.encrypted = True
    process = station.start_process()
    assert process.wait(90) not in {0, None}
    assert "set encryption.enabled to false" in process.log


def test_a_server_that_is_away_is_waited_for(station, admin, server):
    server.stop()
    process = station.start_process()
    eventually(lambda: "no login at the server yet" in process.log)
    server.start()
    eventually(lambda: "connected to the server" in process.log)
    assert process.terminate() == 0
