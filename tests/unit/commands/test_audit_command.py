"""``audit show`` and ``audit verify``: which entries, and the exit codes."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node_poc.audit.chain import EMPTY, Head, make_line, parse_head
from node_poc.cli import main
from node_poc.cluster.errors import ClusterError
from node_poc.commands import audit
from node_poc.commands.audit import Filter, parse_since, show_audit, verify_audit
from node_poc.storage.audit_files import audit_folder
from tests.fakes.examples import config

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ENTRIES = [
    ("node started", {"version": "1"}),
    ("run taken", {"run": 7, "task": 3, "image": "a b"}),
    ("run taken", {"run": 8, "task": 4}),
    ("run ended", {"run": 7, "status": "completed", "reason": "bad \x1b[31m letters"}),
]


@pytest.fixture
def made(tmp_path):
    folder = tmp_path / ".node/audit"
    folder.mkdir(parents=True)
    head, lines = EMPTY, []
    for hour, (event, facts) in enumerate(ENTRIES):
        line, head = make_line(head, NOW.timestamp() + 3600 * hour, event, facts)
        lines.append(line + b"\n")
    (folder / "000000000000001.jsonl").write_bytes(b"".join(lines))
    return config().model_copy(update={"task_dir": str(tmp_path)}), head


def shown(made, **wanted):
    out = io.StringIO()
    assert show_audit(made[0], Filter(**wanted), as_json=True, out=out) == 0
    return [json.loads(line)["n"] for line in out.getvalue().splitlines()]


def test_entries_are_chosen_by_run_task_and_time(made):
    assert shown(made) == [1, 2, 3, 4]
    assert shown(made, run=7) == [2, 4]
    assert shown(made, task=3) == [2, 4]
    assert shown(made, task=4, run=7) == []
    assert shown(made, since=NOW.replace(hour=14)) == [3, 4]


def test_people_get_a_line_for_each_entry_without_control_characters(made):
    out = io.StringIO()
    show_audit(made[0], Filter(run=7), as_json=False, out=out)
    first, second = out.getvalue().splitlines()
    assert first.endswith('#2 run taken: run=7 task=3 image="a b"')
    assert "\x1b" not in second


def test_without_a_trail_show_fails(tmp_path, capsys):
    missing = config().model_copy(update={"task_dir": str(tmp_path)})
    assert show_audit(missing, Filter(), as_json=False, out=io.StringIO()) == 1
    assert "no audit trail" in capsys.readouterr().err


def test_a_duration_or_a_time_is_understood():
    assert parse_since("2h", NOW) == NOW.replace(hour=10)
    assert parse_since("2026-01-31T08:00", NOW) == NOW.replace(hour=8)
    for text in ("2", "h", "yesterday", "99999999d"):
        with pytest.raises(ValueError, match="duration"):
            parse_since(text, NOW)


def verified(made, on_lease, heads=(), **options):
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "connect", lambda _: None)
        patch.setattr(audit, "audit_head_on_lease", on_lease)
        arguments = {"context": None, "offline": False, "out": out} | options
        code = verify_audit(made[0], heads=list(heads), **arguments)
    return code, out.getvalue()


def away(*_):
    raise ClusterError("GET", 0, "", "away")


def test_the_exit_code_tells_how_far_the_trail_is_proven(made):
    head = made[1]
    assert verified(made, lambda *_: str(head))[0] == 0
    assert verified(made, lambda *_: "")[0] == 0
    assert verified(made, away)[0] == 4
    assert verified(made, away, offline=True)[0] == 0
    assert verified(made, lambda *_: str(Head(9, head.hash)))[0] == 1
    assert verified(made, lambda *_: "no head")[0] == 1
    assert verified(made, lambda *_: "", [Head(2, "0" * 64)])[0] == 1


def test_damage_counts_more_than_a_cluster_that_is_away(made):
    [path] = audit_folder(Path(made[0].task_dir)).iterdir()
    path.write_bytes(path.read_bytes().replace(b"run taken", b"run takex", 1))
    code, text = verified(made, away)
    assert code == 1
    assert "line 2: entry 2 was changed" in text


def test_a_trail_without_anything_to_compare_says_so(made):
    assert "a cut end would not show" in verified(made, lambda *_: "")[1]
    assert str(parse_head(str(made[1]))) in verified(made, lambda *_: "")[1]


@pytest.mark.parametrize(
    "arguments", [["show", "--since", "yesterday"], ["verify", "--head", "12"]]
)
def test_wrong_usage_has_its_own_exit_code(arguments, capsys):
    assert main(["audit", *arguments]) == 2
    assert arguments[1] in capsys.readouterr().err
