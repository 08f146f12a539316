"""A station without its cluster: the order of its steps, its folders, and its server."""

import os
import socket
import sys
from pathlib import Path

import pytest

from devstation import (
    BackgroundServer,
    DummyServer,
    DummyStation,
    Location,
    StationError,
)


class FakeCluster:
    """Record what a station asks of its cluster. ``deployed``: the answer about Deployments."""

    images, server_ip = "localhost:5001", "127.0.0.1"

    def __init__(self, deployed=""):
        self.calls = []
        self._deployed = deployed

    def node_image(self):
        return f"{self.images}/v6_node_poc@sha256:{'a' * 64}"

    def kubectl(self, *arguments, check=True):
        self.calls.append(" ".join(arguments))
        return self._deployed if "deployments" in arguments else ""

    def apply(self, *objects):
        self.calls.append("apply " + " ".join(sorted({o["kind"] for o in objects})))

    def delete_namespace(self, name, *, wait=True):
        self.calls.append(f"delete namespace {name}")


class FakeServer:
    """Record starts and ends in the cluster's list of calls."""

    def __init__(self, calls):
        self._calls = calls

    def start(self):
        self._calls.append("server starts")

    def kill(self):
        self._calls.append("server ends")


def station_at(home, cluster):
    return DummyStation(cluster, Location("v6-mine", home, 5070), FakeServer(cluster.calls))


RESTART = "-n v6-mine rollout restart deployment"


def test_set_up_begins_with_nothing_and_ends_with_a_ready_node(tmp_path):
    cluster = FakeCluster()
    station_at(tmp_path / "home", cluster).set_up()
    assert cluster.calls[:3] == ["server ends", "delete namespace v6-mine", "server starts"]
    assert cluster.calls[-1].startswith("-n v6-mine rollout status deployment/v6-node")
    assert RESTART not in cluster.calls
    assert (tmp_path / "home" / "csv" / "employees.csv").exists()


def test_pods_that_were_there_are_replaced_by_a_deployment(tmp_path):
    cluster = FakeCluster("deployment/v6-node")
    station_at(tmp_path, cluster).deploy()
    assert RESTART in cluster.calls


def test_another_configuration_restarts_the_node_only(tmp_path):
    cluster = FakeCluster()
    station_at(tmp_path, cluster).reconfigure(lambda config: config.update(port=1))
    policy = "ValidatingAdmissionPolicy"
    applied = f"apply ConfigMap NetworkPolicy {policy} {policy}Binding"
    assert cluster.calls[:2] == [applied, f"{RESTART}/v6-node"]


def test_a_station_removes_its_own_folders_only(tmp_path):
    home = tmp_path / "home"
    station = station_at(home, FakeCluster())
    station.make_folders()
    (home / "of-somebody-else").touch()
    station.remove()
    assert [path.name for path in home.iterdir()] == ["of-somebody-else"]
    (home / "of-somebody-else").unlink()
    station.remove()
    assert not home.exists()


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_server_listens_until_it_is_killed(tmp_path, port):
    server = DummyServer(FakeCluster(), port, tmp_path / "log")
    server.start()
    try:
        assert listens(port)
    finally:
        server.kill()
    assert not listens(port)
    server.kill()


def test_a_server_that_ends_at_once_tells_its_last_words(tmp_path, port):
    server = DummyServer(FakeCluster(), port, tmp_path / "log")
    server.program = ("-c", "raise SystemExit('no room here')")
    with pytest.raises(StationError, match="no room here"):
        server.start()


def test_a_background_server_is_ended_by_another_object_and_replaced(tmp_path, port):
    first, second = (BackgroundServer(FakeCluster(), port, tmp_path) for _ in range(2))
    first.start()
    try:
        old = second.pid()
        assert b"simple_sio_server" in Path(f"/proc/{old}/cmdline").read_bytes()
        second.start()
        assert second.pid() != old
        assert listens(port)
    finally:
        second.kill()
    assert second.pid() is None


def test_a_process_with_the_number_of_an_ended_server_is_left_alone(tmp_path):
    (tmp_path / "dummy_server.pid").write_text(f"{os.getpid()}\n")
    assert "simple_sio_server" not in " ".join(sys.argv)
    server = BackgroundServer(FakeCluster(), 1, tmp_path)
    assert server.pid() is None
    server.kill()
