"""The findings of ``doctor`` about the audit trail."""

import pytest

from node_poc.audit.chain import EMPTY, Head, make_line
from node_poc.commands.doctor import audit_trail as module
from node_poc.storage.audit_files import audit_folder
from tests.fakes.examples import config


@pytest.fixture
def look(monkeypatch, tmp_path):
    """Look at the trail below ``tmp_path`` with this head on the Lease; return the lines."""

    def call(head):
        monkeypatch.setattr(module, "audit_head_on_lease", lambda *_: str(head or ""))
        made = config().model_copy(update={"task_dir": str(tmp_path)})
        return list(map(str, module.look_at_audit(made, None)))

    return call


@pytest.fixture
def trail(tmp_path):
    """Write three entries; return the file and the head."""
    folder = audit_folder(tmp_path)
    folder.mkdir(parents=True)
    head, lines = EMPTY, []
    for run in (7, 8, 9):
        line, head = make_line(head, 0.0, "run taken", {"run": run})
        lines.append(line + b"\n")
    file = folder / "000000000000001.jsonl"
    file.write_bytes(b"".join(lines))
    return file, head


def test_a_trail_up_to_the_head_on_the_lease_is_in_order(look, trail):
    (line,) = look(trail[1])
    assert line.startswith("ok       the audit trail: all 3 entries are in order, and entry 3 is")


def test_without_a_head_on_the_lease_a_cut_end_would_not_show(look, trail):
    (line,) = look(None)
    assert line.startswith("warning  the audit trail: all 3 entries are in order, but the Lease")


def test_changed_and_cut_entries_are_failures(look, trail):
    file, head = trail
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b'"run":8', b'"run":6').replace(b'"run": 8', b'"run": 6'))
    assert file.read_bytes() != whole
    assert all(line.startswith("failure  the audit trail: ") for line in look(head))
    assert look(head)
    file.write_bytes(b"".join(whole.splitlines(keepends=True)[:2]))
    assert any(line.startswith("failure  the audit trail: ") for line in look(head))


def test_many_findings_are_counted(look, trail):
    file, head = trail
    file.write_bytes(b"nonsense\n" * 9)
    lines = look(head)
    assert len(lines) == 4
    assert " more findings" in lines[-1]


def test_a_lease_that_names_nonsense_is_a_failure(look, trail):
    (line,) = look("nonsense")
    assert line.startswith("failure  the audit trail: the annotation of the node's Lease")


def test_files_that_are_not_here_are_told(look):
    assert look(None)[0].startswith("warning  the audit trail has no entries yet; start")
    head = Head(7, "0" * 64)
    assert look(head)[0].startswith("warning  the audit trail is not here, and the Lease names its")


def test_files_that_cannot_be_read_are_a_failure(look, trail):
    file, head = trail
    file.unlink()
    file.mkdir()
    assert look(head)[0].startswith("failure  the audit trail cannot be read: ")
