import io
import json
from datetime import UTC, datetime

import command_emitter
import pytest
from emitter_client import Event, EventKind
from emitter_post import payload_from
from emitter_view import JsonView, TextView, clean


def payload(*argv):
    _, options = command_emitter.parse(argv)
    return payload_from(options)


def test_the_example_is_the_proof_of_concepts():
    assert payload("--run-id", "5") == {
        "run_id": 5,
        "task_info": {
            "arg1": "/app/input/csv/default",
            "arg2": "Age",
            "arg3": "/app/output/avg.txt",
        },
        "image": "localhost:5001/v6_average_algorithm",
        "docker_input": "input1",
        "tmp_vol_name": "example-tmp-vol",
        "token": "example_token",
        "databases_to_use": ["default", "db1", "db2", "db3"],
    }


def test_run_ids_are_fresh_microseconds():
    first, second = payload()["run_id"], payload()["run_id"]
    assert second > first > 1_600_000_000_000_000


def test_options_replace_parts():
    got = payload("--image", "i", "--arg", "a", "--arg", "b", "--database", "x")
    assert got["image"] == "i"
    assert got["task_info"] == {"arg1": "a", "arg2": "b"}
    assert got["databases_to_use"] == ["x"]


def test_post_may_be_named():
    assert payload("post", "--run-id", "5") == payload("--run-id", "5")


@pytest.mark.parametrize("value", [None, 5, "x", [1], {"run_id": "x"}])
def test_a_payload_file_may_hold_any_json(tmp_path, value):
    file = tmp_path / "p.json"
    file.write_text(json.dumps(value))
    assert payload("--payload", str(file)) == value


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b"", None])
def test_a_bad_payload_file_is_a_usage_error(tmp_path, content, capsys):
    file = tmp_path / "p.json"
    if content is not None:
        file.write_bytes(content)
    assert command_emitter.main(["--payload", str(file), "--server", "http://127.0.0.1:9"]) == 2
    assert str(file) in capsys.readouterr().err


def test_payload_excludes_its_parts(tmp_path):
    file = tmp_path / "p.json"
    file.write_text("1")
    assert command_emitter.main(["--payload", str(file), "--image", "x"]) == 2


@pytest.mark.parametrize("argv", [["--timeout", "-1"], ["--timeout", "x"], ["--what"], ["lists"]])
def test_usage_errors_exit_with_2(argv):
    with pytest.raises(SystemExit) as caught:
        command_emitter.main(argv)
    assert caught.value.code == 2


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as caught:
        command_emitter.main(["--help"])
    assert caught.value.code == 0
    assert "examples:" in capsys.readouterr().out


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "http://127.0.0.1:99999"])
def test_an_unreachable_server_exits_with_4(url, capsys):
    assert command_emitter.main(["--server", url]) == 4
    assert "Remedy" in capsys.readouterr().err


def event(kind, **data):
    return Event(kind, datetime(2026, 1, 1, tzinfo=UTC), 7, data)


def shown(*events):
    stream = io.StringIO()
    view = TextView(stream)
    for item in events:
        view.show(item)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"state": "forwarded", "status": "pending"}, "accepted by the node (status pending)"),
        ({"state": "kept"}, "kept by the server"),
        ({"state": "refused", "reason": "bad"}, "refused: bad"),
        ({"state": "unknown", "reason": "may still start"}, "may still start"),
        ({}, "no clear answer"),
    ],
)
def test_text_for_acks(data, words):
    assert words in shown(event(EventKind.ACK, **data))


def test_text_for_a_failure_has_cause_detail_and_advice():
    text = shown(
        event(
            EventKind.RESULT,
            status="crashed",
            exit_code=5,
            log="one\n[bold]two\x1b[2J\n",
            log_truncated=True,
            output=[{"path": "a.txt", "size": 3}, "garbage"],
            cause="exit",
            detail="code 5",
            advice="look",
        )
    )
    for words in ("crashed, exit code 5", "cause: exit", "detail: code 5", "advice: look"):
        assert words in text
    assert "only the end" in text
    assert "    [bold]two\\x1b[2J\n" in text
    assert "a.txt  3 bytes" in text


def test_long_lines_are_not_wrapped():
    line = "word " * 100
    assert line in shown(event(EventKind.RESULT, status="completed", log=line + "end"))


def test_text_for_the_connection():
    lost, back = event(EventKind.CONNECTION_LOST, server="u"), event(EventKind.RECONNECTED)
    assert "connection to u lost" in shown(lost)
    assert "connected again" in shown(back)
    assert "refused: no" in shown(event(EventKind.REJECTED, reason="no"))


def test_results_of_any_shape_can_be_shown():
    shown(
        event(EventKind.RESULT), event(EventKind.STATUS), event(EventKind.RESULT, output=5, log=3)
    )


def test_clean_shows_control_characters():
    assert clean("a\x1b[31m\u202eb\r\nc\td") == "a\\x1b[31m\\x202eb\nc\td"


def test_json_is_one_object_per_line():
    stream = io.StringIO()
    JsonView(stream).show(event(EventKind.RESULT, log="a\nb"))
    line = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert (line["event"], line["run_id"], line["data"]) == ("result", 7, {"log": "a\nb"})
