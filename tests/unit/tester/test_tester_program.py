"""The program of the self-test's pods, against real sockets and in a process of its own."""

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from devserver.ports import free_port
from node_poc import gate
from node_poc.isolation.self_test.reports import find_addresses, find_report
from node_poc.isolation.self_test.targets import Target, plan_of
from node_poc.tester import machine, program
from node_poc.tester.tries import WayTester
from tests.fakes.processes import ROOT

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t0000002A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t00000000\t01002A0A\t0003\t0\t0\t0\t00000000\t0\t0\t0
"""
INTERFACES = """00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000d8abcffffe123456 02 40 20 80     eth0
fd000000000000000000000000000002 02 40 00 80     eth0
"""


@contextmanager
def listening(backlog=128):
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as server:
        yield server, server.getsockname()[1]


@contextmanager
def answering_datagrams():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        stop = threading.Event()

        def serve():
            server.settimeout(0.05)
            while not stop.is_set():
                try:
                    data, peer = server.recvfrom(512)
                    server.sendto(data, peer)
                except TimeoutError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        stop.set()
        thread.join()


def target(port, protocol="tcp"):
    return protocol, machine.address_of("127.0.0.1", port, "")


@contextmanager
def trying(*targets):
    tester = WayTester(list(targets), socket.create_server(("127.0.0.1", 0)))
    yield tester
    tester.close()


def closed_port():
    with listening() as (_, port):
        return port


def test_an_open_way_comes_through_each_time_and_a_closed_one_never():
    with listening() as (_, port), trying(target(port), target(closed_port())) as tester:
        tester.try_for(0.4)
        through, closed = tester.seen
        assert through.tries == through.through == closed.tries >= 2
        assert closed.through == 0
        assert tester.began_ms <= through.first_ms < through.last_ms <= tester.now_ms()


@pytest.fixture
def short_waits(monkeypatch):
    monkeypatch.setattr("node_poc.tester.tries._TRY_SECONDS", 0.05)
    monkeypatch.setattr("node_poc.tester.tries._CLOSED_SECONDS", 0.1)


def test_attempts_go_on_until_a_late_wall_stands(short_waits):
    with listening() as (server, port), trying(target(closed_port()), target(port)) as tester:
        threading.Timer(0.3, server.close).start()
        tester.try_for(0.1, 20.0)
        late = tester.seen[1]
        assert 0 < late.through < late.tries
        assert 300 <= tester.now_ms() - tester.began_ms < 20_000


def test_attempts_at_a_way_that_stays_open_end_in_time(short_waits):
    with listening() as (_, port), trying(target(closed_port()), target(port)) as tester:
        tester.try_for(0.1, 0.4)
        assert tester.seen[1].through == tester.seen[1].tries >= 2


def test_an_open_proxy_prolongs_no_test(short_waits):
    with listening() as (_, port), trying(target(port), target(closed_port())) as tester:
        tester.try_for(0.1, 60.0)
        assert tester.now_ms() - tester.began_ms < 30_000


def test_later_attempts_are_less_frequent(monkeypatch):
    monkeypatch.setattr("node_poc.tester.tries._FREQUENT_SECONDS", 0.0)
    with listening() as (_, port), trying(target(port)) as tester:
        tester.try_for(0.3)
        assert tester.seen[0].tries <= 2


def test_datagrams_count_if_they_are_answered():
    with (
        answering_datagrams() as port,
        trying(target(port, "udp"), target(closed_port(), "udp")) as tester,
    ):
        tester.try_for(0.2)
        assert tester.seen[0].through > 0 == tester.seen[1].through


def test_a_target_without_an_address_is_never_tried():
    assert machine.address_of("machine", 10250, "") is None
    with trying(("tcp", None)) as tester:
        tester.try_for(0.1)
        assert tester.seen[0].tries == 0


def test_a_packet_without_an_answer_is_given_up(monkeypatch):
    """A listener whose line is full answers nothing, as a wall that drops packets."""
    monkeypatch.setattr("node_poc.tester.tries._TRY_SECONDS", 0.2)
    with listening(backlog=0) as (_, port):
        fillers = [socket.socket() for _ in range(3)]
        for each in fillers:
            each.settimeout(0)
            each.connect_ex(("127.0.0.1", port))
        with trying(target(port)) as tester:
            tester.try_for(0.3)
            assert tester.seen[0].through == 0
            assert not [each for each in tester._waiting if not each.is_over]
        for each in fillers:
            each.close()


def test_the_first_connection_is_kept_and_seen_to_live_on():
    with listening() as (server, port), trying(target(port)) as tester:
        tester.try_for(0.1)
        tester.look_at_kept()
        assert tester.seen[0].lived_on
        peer, _ = server.accept()
        with peer:
            assert peer.recv(10) == b"\n"


def test_a_first_connection_that_was_cut_does_not_live_on():
    with listening() as (server, port), trying(target(port)) as tester:
        tester.try_for(0.1)
        peer, _ = server.accept()
        # Without this option the peer would end the connection in order, and confirm more bytes.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        tester.look_at_kept()
        assert not tester.seen[0].lived_on


def test_connections_of_others_are_counted_with_their_times():
    listener = socket.create_server(("127.0.0.1", 0))
    tester = WayTester([], listener)
    with socket.create_connection(listener.getsockname()[:2]):
        tester.serve(time.monotonic() + 0.2)
    assert tester.accepted.through == 1
    assert tester.began_ms <= tester.accepted.last_ms <= tester.now_ms()
    tester.close()


def test_the_times_count_from_the_start_of_the_process():
    assert machine.seconds_since_start() > 0


def test_the_machine_is_the_default_route():
    assert gate.machine_address(ROUTES) == "10.42.0.1"
    assert gate.machine_address("Iface\n") == ""


IPV6_ROUTES = """\
00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo
00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
{gateway} 00000400 00000002 00000000 00000003 eth0
"""


@pytest.mark.parametrize(
    ("gateway", "address"),
    [
        ("fd000000000000000000000000000001", "fd00::1"),
        ("fe800000000000000000000000000001", "fe80::1%eth0"),
    ],
)
def test_the_machine_of_a_pod_without_ipv4_is_the_default_route_of_ipv6(gateway, address):
    routes = IPV6_ROUTES.format(gateway=gateway)
    assert gate.machine_address("Iface\n", routes) == address
    assert gate.machine_address(ROUTES, routes) == "10.42.0.1"


def test_ipv6_addresses_have_their_interface_and_leave_out_the_loopback():
    assert machine.ipv6_addresses(INTERFACES) == ["fe80::d8ab:cfff:fe12:3456%eth0", "fd00::2"]


@pytest.mark.parametrize(
    "arguments",
    [[], [""], ["1 2"], ["a b c"], ["1 1 1"], ["1 1 1 1\ntcp host"], ["1 1 1 1", "1 1 1 1"]],
)
def test_a_wrong_plan_is_refused(arguments, capsys):
    assert program.main(arguments) == program.WRONG_USE
    assert "the plan is not understood" in capsys.readouterr().err


def test_the_command_carries_out_the_nodes_plan_and_its_report_is_understood(monkeypatch):
    own, closed = free_port("127.0.0.1"), closed_port()
    monkeypatch.setattr("node_poc.isolation.self_test.targets.LISTEN_PORT", own)
    monkeypatch.setattr("node_poc.isolation.self_test.targets.TEST_SECONDS", 0.5)
    with listening() as (_, port):
        targets = [Target("open", "tcp", "127.0.0.1", port)]
        targets += [Target("closed", "tcp", "127.0.0.1", closed)]
        targets += [Target("itself", "tcp", "127.0.0.1", own)]
        done = subprocess.run(
            [sys.executable, "-m", "node_poc", "test-walls", plan_of(targets, 0.0, 0.5)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    assert find_addresses(done.stdout) is not None
    report = find_report(done.stdout, 3)
    way, no_way, itself = report.targets
    assert way.through == way.tries > 0 == no_way.through
    assert way.lived_on
    assert itself.through == report.accepted.through
    assert 0 < report.began_ms < report.ended_ms
    assert len(done.stdout) < 4000


def test_the_command_needs_no_module_of_the_node():
    """Each import would delay the first attempt."""
    code = (
        "import sys; sys.argv = ['x', 'test-walls', 'x']\n"
        "try:\n    import node_poc.__main__\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules if m.startswith('node_poc')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = json.loads(done.stdout.replace("'", '"'))
    assert {name.split(".")[1] for name in loaded if "." in name} <= {"__main__", "gate", "tester"}
