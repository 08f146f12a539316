import base64
import io

import emitter_common
import emitter_logs
import pytest
from command_emitter import split
from emitter_client import NoAnswerError, ServerUnreachableError
from emitter_common import Asker, NodeSaidError
from emitter_logs import log_bytes, log_pieces
from emitter_results import PATIENCE_S, Bar, TooLargeError, fetch
from fetch_plan import Limits
from rich.console import Console


class FakeClient:
    """A client with answers in turn, the last repeatedly; answers that are errors are raised."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def request(self, event, data, timeout_s):
        self.asked.append((event, data))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(emitter_common, "PAUSE_S", 0)
    monkeypatch.setattr(emitter_logs, "PAUSE_S", 0)


def asker(*answers, limit_s=None):
    notes = []
    made = Asker(FakeClient(*answers), limit_s, notes.append)
    made.notes = notes
    return made


@pytest.mark.parametrize(
    ("argv", "name", "rest"),
    [
        ([], None, []),
        (["list"], "list", []),
        (["--server", "u", "list", "--json"], "list", ["--server", "u", "--json"]),
        (["--server=u", "--json", "kill", "7"], "kill", ["--server=u", "--json", "7"]),
        (["--server", "list"], None, ["--server", "list"]),
        (["--arg", "list"], None, ["--arg", "list"]),
        (["--image", "i", "list"], None, ["--image", "i", "list"]),
        (["--server"], None, ["--server"]),
    ],
)
def test_the_command_is_found_behind_common_options_only(argv, name, rest):
    assert split(argv) == (name, rest)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": "no such run"}, "no such run"),
        ({"accepted": False, "reason": "does not know this event"}, "does not know"),
        ({"runs": "x"}, "not understood"),
        ({}, "not understood"),
        ([], "not understood"),
        (None, "not understood"),
    ],
)
def test_errors_of_the_node(answer, words):
    with pytest.raises(NodeSaidError, match=words):
        asker(answer).ask("list_request", {}, "runs", list)


def test_the_time_limit_is_one_for_all_questions():
    limited = asker({"runs": []}, limit_s=0.0)
    with pytest.raises(NoAnswerError):
        limited.ask("list_request", {}, "runs", list)


def test_patience_bears_errors_and_tells_once():
    failures = [{"error": "no node"}, ServerUnreachableError("away"), {"error": "no node"}]
    patient = asker(*failures, {"runs": []})
    assert patient.ask_patiently("list_request", {}, "runs", list) == {"runs": []}
    assert len(patient.notes) == 1


def test_patience_ends(monkeypatch):
    monkeypatch.setattr(emitter_common, "PATIENCE_S", 0.05)
    with pytest.raises(NodeSaidError, match="gone"):
        asker({"error": "gone"}).ask_patiently("list_request", {}, "runs", list)
    monkeypatch.setattr(emitter_common, "PATIENCE_S", 60)
    with pytest.raises(NoAnswerError):
        asker({"error": "gone"}, limit_s=0.05).ask_patiently("list_request", {}, "runs", list)


def piece(text, following, ended=False):
    return {"text": text, "next_offset": following, "ended": ended}


def test_a_log_is_read_to_its_end():
    asked = asker(piece("ab", 2, ended=True), piece("é", 4, ended=True), piece("", 4, ended=True))
    assert "".join(log_pieces(asked, 7, follow=False)) == "abé"
    assert [data["offset"] for _, data in asked._client.asked] == [0, 2, 4]


def test_following_goes_on_until_the_run_ended_and_all_is_read():
    asked = asker(piece("", 0), piece("a", 1), piece("", 1), piece("b", 2, ended=True))
    asked._client.answers += [piece("", 2, ended=True)]
    assert "".join(log_pieces(asked, 7, follow=True)) == "ab"


@pytest.mark.parametrize(
    "bad", [piece("a", 0), piece("a", None), piece("a", "1"), piece("a", True), piece("", -1)]
)
def test_offsets_that_lead_nowhere_are_not_followed_for_ever(bad):
    with pytest.raises(NodeSaidError):
        list(log_pieces(asker(bad), 7, follow=False))


def test_logs_may_hold_what_utf_8_does_not():
    assert log_bytes("é\ud800\x1b") == b"\xc3\xa9\\ud800\x1b"


def data(content, following, size):
    return {"data": base64.b64encode(content).decode(), "next_offset": following, "size": size}


def test_a_file_is_fetched_in_pieces():
    sink, seen = io.BytesIO(), []
    asked = asker(data(b"ab", 2, 3), data(b"c", 3, 3))
    fetch(asked, {"run_id": 7, "path": "p"}, sink, Limits(), lambda *step: seen.append(step))
    assert (sink.getvalue(), seen) == (b"abc", [(2, 3), (3, 3)])
    assert asked._client.asked[1] == ("output_request", {"run_id": 7, "path": "p", "offset": 2})


@pytest.mark.parametrize(
    "answers",
    [
        [{"data": "no base64!", "next_offset": 1, "size": 1}],
        [{"data": "é", "next_offset": 1, "size": 1}],
        [data(b"ab", 1, 2)],
        [data(b"ab", 2, None)],
        [data(b"ab", 2, 1)],
        [data(b"", 0, 5)],
        [data(b"ab", 2, 4), data(b"cd", 4, 5)],
        [data(b"ab", 2, 4), {"error": "gone"}],
    ],
)
def test_pieces_that_do_not_fit_are_refused(answers):
    with pytest.raises(NodeSaidError):
        fetch(asker(*answers), {}, io.BytesIO(), Limits(), lambda *step: None)


@pytest.mark.parametrize(
    ("limits", "words"), [(Limits(2, 9), "--max-file-size"), (Limits(9, 2), "--max-size")]
)
def test_a_file_that_is_larger_than_listed_is_not_fetched(limits, words):
    sink = io.BytesIO()
    with pytest.raises(TooLargeError, match=words):
        fetch(asker(data(b"ab", 2, 3)), {}, sink, limits, lambda *step: None)
    assert sink.getvalue() == b""


def test_progress_is_shown_after_two_seconds_and_over_all_files(monkeypatch):
    now = [0.0]
    bar = Bar(100, clock=lambda: now[0])
    monkeypatch.setattr(bar, "_console", Console(file=io.StringIO(), force_terminal=True))
    with bar:
        bar.show("a", 10)
        bar.next_file()
        assert bar._progress is None
        now[0] = PATIENCE_S
        bar.show("b\x1b", 20)
        (task,) = bar._progress.tasks
        assert (task.completed, task.total, task.description) == (30, 100, "b\\x1b")
