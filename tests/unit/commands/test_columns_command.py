"""The init container's command: reports columns to the node and never prevents the node's start."""

import json
import os
import signal
import time

import pytest

from node_poc.cli import main
from node_poc.commands import columns
from node_poc.storage.columns import Columns
from node_poc.storage.columns_file import columns_of

HEAD = "api_key: a\nserver_url: https://server.example\ntask_dir: /tasks\ndatabases:\n"
TABLE = "age,sex\n63,M\n70,F\n"


@pytest.fixture
def read(tmp_path):
    """Run the command for csv databases by label and path; return the columns the node reads."""
    (tmp_path / "root/srv/data").mkdir(parents=True)

    def run(databases, more=""):
        file, left = tmp_path / "node.yaml", tmp_path / "columns.json"
        rows = [f"  - {{label: {k}, type: csv, uri: {uri}}}\n" for k, uri in databases.items()]
        file.write_text(HEAD + "".join(rows) + more)
        words = ["--config", str(file), "--root", str(tmp_path / "root"), "--output", str(left)]
        assert main(["columns", *words]) == 0
        return {label: columns_of(left, label) for label in databases}

    return run


def test_names_are_read_below_the_root(read, tmp_path):
    (tmp_path / "root/srv/data/a.csv").write_text(TABLE)
    (tmp_path / "root/srv/data/b.csv").write_text("63,M\n70,F\n")
    found = read({"a": "/srv/data/a.csv", "b": "/srv/data/b.csv", "c": "/srv/data/c.csv"})
    assert found["a"] == Columns(("age", "sex"))
    assert found["b"].names == ()
    assert "looks like data" in found["b"].withheld
    assert "No such file" in found["c"].withheld


def test_links_lead_to_paths_of_the_machine(read, tmp_path):
    (tmp_path / "root/srv/data/a.csv").write_text(TABLE)
    (tmp_path / "root/srv/data/absolute").symlink_to("/srv/data/a.csv")
    (tmp_path / "root/srv/data/relative").symlink_to("a.csv")
    (tmp_path / "root/srv/data/circle").symlink_to("circle")
    (tmp_path / "root/srv/data/out").symlink_to("/etc/passwd")
    names = ("absolute", "relative", "circle", "out")
    found = read({name: f"/srv/data/{name}" for name in names})
    assert found["absolute"] == found["relative"] == Columns(("age", "sex"))
    assert found["circle"].names == found["out"].names == ()


def test_the_site_has_the_last_word(read, tmp_path):
    (tmp_path / "root/srv/data/a.csv").write_text(TABLE)
    more = "kubernetes: {csv_header: {a: false}}\n"
    assert read({"a": "/srv/data/a.csv"}, more)["a"].names == ()


def test_a_configuration_that_is_wrong_is_the_nodes_to_tell(tmp_path, capsys):
    file = tmp_path / "node.yaml"
    file.write_text("port: [")
    words = ["--config", str(file), "--output", str(tmp_path / "columns.json")]
    assert main(["columns", *words]) == 0
    assert "no column names: " in capsys.readouterr().err
    assert "its log tells why" in columns_of(tmp_path / "columns.json", "a").withheld


def test_what_cannot_be_written_is_told(tmp_path, capsys):
    file = tmp_path / "node.yaml"
    file.write_text(HEAD + "  - {label: a, type: csv, uri: /no/a.csv}\n")
    assert main(["columns", "--config", str(file), "--output", str(tmp_path / "no/where")]) == 0
    assert "cannot be written" in capsys.readouterr().err


def test_a_file_that_does_not_answer_delays_the_node_for_a_while_only(read, tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "_SECONDS", 1)
    os.mkfifo(tmp_path / "root/srv/data/pipe")  # opening a FIFO waits forever, like a hung disk
    os.mkfifo(tmp_path / "root/srv/data/other")
    (tmp_path / "root/srv/data/a.csv").write_text(TABLE)
    began = time.monotonic()
    found = read({"p": "/srv/data/pipe", "o": "/srv/data/other", "a": "/srv/data/a.csv"})
    assert "did not answer" in found["p"].withheld
    assert "did not answer" in found["o"].withheld
    assert time.monotonic() - began < 30
    assert signal.alarm(0) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"a": 7}', json.dumps({"b": [[], None]})])
def test_a_file_that_is_damaged_tells_nothing(tmp_path, text):
    (tmp_path / "columns.json").write_text(text)
    assert columns_of(tmp_path / "columns.json", "a").names == ()
