"""A SQLite database in WAL mode is reported, and a database readable from a mount is not."""

import contextlib
import sqlite3

import pytest

from node_poc.cli import main
from node_poc.config.load import parse_config
from node_poc.storage.sqlite_files import look_at_sqlite


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lite.sqlite"


def make(path, mode):
    with contextlib.closing(sqlite3.connect(path)) as database:
        (there,) = database.execute(f"PRAGMA journal_mode={mode}").fetchone()
        assert there == mode
        database.execute("CREATE TABLE IF NOT EXISTS t (a)")


def text_for(path, kind="sql"):
    return (
        "api_key: 95e0a1b2-0000-4000-8000-0123456789ab\nserver_url: https://server.example\n"
        f"task_dir: /tasks\ndatabases: [{{label: lite, type: {kind}, uri: '{path}'}}]\n"
    )


def found(path, kind="sql"):
    return [each.text for each in look_at_sqlite(parse_config(text_for(path, kind), {}), path)]


@pytest.mark.parametrize("kind", ["sql", "other", "omop"])
def test_wal_is_told_with_its_remedy_and_the_remedy_mends_it(path, kind):
    make(path, "wal")
    (told,) = found(path, kind)
    assert told.startswith(f"databases[0].uri: {path} is a SQLite database in WAL mode")
    assert "PRAGMA journal_mode=DELETE" in told
    make(path, "delete")
    assert found(path, kind) == []


def test_a_journal_that_lies_beside(path):
    make(path, "delete")
    path.with_name("lite.sqlite-wal").write_bytes(b"")
    assert len(found(path)) == 1


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"Age,Name\n1,a\n" * 9])
def test_another_file(path, content):
    path.write_bytes(content)
    assert found(path) == []


def test_a_file_that_is_not_there_and_a_service(path):
    assert found(path) == []
    assert found("postgresql://host/x") == []


def test_check_tells_it(path, capsys):
    make(path, "wal")
    path.chmod(0o644)
    config = path.with_name("node.yaml")
    config.write_text(text_for(path))
    main(["check", "--config", str(config)])
    assert "SQLite database in WAL mode" in capsys.readouterr().out
