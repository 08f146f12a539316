"""On request the dev server logs each request with its client: the bench counts requests there."""

from bench.vantage6.request_log import RequestLog
from devserver import DevServer, Options, provision


def test_requests_are_noted_by_who_asked(tmp_path):
    server = DevServer(tmp_path, options=Options(notes_requests=True))
    server.start()
    try:
        world = provision(server)
        client = world.client("admin")
        log = RequestLog(server.requests_file, world.node("plain", "alpha")["id"])
        made = client.submit(
            world.collaboration("plain"),
            [world.organization("alpha")],
            "image",
            {"method": "x"},
            read_runs=False,
        )
        client.close()
        assert made["submitted_at"] < made["answered_at"]
        noted = server.requests_file.read_text().splitlines()
        assert f"user {client.user_id} POST /api/task" in noted
        assert f"user {client.user_id} GET /api/run" not in noted
        assert made["runs"] == []
        assert any(line.startswith("nobody POST /api/token/") for line in noted)
        assert not log.counted()
    finally:
        server.stop()
