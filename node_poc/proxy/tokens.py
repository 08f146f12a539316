"""PURE: check that a request carries a container's token. The server checks the signature."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from node_poc.crypto.claims import claims_of
from node_poc.proxy.refusals import RequestRefusedError

_BEARER = re.compile(r"[Bb]earer +([\w-]+)\.([\w-]+)\.([\w-]+)", re.ASCII)


@dataclass(frozen=True)
class Container:
    """The task and node named by a token, for the log. Not verified.

    `digest` identifies the token in the data remembered for each token.
    """

    task_id: int | None
    node_id: int | None
    digest: str = ""

    def __str__(self) -> str:
        return f"task {self.task_id} of node {self.node_id}"


NOBODY = Container(None, None)


def read_token(headers: Sequence[str]) -> Container:
    """Return the task and node that the token in the `Authorization` headers names.

    Raises:
        RequestRefusedError: there is no token or more than one, the token is no JWT, or the token
            was not made for a container. The token of a user or node is refused too, because its
            rights exceed those of an algorithm.
    """
    if not headers:
        raise _refused("there is no Authorization header; send `Bearer` and the container's token")
    found = _BEARER.fullmatch(headers[0].strip()) if len(headers) == 1 else None
    if found is None:
        raise _refused("the Authorization header must be one `Bearer` and a token")
    token = ".".join(found.groups())
    try:
        subject = claims_of(token).get("sub")
    except ValueError as error:
        raise _refused(str(error)) from None
    if not isinstance(subject, dict) or subject.get("client_type") != "container":
        raise _refused("this is not the token of an algorithm's container")
    digest = hashlib.sha256(token.encode()).hexdigest()
    return Container(_number(subject.get("task_id")), _number(subject.get("node_id")), digest)


def _number(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 else None


def _refused(reason: str) -> RequestRefusedError:
    return RequestRefusedError(HTTPStatus.UNAUTHORIZED, reason)
