"""PURE: select the headers to pass on; never hop-by-hop headers, nor headers that nobody needs."""

from __future__ import annotations

from collections.abc import Iterable

# The Server header's value, instead of the names and versions of the proxy's libraries.
NAME = "v6proxy"

_Headers = Iterable[tuple[str, str]]

_TO_SERVER = {"authorization", "content-type", "content-encoding", "accept", "accept-encoding"}
# Hop-by-hop headers: RFC 9110, 7.6.1, and older headers that are still in use.
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
# Headers of the connection to the server, and headers that the proxy's own server sets.
_OF_SERVER = {"set-cookie", "server", "date", "alt-svc", "strict-transport-security", "location"}
# Headers that hold only for the body exactly as the server sent the body.
_OF_BODY = {"content-length", "content-encoding", "content-md5", "digest", "etag"}


def to_server(headers: _Headers, *, body_as_it_came: bool) -> list[tuple[str, str]]:
    """Return the headers of an algorithm's request that go to the server.

    Args:
        headers: names and values as received.
        body_as_it_came: False if the proxy reads the answer's body, which must then come
            uncompressed.
    """
    kept = [(name, value) for name, value in headers if name.lower() in _TO_SERVER]
    names = {name.lower() for name, _ in kept}
    if not body_as_it_came:
        kept = [(name, value) for name, value in kept if name.lower() != "accept-encoding"]
    if not body_as_it_came or "accept-encoding" not in names:
        kept.append(("Accept-Encoding", "identity"))
    return kept


def to_algorithm(headers: _Headers, *, body_as_it_came: bool) -> list[tuple[str, str]]:
    """Return the headers of the server's answer that go to the algorithm.

    Args:
        headers: names and values as received.
        body_as_it_came: False if the proxy has changed the body: the length and coding in the
            headers then no longer hold.
    """
    pairs = list(headers)
    named = {
        word.strip().lower()
        for name, value in pairs
        if name.lower() == "connection"
        for word in value.split(",")
    }
    dropped = _HOP_BY_HOP | _OF_SERVER | named
    if not body_as_it_came:
        dropped |= _OF_BODY
    kept = [(name, value) for name, value in pairs if name.lower() not in dropped]
    return [*kept, ("Server", NAME)]
