"""PURE: interpret a request's method and target. Only plain paths of the server's API pass.

The target is read as received, before any library normalizes it. A target with two possible
readings (`..`, `//`, encoded slashes, whole URLs) is refused, so that the proxy and the server need
not agree on a reading.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from urllib.parse import parse_qsl

from node_poc.proxy.refusals import RequestRefusedError

METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
_LONGEST = 8000
_SEGMENT = re.compile(r"[A-Za-z0-9_~-]+(?:\.[A-Za-z0-9_~-]+)*")
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]-]|%[0-9A-Fa-f]{2})*")
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_MOST_FIELDS = 100
# The server answers these paths to everybody. vantage6's diagnostics request them without a token.
_FOR_EVERYBODY = {"/version", "/health"}
# An algorithm needs no token but its own: an algorithm that could log in here could guess passwords
# and API keys. The socket is not part of the API, but lies below an empty `api_path`.
_NOT_FOR_ALGORITHMS = {"token", "recover", "socket.io"}


class Kind(Enum):
    """How the proxy handles a request."""

    FORWARD = auto()
    CREATE_TASK = auto()
    RESULTS = auto()
    RESULT = auto()
    TASKS = auto()
    READ_BLOB = auto()
    WRITE_BLOB = auto()


@dataclass(frozen=True)
class Target:
    """A request that may be carried out. `path` starts with a slash; `query` is as received."""

    kind: Kind
    method: str
    path: str
    query: str

    @property
    def last_segment(self) -> str:
        """The part of the path after the last slash."""
        return self.path.rpartition("/")[2]

    def values(self, name: str) -> list[str]:
        """Return the query's values of a field, decoded as the server decodes.

        Field names may be encoded too (`task%5Fid`), so they are compared after decoding.

        Raises:
            RequestRefusedError: the query has too many fields.
        """
        try:
            fields = parse_qsl(self.query, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError:
            raise RequestRefusedError(
                HTTPStatus.BAD_REQUEST, f"the query has more than {_MOST_FIELDS} fields"
            ) from None
        return [value for key, value in fields if key == name]

    def task_id(self) -> int:
        """Return the one task whose results are requested. Raise RequestRefusedError."""
        values = self.values("task_id")
        if len(values) != 1 or not _NUMBER.fullmatch(values[0]):
            raise RequestRefusedError(
                HTTPStatus.BAD_REQUEST,
                "give the one task whose results you want: result?task_id=1",
            )
        return int(values[0])

    @property
    def path_and_query(self) -> str:
        """The part of the URL after the server's base address."""
        return f"{self.path}?{self.query}" if self.query else self.path


def is_for_everybody(method: str, raw: str) -> bool:
    """Return whether the request is allowed without a token."""
    return method == "GET" and raw in _FOR_EVERYBODY


def read_target(method: str, raw: str) -> Target:
    """Return the target of a request. Raise RequestRefusedError."""
    if method not in METHODS:
        raise RequestRefusedError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            f"this proxy knows the methods {', '.join(METHODS)} only",
            closes=True,
        )
    if len(raw) > _LONGEST:
        raise RequestRefusedError(
            HTTPStatus.REQUEST_URI_TOO_LONG, f"the path is longer than {_LONGEST} characters"
        )
    path, _, query = raw.partition("?")
    before, *segments = path.split("/")
    if before or not segments or not all(map(_SEGMENT.fullmatch, segments)):
        raise RequestRefusedError(
            HTTPStatus.BAD_REQUEST,
            "the path must be one of the server's API, as /task/1: words with single slashes "
            "between them, nothing encoded, no address of a server",
        )
    if not _QUERY.fullmatch(query):
        raise RequestRefusedError(
            HTTPStatus.BAD_REQUEST, "the query holds characters that must be encoded"
        )
    if segments[0].lower() in _NOT_FOR_ALGORITHMS:
        raise RequestRefusedError(
            HTTPStatus.FORBIDDEN, "logging in to the server is not for algorithms: use your token"
        )
    target = Target(_kind(method, segments), method, path, query)
    if target.kind is Kind.RESULTS:
        target.task_id()
    return target


def _kind(method: str, segments: list[str]) -> Kind:
    match (method, segments):
        case ("POST", ["task"]):
            return Kind.CREATE_TASK
        case ("GET", ["result"]):
            return Kind.RESULTS
        case ("GET", ["result", _]):
            return Kind.RESULT
        case ("GET", ["task", *_]):
            return Kind.TASKS
        case ("GET", ["blobstream", name]) if name != "status":
            return Kind.READ_BLOB
        case ("POST", ["blobstream"]):
            return Kind.WRITE_BLOB
    return Kind.FORWARD
