"""Every type of database that vantage6 knows, as a real file or a real service."""

from __future__ import annotations

import pytest

from tests.cluster.vantage6.conftest import POSTGRES_PORT, SPARQL_PORT

AGES = "PREFIX : <http://example.org/> SELECT ?who ?age WHERE { ?who :age ?age }"


@pytest.mark.parametrize(
    ("entry", "rows", "column"),
    [
        ("default", 600, "Age"),
        ("book", 2, "Age"),
        ({"label": "book", "sheet_name": "second"}, 3, "Weight"),
        ("table", 4, "Age"),
        ({"label": "people", "query": "SELECT age FROM people"}, 2, "age"),
        ({"label": "warehouse", "query": "SELECT age FROM people"}, 5, "age"),
        ({"label": "triples", "query": AGES}, 3, "age"),
    ],
    ids=["csv", "excel", "excel sheet", "parquet", "sqlite", "postgresql", "sparql"],
)
def test_the_tools_read_it(asking, entry, rows, column):
    found = asking.ask("shape_of", entry)
    assert found["rows"] == rows
    assert column in found["columns"]


def test_a_folder_is_there_and_cannot_be_written(asking):
    found = asking.ask("list_database", "pictures", label="pictures")
    assert found["found"] == ["one.png", "two.png"]
    assert not found["writable"]


def test_another_file_is_there_and_cannot_be_written(asking):
    found = asking.ask("list_database", "notes", label="notes")
    assert found["found"] == ["some notes"]
    assert not found["writable"]


def test_a_service_is_open_to_who_asks_for_it_on_its_port_only(asking, cluster):
    def tried(port, *labels):
        return asking.ask("reach", *labels, address=cluster.server_ip, port=port)

    assert tried(POSTGRES_PORT, "warehouse") == "connected"
    assert tried(SPARQL_PORT, "warehouse") != "connected"
    assert tried(POSTGRES_PORT, "default") != "connected"


def test_the_service_that_a_file_names_is_open_to_who_asks_for_the_file(asking, cluster):
    def tried(*labels):
        return asking.ask("reach", *labels, address=cluster.server_ip, port=SPARQL_PORT)

    assert tried("notes") == "connected"
    assert tried("default") != "connected"
