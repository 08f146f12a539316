"""PURE: the answer to one probe of the kubelet, for whichever server reads it.

Probes come every few seconds for as long as a pod lives, so they are most of what an idle node
does: no thread, and no library that knows all of HTTP, is spent on one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

# A request without a body: method, path, and a few headers. The kubelet's has 150 bytes.
LONGEST_HEAD = 8192
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}

Checks = Mapping[str, Callable[[], bool]]
Remarks = Mapping[str, Callable[[], list[str]]]


def is_whole(head: bytes) -> bool:
    """Whether a request's head is there to its end, or is too long to be a probe."""
    return b"\r\n\r\n" in head or b"\n\n" in head or len(head) > LONGEST_HEAD


def answer(head: bytes, checks: Checks, remarks: Remarks | None = None) -> bytes:
    """Answer a head: 200 or 503 by the check of its path. The connection closes afterwards.

    Args:
        head: all that was sent.
        checks: by path, whether all is well.
        remarks: by path, what a person should know besides; a line each.
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
    """What is asked for; empty if this is no request."""
    words = head.split(b"\n", 1)[0].split()
    if len(words) != 3 or words[0] not in {b"GET", b"HEAD"} or len(head) > LONGEST_HEAD:
        return ""
    return words[1].decode("latin-1").partition("?")[0]
