"""Ways out of the pod, and ways through the proxy to anywhere else."""

from __future__ import annotations

import base64
import errno
import json
import socket
from collections.abc import Iterator
from typing import Any

from evil_algorithm.report import Attack

_SECONDS = 2.0
# An address for documentation (RFC 3849): a connection would need a route for all addresses.
_OUTSIDE_BY_IPV6 = "2001:db8::1:80"
# A question for the address of "example".
_QUESTION = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x00\x00\x01\x00\x01"


def attacks(plan: dict[str, Any]) -> Iterator[tuple[str, Attack]]:
    """Yield the attacks by name.

    The plan has ``tcp`` (name to ``host:port``) and ``dns`` (address of a name server).
    """
    for name, address in plan["tcp"].items():
        yield f"connect to {name}", lambda address=address: _connect(address)
    yield "ask a name server by UDP", lambda: _ask(plan["dns"])
    yield "connect by IPv6", lambda: _connect(_OUTSIDE_BY_IPV6)
    yield "open a raw socket", lambda: _raw(socket.AF_INET, socket.IPPROTO_ICMP)
    yield "open a packet socket", lambda: _raw(socket.AF_PACKET, socket.htons(0x0003))


def through_the_proxy(plan: dict[str, Any]) -> Iterator[tuple[str, Attack]]:
    """Yield the attempts to use the proxy as a way to anything but the server's API.

    The plan has ``proxy`` and ``outside`` as ``host:port``, and ``token``.
    """
    proxy, outside, token = plan["proxy"], plan["outside"], plan["token"]
    host = outside.partition(":")[0]
    for name, line, named in (
        ("an absolute address", f"GET http://{outside}/", outside),
        ("CONNECT", f"CONNECT {outside}", outside),
        ("another host's name", "GET /", host),
        ("a path that looks like a host", f"GET //{outside}/", proxy),
        ("a path with an address", f"GET /http://{outside}/", proxy),
        ("a path above the API", "GET /../socket.io/?EIO=4&transport=polling", proxy),
        ("an encoded path above it", "GET /%2e%2e/socket.io/?EIO=4&transport=polling", proxy),
    ):
        yield (
            f"relay by {name}",
            lambda line=line, named=named: _request(proxy, line, named, token),
        )
    yield "read the own tasks", lambda: _request(proxy, "GET /task", proxy, token)
    yield "read tasks with no token", lambda: _request(proxy, "GET /task", proxy, "")
    yield (
        "read tasks with a changed token",
        lambda: _request(proxy, "GET /task", proxy, _changed(token)),
    )


def _connect(address: str) -> str:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=_SECONDS):
        return "connected"


def _ask(address: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(_SECONDS)
        asking.sendto(_QUESTION, (address, 53))
        return f"{len(asking.recv(512))} bytes"


def _raw(family: int, protocol: int) -> str:
    with socket.socket(family, socket.SOCK_RAW, protocol):
        return "opened"


def _changed(token: str) -> str:
    """Return a token whose claims name the next task; the signature stays."""
    head, _, rest = token.partition(".")
    claims, _, signature = rest.partition(".")
    try:
        told = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    except ValueError:
        return f"{token}x"
    told = {name: value + 1 if type(value) is int else value for name, value in told.items()}
    made = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
    return f"{head}.{made}.{signature}"


def _request(proxy: str, line: str, named: str, token: str) -> str:
    """Send a request as it stands, which no library would; return a success's first line."""
    host, _, port = proxy.rpartition(":")
    head = f"{line} HTTP/1.1\r\nHost: {named}\r\nConnection: close\r\n"
    head += f"Authorization: Bearer {token}\r\n" if token else ""
    with socket.create_connection((host, int(port)), timeout=5) as sending:
        sending.sendall(f"{head}\r\n".encode())
        answer = sending.recv(4096).decode(errors="replace").partition("\r\n")[0]
    status = answer.split(" ")[1:2]
    if status and status[0].startswith(("2", "3")):
        return answer
    raise OSError(errno.EACCES, f"the proxy answered: {answer}")
