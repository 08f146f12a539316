"""The central function of the federated average, with stand-ins for vantage6's tools."""

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "fed_avg_alg"
TOOLS = {
    "vantage6.algorithm.client": {"AlgorithmClient": object},
    "vantage6.algorithm.tools.decorators": {
        "algorithm_client": lambda function: function,
        "data": lambda _number: lambda function: function,
    },
    "vantage6.algorithm.tools.util": {"info": lambda _text: None},
    "pandas": {"DataFrame": object},
}


@pytest.fixture
def central_average(monkeypatch):
    """Return the function without vantage6's decorator; the first argument is the client."""
    for name, contents in TOOLS.items():
        parts = name.split(".")
        for number in range(1, len(parts) + 1):
            path = ".".join(parts[:number])
            monkeypatch.setitem(sys.modules, path, ModuleType(path))
        vars(sys.modules[name]).update(contents)
    monkeypatch.syspath_prepend(FOLDER)
    for name in [n for n in sys.modules if n.startswith("v6_federated_average")]:
        monkeypatch.delitem(sys.modules, name)
    return importlib.import_module("v6_federated_average.central").central_average


class Client:
    """A client of a collaboration; ``parts`` are the results of the organizations."""

    def __init__(self, parts, known=()):
        self.asked = []
        self.organization = SimpleNamespace(list=lambda: [{"id": each} for each in known])
        self.task = SimpleNamespace(create=self._create)
        self.wait_for_results = lambda **_: parts

    def _create(self, *, organizations, **_):
        self.asked += organizations
        return {"id": 5}


def test_sums_and_counts_make_one_average(central_average):
    client = Client([{"sum": 10.0, "count": 4}, {"sum": 5.0, "count": 2}])
    assert central_average(client, "Age", [1, 2]) == {"average": 2.5, "count": 6}
    assert client.asked == [1, 2]


def test_without_a_list_all_organizations_are_asked(central_average):
    client = Client([{"sum": 1.0, "count": 1}] * 3, known=[7, 8, 9])
    assert central_average(client, "Age")["count"] == 3
    assert client.asked == [7, 8, 9]


@pytest.mark.parametrize("organizations", [[], None])
def test_without_an_organization_no_task_is_made(central_average, organizations):
    client = Client([])
    with pytest.raises(ValueError, match="organizations: the list is empty"):
        central_average(client, "Age", organizations)
    assert client.asked == []


def test_an_organization_without_a_result_is_counted(central_average):
    with pytest.raises(RuntimeError, match="1 of 2 organizations sent no result"):
        central_average(Client([{"sum": 1.0, "count": 1}, None]), "Age", [1, 2])
