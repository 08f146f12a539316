"""PURE: what a request's method and target mean. Only plain paths of the server's API get through.

The target is taken as it came, before any library has tidied it up: whatever could be read in two
ways (`..`, `//`, encoded slashes, whole URLs) is refused, so that nobody has to agree on how to
read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus

from node_poc.proxy.refusals import RefusedError

METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
_LONGEST = 8000
_SEGMENT = re.compile(r"[A-Za-z0-9_~-]+(?:\.[A-Za-z0-9_~-]+)*")
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]-]|%[0-9A-Fa-f]{2})*")
_TASK_ID = re.compile(r"(?:^|&)task_id=[0-9]+(?:&|$)")
# An algorithm has its token and no business with anybody else's: whoever could log in here could
# try passwords and keys. The socket is not part of the API, but lies below an empty `api_path`.
_NOT_FOR_ALGORITHMS = {"token", "recover", "socket.io"}


class Kind(Enum):
    """What the proxy does with a request."""

    FORWARD = auto()
    CREATE_TASK = auto()
    RESULTS = auto()
    READ_BLOB = auto()
    WRITE_BLOB = auto()


@dataclass(frozen=True)
class Target:
    """A request that may be carried out. `path` begins with a slash; `query` is as it came."""

    kind: Kind
    method: str
    path: str
    query: str

    @property
    def path_and_query(self) -> str:
        """What stands behind the server's base address."""
        return f"{self.path}?{self.query}" if self.query else self.path


def read_target(method: str, raw: str) -> Target:
    """Return what is asked for. Raises RefusedError."""
    if method not in METHODS:
        raise RefusedError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            f"this proxy knows the methods {', '.join(METHODS)} only",
            closes=True,
        )
    if len(raw) > _LONGEST:
        raise RefusedError(
            HTTPStatus.REQUEST_URI_TOO_LONG, f"the path is longer than {_LONGEST} characters"
        )
    path, _, query = raw.partition("?")
    before, *segments = path.split("/")
    if before or not segments or not all(map(_SEGMENT.fullmatch, segments)):
        raise RefusedError(
            HTTPStatus.BAD_REQUEST,
            "the path must be one of the server's API, as /task/1: words with single slashes "
            "between them, nothing encoded, no address of a server",
        )
    if not _QUERY.fullmatch(query):
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, "the query holds characters that must be encoded"
        )
    if segments[0].lower() in _NOT_FOR_ALGORITHMS:
        raise RefusedError(
            HTTPStatus.FORBIDDEN, "logging in to the server is not for algorithms: use your token"
        )
    return Target(_kind(method, segments, query), method, path, query)


def _kind(method: str, segments: list[str], query: str) -> Kind:
    match (method, segments):
        case ("POST", ["task"]):
            return Kind.CREATE_TASK
        case ("GET", ["result"]):
            if not _TASK_ID.search(query):
                raise RefusedError(
                    HTTPStatus.BAD_REQUEST, "give the task whose results you want: result?task_id=1"
                )
            return Kind.RESULTS
        case ("GET", ["result", _]):
            return Kind.RESULTS
        case ("GET", ["blobstream", name]) if name != "status":
            return Kind.READ_BLOB
        case ("POST", ["blobstream"]):
            return Kind.WRITE_BLOB
    return Kind.FORWARD
