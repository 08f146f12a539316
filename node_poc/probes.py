"""PURE: answers the kubelet's probes, for any server that reads the requests.

Probes arrive every few seconds during a pod's whole life and are most of an idle node's work, so a
probe costs no thread of its own and needs no complete HTTP library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

# A request without a body: method, path, and a few headers. The kubelet's requests have 150 bytes.
LONGEST_HEAD = 8192
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}

Checks = Mapping[str, Callable[[], bool]]
Remarks = Mapping[str, Callable[[], list[str]]]


def is_whole(head: bytes) -> bool:
    """Whether a request's head is complete, or is too long for a probe."""
    return b"\r\n\r\n" in head or b"\n\n" in head or len(head) > LONGEST_HEAD


def answer(head: bytes, checks: Checks, remarks: Remarks | None = None) -> bytes:
    """Return the response to a request: 200 or 503 by the check of the request's path.

    The status is 400 for a malformed request and 404 for an unknown path. The response asks to
    close the connection.

    Args:
        head: all bytes received.
        checks: for each path, a function that returns True if all is well.
        remarks: for each path, a function that returns more lines of text for a person.
    """
    path = _path(head)
    check = checks.get(path)
    status = 400 if not path else 404 if check is None else 200 if check() else 503
    remark = (remarks or {}).get(path, list)
    text = "".join(f"{line}\n" for line in remark()).encode()
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    ).encode() + text


def _path(head: bytes) -> str:
    """Return the requested path without the query; empty for a malformed request."""
    words = head.split(b"\n", 1)[0].split()
    if len(words) != 3 or words[0] not in {b"GET", b"HEAD"} or len(head) > LONGEST_HEAD:
        return ""
    return words[1].decode("latin-1").partition("?")[0]
