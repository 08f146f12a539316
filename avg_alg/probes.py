"""Probe the network from inside an algorithm's pod, to report the isolation.

Each probe returns one line for the log and never raises. No probe waits longer than TIMEOUT_S for a
single answer.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping
from queue import Empty, Queue
from typing import Any

TIMEOUT_S = 2.0


def outbound_line(environment: Mapping[str, str]) -> str:
    """Try to reach INTERNET_PROBE (host:port); without INTERNET_PROBE try nothing."""
    address = environment.get("INTERNET_PROBE", "")
    if not address:
        return "network: outbound access not checked (INTERNET_PROBE is not set)"
    connected, detail = http_get(address)
    if connected:
        return f"network: outbound access to {address} is ENABLED ({detail})"
    return f"network: outbound access to {address} is disabled ({detail})"


def proxy_line(environment: Mapping[str, str]) -> str:
    """Try to reach PROXY_ADDRESS (host:port); only an HTTP answer counts as reachable."""
    address = environment.get("PROXY_ADDRESS", "")
    if not address:
        return "network: proxy not checked (PROXY_ADDRESS is not set)"
    connected, detail = http_get(address)
    if connected and detail.startswith("HTTP"):
        return f"network: proxy {address} is reachable"
    return f"network: proxy {address} is NOT reachable ({detail})"


def dns_line(environment: Mapping[str, str]) -> str:
    """Look up DNS_PROBE; the answer "no such name" shows too that DNS works."""
    name = environment.get("DNS_PROBE", "kubernetes.default.svc")
    try:
        resolve(name, 0)
    except socket.gaierror as error:
        if error.errno == socket.EAI_NONAME:
            return f"network: DNS lookups are ENABLED (answer for {name}: no such name)"
        return f"network: DNS lookups are disabled ({why(error)})"
    except OSError as error:
        return f"network: DNS lookups are disabled ({why(error)})"
    return f"network: DNS lookups are ENABLED ({name} was found)"


def http_get(address: str) -> tuple[bool, str]:
    """Connect to host:port and request `/`.

    Return whether the connection succeeded, and the HTTP status or the error. A connection alone
    already shows that packets get out, whatever the other side answers.
    """
    connected = False
    try:
        host, port = split_address(address)
        family, target = resolve(host, port)
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(target)
            connected = True
            connection.sendall(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            first_line = connection.recv(64).split(b"\r\n", 1)[0]
    except (OSError, ValueError) as error:
        return connected, f"connected, then {why(error)}" if connected else why(error)
    answer = first_line.decode("ascii", "replace")
    if not answer.startswith("HTTP/"):
        return True, "connected, no HTTP answer"
    return True, f"HTTP {' '.join(answer.split()[1:2])}"


def split_address(address: str) -> tuple[str, int]:
    """Split host:port; an IPv6 host is in brackets. Raise ValueError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"{address!r} is not host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def resolve(name: str, port: int) -> tuple[int, Any]:
    """Return family and address of a name. Raise OSError, also if no answer comes in time.

    The lookup runs in its own thread, because the system's resolver has no time limit: without
    access to DNS the resolver would try for most of a minute.
    """
    outcome: Queue[tuple[int, Any] | OSError] = Queue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
            outcome.put((found[0][0], found[0][4]))
        except (OSError, UnicodeError) as error:
            outcome.put(error if isinstance(error, OSError) else OSError(0, "not a host name"))

    threading.Thread(target=look_up, daemon=True).start()
    try:
        found = outcome.get(timeout=TIMEOUT_S)
    except Empty:
        raise TimeoutError(f"no DNS answer for {name} in {TIMEOUT_S:g} s") from None
    if isinstance(found, OSError):
        raise found
    return found


def why(error: Exception) -> str:
    """Return the system's message for an error."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
