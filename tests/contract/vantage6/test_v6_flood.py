"""Hundreds of runs at once: the node takes them in order, runs few at a time, and never stops.

``FLOOD_RUNS=1000`` in the environment makes it a thousand, which takes four to six minutes.
"""

import contextlib
import os
import sqlite3
import time

import pytest

from tests.fakes.station import eventually

RUNS = int(os.environ.get("FLOOD_RUNS", "150"))


def copy_runs(server, run_id, number):
    """Copy a task and its run so often, as if posted: so many posts take minutes."""
    path = server.folder / "server.sqlite"
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database, database:
        task_id = database.execute("SELECT task_id FROM run WHERE id=?", (run_id,)).fetchone()[0]
        top = {
            table: database.execute(f"SELECT max(id) FROM {table}").fetchone()[0]  # noqa: S608
            for table in ("task", "run")
        }
        for n in range(1, number + 1):
            for table, old, changes in (
                ("task", task_id, {"id": top["task"] + n}),
                ("run", run_id, {"id": top["run"] + n, "task_id": top["task"] + n}),
            ):
                names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
                wanted = ", ".join(str(changes.get(name, f'"{name}"')) for name in names)
                database.execute(
                    f"INSERT INTO {table} SELECT {wanted} FROM {table} WHERE id=?",  # noqa: S608
                    (old,),
                )
        return list(range(top["run"] + 1, top["run"] + number + 1))


@pytest.mark.timeout(900)
def test_hundreds_of_runs_at_once(station, admin, world):
    """The node takes all runs and runs few at a time, the oldest first; all can be killed."""
    station.settings = {"runs_in_flight": 5}
    first = station.submit(admin)
    runs = [station.run_of(first), *copy_runs(world.server, station.run_of(first), RUNS - 1)]
    node = station.start_node()
    manager = node._manager
    eventually(lambda: len(manager.open_runs()) >= 20)
    shown = lambda: admin.call("node", node_id=station.identity["id"])  # noqa: E731
    eventually(lambda: shown()["status"] == "online")
    for run_id in runs[:20]:
        station.job_arrives(run_id)
        station.kubelet.ends(run_id)
    began = [
        int(a.body["metadata"]["labels"]["vantage6.ai/run-id"])
        for a in station.api.requests("POST", "/jobs$")
    ]
    assert set(began) <= set(runs[:26])  # the node makes five at a time, in threads
    until_all(lambda: len(manager.open_runs()) >= RUNS - 20 - 1)
    assert len(station.api.requests("POST", "/jobs$")) <= 25 + 1
    assert node._is_alive()
    eventually(node._is_ready)
    admin.kill_node(station.identity["id"])
    until_all(lambda: station.open_runs == [])
    with contextlib.closing(sqlite3.connect(world.server.folder / "server.sqlite")) as database:
        marks = ", ".join("?" * len(runs))
        statuses = dict(
            database.execute(
                f"SELECT status, count(*) FROM run WHERE id IN ({marks}) AND finished_at IS NOT "  # noqa: S608
                "NULL GROUP BY status",
                runs,
            )
        )
    assert statuses == {"completed": 20, "killed by user": RUNS - 20}


def until_all(condition):
    """Do the same as ``eventually``, but wait longer: a real server needs minutes here."""
    until = time.monotonic() + 400
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)
