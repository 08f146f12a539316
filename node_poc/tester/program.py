"""The tester: tries, from the first instruction of its pod on, ways that the walls must close.

The program runs in the pods of the self-test of the walls: ``python -m node_poc test-walls PLAN``.
The plan (``isolation/self_test/targets.py``) has a line with the seconds of the test, its most
seconds if a target is open, the seconds for which the pod stays, and the port to listen on, then a
line for each target. Every 50 ms, later every 250 ms, the program tries each target, and keeps
the first connection to each, because some clusters never cut a connection that was made before the
policies were in force. The program also listens, for other pods that try to get in. Its report is
one line of JSON (``isolation/self_test/reports.py``).
"""

from __future__ import annotations

import socket
import sys
import time

from node_poc.gate import own_machine
from node_poc.tester.machine import address_of, ipv6_addresses, read_text
from node_poc.tester.tries import WayTester

WELL, WRONG_USE = 0, 2
_MOST_TARGETS = 30


def main(arguments: list[str]) -> int:
    """Carry out a plan, and print the report; return the exit code."""
    try:
        (text,) = arguments
        head, *rows = (line.split() for line in text.splitlines())
        seconds, most_seconds, stay_seconds = map(float, head[:3])
        port = int(head[3])
        plan = [(protocol, host, int(number)) for protocol, host, number in rows]
    except (ValueError, IndexError) as error:
        print(f"test-walls: the plan is not understood: {error}", file=sys.stderr)
        return WRONG_USE
    machine = own_machine()
    targets = [
        (protocol, address_of(host, number, machine))
        for protocol, host, number in plan[:_MOST_TARGETS]
    ]
    tester = WayTester(targets, _listen(port))
    addresses = ", ".join(f'"{each}"' for each in ipv6_addresses(read_text("/proc/net/if_inet6")))
    print(f'{{"ipv6_addresses": [{addresses}]}}', flush=True)
    tester.try_for(seconds, most_seconds)
    ended_ms = tester.now_ms()
    tester.look_at_kept()
    _tell_report(tester, machine, ended_ms)
    tester.serve(time.monotonic() + stay_seconds - tester.now_ms() / 1000)
    return WELL


def _tell_report(tester: WayTester, machine: str, ended_ms: int) -> None:
    import json  # noqa: PLC0415  not before the first attempt

    report = {
        "walls_test": 1,
        "began_ms": tester.began_ms,
        "ended_ms": ended_ms,
        "machine": machine,
        "accepted": tester.accepted.row(),
        "targets": [each.row() for each in tester.seen],
    }
    print(json.dumps(report), flush=True)


def _listen(port: int) -> socket.socket:
    """Listen on all addresses, of IPv6 as well if the machine has IPv6."""
    try:
        return socket.create_server(
            ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128
        )
    except (OSError, ValueError):
        return socket.create_server(("", port), backlog=128)
