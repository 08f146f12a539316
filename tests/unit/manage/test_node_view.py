"""What the command reads of a node's pods."""

import pytest

from node_poc.cluster.errors import ClusterError
from node_poc.manage import view
from node_poc.manage.view import NodeView


class Objects:
    api = None


def log_after(monkeypatch, status):
    def refuse(*_):
        raise ClusterError("GET log", status, "", "")
        yield b""

    monkeypatch.setattr(view, "stream_bytes", refuse)
    return NodeView(Objects(), "v6-a", "a").log("pod", "node", lines=5)


@pytest.mark.parametrize("status", [400, 204])
def test_a_pod_that_has_not_started_or_has_no_machine_has_no_log(monkeypatch, status):
    assert log_after(monkeypatch, status) == []


def test_another_error_is_told(monkeypatch):
    with pytest.raises(ClusterError):
        log_after(monkeypatch, 500)
