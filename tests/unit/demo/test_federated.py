"""``make demo-vantage6`` checks for missing parts before starting work of several minutes."""

import pytest

from demo import federated
from demo.errors import DemoError
from devserver import DevServerError


def test_without_a_python_for_the_server_no_cluster_is_made(monkeypatch):
    def missing(_tell):
        raise DevServerError("the vantage6 server needs Python 3.10")

    ran = []
    monkeypatch.setattr(federated, "ensure", missing)
    monkeypatch.setattr(federated, "make_cluster", ran.append)
    monkeypatch.setattr(federated, "make_images", ran.append)
    with pytest.raises(DemoError, match=r"needs Python 3\.10"):
        federated.up()
    assert ran == []
