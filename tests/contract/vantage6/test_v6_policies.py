"""vantage6's policies with a real server: each refusal has a reason and is reported once."""

import contextlib
import json
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from node_poc.protocol.vantage6.errors import UnreachableError
from node_poc.protocol.vantage6.incoming import algorithm_store
from tests.fakes.station import eventually
from tests.fakes.vantage6_station import IMAGE

BASICS = "ghcr.io/vantage6/algorithm-basics:latest"


def ends_refused(station, user, made):
    """Assert that the run ended at the server without a Job and with its reason; return its log."""
    found = user.wait(made["task_id"], 90)
    (run,) = found["runs"]
    assert run["status"] == "not allowed"
    assert run["finished_at"] is not None
    assert run["log"].startswith("[node] policies.")
    assert station.jobs_created(run["id"]) == 0
    return run["log"]


@pytest.mark.parametrize(
    ("rules", "image", "allowed"),
    [
        ({"allowed_users": ["{user}"]}, IMAGE, True),
        ({"allowed_users": [999]}, IMAGE, False),
        ({"allowed_organizations": ["{alpha}"]}, IMAGE, True),
        ({"allowed_organizations": ["{beta}"]}, IMAGE, False),
        ({"allowed_organizations": ["alpha"]}, IMAGE, True),
        ({"allowed_organizations": ["beta"]}, IMAGE, False),
        ({"allowed_users": [999], "allowed_organizations": ["alpha"]}, IMAGE, True),
        ({"allow_basics_algorithm": True}, BASICS, True),
        ({"allow_basics_algorithm": False}, BASICS, False),
        ({"allow_basics_algorithm": False}, IMAGE, True),
    ],
)
def test_who_may_run_what(station, admin, rules, image, allowed):
    ids = {"user": admin.user_id, "alpha": station.alpha, "beta": station.beta}
    filled = {
        key: [str(each).format(**ids) for each in value] if isinstance(value, list) else value
        for key, value in rules.items()
    }
    # Do not share the configuration: the server itself would refuse the task.
    station.config = {"policies": filled, "share_config": False}
    station.start_node()
    made = station.submit(admin, image=image)
    if allowed:
        station.job_arrives(station.run_of(made))
    else:
        log = ends_refused(station, admin, made)
        assert next(iter(rules)) in log


@pytest.fixture
def store():
    """An algorithm store with the test's answer."""

    class Store(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append((self.path, dict(self.headers)))
            status, data = self.server.answer
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(data).encode())

        def log_message(self, *_):
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    made.asked = []
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def name_store(world, collaboration, task_id, url):
    """Set a task's store in the database: on a post, the server would ask a real store first."""
    path = world.server.folder / "server.sqlite"
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database, database:
        made = database.execute(
            "INSERT INTO algorithmstore (name, url, collaboration_id) VALUES ('s', ?, ?)",
            (url, collaboration),
        )
        change = (made.lastrowid, task_id)
        database.execute("UPDATE task SET algorithm_store_id=? WHERE id=?", change)


ANSWERS = {
    "has it": (200, {"data": [{"image": IMAGE}]}, None),
    "empty": (200, {"data": []}, "does not say"),
    "404": (404, {"msg": "x"}, "does not say"),
    "401": (401, {"msg": "x"}, "does not say"),
    "broken": (500, {"msg": "x"}, "did not answer"),
    "down": (0, {}, "did not answer"),
    "another": (200, {"data": [{"image": IMAGE}]}, "does not allow the task's algorithm store"),
    "none": (200, {}, "names no algorithm store"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_store_decides(station, admin, world, store, kind, monkeypatch):
    monkeypatch.setattr(algorithm_store, "_PAUSE_SECONDS", 0.05)
    status, data, part = ANSWERS[kind]
    store.answer = (status, data)
    url = f"http://127.0.0.1:{1 if kind == 'down' else store.server_port}/store"
    allowed = "https://another.example" if kind == "another" else url
    station.config = {"policies": {"allowed_algorithm_stores": [allowed]}}
    made = station.submit(admin)
    if kind != "none":
        name_store(world, station.collaboration, made["task_id"], url)
    station.start_node()
    if part is None:
        station.job_arrives(station.run_of(made))
    else:
        assert part in ends_refused(station, admin, made)
    wanted = {"down": 0, "another": 0, "none": 0, "broken": 3}.get(kind, 1)
    assert len(store.asked) == wanted
    for path, headers in store.asked:
        assert path == "/store/algorithm?image=registry.example%2Falgorithm%3A1"
        assert headers["Client-Type"] == "node"
        assert headers["Server-Url"].endswith("/api")
        assert headers["Authorization"].startswith("Bearer ")


def test_a_refusal_is_told_once_however_often_the_run_is_seen(station, admin, capfd, monkeypatch):
    """The same holds while the run's end does not reach the server, where the run stays open."""
    station.config = {"policies": {"allowed_algorithms": ["^good/"]}}
    station.start_node()
    server = station.node._server
    patch, tries = server._rest.patch, []

    def away(path, body):
        if "finished_at" in body:
            tries.append(path)
            if len(tries) < 5:
                raise UnreachableError("away")
        return patch(path, body)

    monkeypatch.setattr(server._rest, "patch", away)
    made = station.submit(admin)
    eventually(lambda: tries)
    for _ in range(3):
        looks = server._parts.sync._read_all_at
        server._parts.sync.read_all_soon()
        eventually(lambda looks=looks: server._parts.sync._read_all_at > looks)
    ends_refused(station, admin, made)
    assert capfd.readouterr().out.count("run refused") == 1
