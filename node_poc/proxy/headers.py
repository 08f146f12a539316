"""PURE: which headers travel on. Those of one connection never do, nor any that nobody needs."""

from __future__ import annotations

from collections.abc import Iterable

# Instead of the names and versions of what it is made of.
NAME = "v6proxy"

_Headers = Iterable[tuple[str, str]]

_TO_SERVER = {"authorization", "content-type", "content-encoding", "accept", "accept-encoding"}
# RFC 9110, 7.6.1, and the older ones that are still met.
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
# Of the connection to the server, or made anew by the proxy's own server.
_OF_SERVER = {"set-cookie", "server", "date", "alt-svc", "strict-transport-security", "location"}
# True of the body as the server sent it only.
_OF_BODY = {"content-length", "content-encoding", "content-md5", "digest", "etag"}


def to_server(headers: _Headers, *, body_as_it_came: bool) -> list[tuple[str, str]]:
    """Return what of an algorithm's request goes to the server.

    Args:
        headers: names and values as they came.
        body_as_it_came: false if the answer's body will be read here, so it must come plain.
    """
    kept = [(name, value) for name, value in headers if name.lower() in _TO_SERVER]
    names = {name.lower() for name, _ in kept}
    if not body_as_it_came:
        kept = [(name, value) for name, value in kept if name.lower() != "accept-encoding"]
    if not body_as_it_came or "accept-encoding" not in names:
        kept.append(("Accept-Encoding", "identity"))
    return kept


def to_algorithm(headers: _Headers, *, body_as_it_came: bool) -> list[tuple[str, str]]:
    """Return what of the server's answer goes to the algorithm.

    Args:
        headers: names and values as they came.
        body_as_it_came: false if the body is another one now, so that its length and coding are
            no longer true.
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
