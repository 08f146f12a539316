"""The gate in front of an algorithm: with a scripted network, and over real sockets."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from node_poc import gate
from node_poc.runs import ends

API, PROXY, KUBELET = ("api", 443), ("proxy", 8080), ("machine", 10250)


class Network:
    """Answers each attempt at the API server from a script, and at the proxy from another."""

    def __init__(self, api, proxy=(True,), kubelet=(False,)):
        self.scripts = {API: list(api), PROXY: list(proxy), KUBELET: list(kubelet)}
        self.tried = []
        self.now = 0.0

    def try_to(self, address):
        self.tried.append(address)
        script = self.scripts[address]
        return script.pop(0) if len(script) > 1 else script[0]

    def sleep(self, seconds):
        self.now += seconds

    def opens(self, seconds=60.0):
        clock = lambda: self.now  # noqa: E731
        return gate.wait_for_walls([API, KUBELET], PROXY, seconds, self.try_to, clock, self.sleep)


def test_the_gate_opens_after_three_refusals_in_a_row():
    network = Network(api=[True, True, False, False, True, False, False, False])
    assert network.opens()
    assert network.tried.count(API) == 9  # the ninth, after the proxy's answer, is refused as well
    assert network.tried.count(PROXY) == 1


def test_a_network_that_is_not_up_yet_looks_like_no_policy():
    network = Network(api=[False], proxy=[False, False, True])
    assert network.opens()
    assert network.tried.count(PROXY) == 3


@pytest.mark.parametrize(
    ("api", "proxy"),
    [([True], [True]), ([False], [False]), ([False, False, True], [True])],
    ids=["open walls", "no proxy", "an attempt that fails now and then"],
)
def test_the_gate_never_gives_up_into_open(api, proxy):
    network = Network(api, proxy)
    network.scripts[API] = api if len(api) == 1 else api * 500
    assert not network.opens(seconds=5.0)
    assert network.now >= 5.0


def test_walls_that_open_again_behind_the_proxys_answer():
    network = Network(api=[False, False, False, True, False, False, False, False])
    assert network.opens()
    assert network.tried.count(PROXY) == 2


def test_an_api_server_that_is_away_does_not_open_the_gate():
    network = Network(api=[False], kubelet=[True, True, False])
    assert network.opens()
    assert network.tried.count(KUBELET) == 3
    assert not Network(api=[False], kubelet=[True]).opens(seconds=5.0)


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as made:
        threading.Thread(target=accept_all, args=(made,), daemon=True).start()
        yield made.getsockname()


def accept_all(made):
    while True:
        try:
            made.accept()[0].close()
        except OSError:
            return


@pytest.fixture
def closed():
    with socket.create_server(("127.0.0.1", 0)) as made:
        return made.getsockname()


def run(api, proxy, seconds="0.5"):
    """Run the program as a pod does, and return its exit code."""
    command = [
        sys.executable,
        "-I",
        "-S",
        str(Path(gate.__file__)),
        seconds,
        proxy[0],
        str(proxy[1]),
    ]
    environment = {"KUBERNETES_SERVICE_HOST": api[0], "KUBERNETES_SERVICE_PORT": str(api[1])}
    return subprocess.run(command, env=environment, timeout=30, check=False).returncode


def test_the_program_ends_with_a_code_for_each_outcome(listener, closed):
    assert run(api=closed, proxy=listener, seconds="20") == gate.OPEN
    assert run(api=listener, proxy=listener) == gate.NOT_OPEN
    assert run(api=closed, proxy=closed) == gate.NOT_OPEN


def test_without_the_api_servers_address_nothing_opens(closed):
    assert gate.main(["1", *map(str, closed)], {}) == gate.WRONG_USE
    assert gate.main(["1"], {"KUBERNETES_SERVICE_HOST": "a", "KUBERNETES_SERVICE_PORT": "1"}) == 2


def test_the_node_knows_the_gates_exit_code():
    assert gate.NOT_OPEN == ends._GATE_NOT_OPEN
    assert gate.OPEN == 0  # Kubernetes starts the algorithm after exit code 0 only
