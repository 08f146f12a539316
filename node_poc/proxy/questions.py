"""Requests that the proxy itself sends to the server, with the token of the algorithm."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from node_poc.proxy.bodies import of_server
from node_poc.proxy.targets import Kind, Target
from node_poc.proxy.upstream import Headers, Upstream

_ANSWER_BYTES = 1_000_000


@dataclass(frozen=True)
class ServerAnswer:
    """The server's answer. `value` is None if the body cannot be read."""

    status: int
    value: Any

    @property
    def said(self) -> str:
        """The server's own message after the status; for the algorithm, not for the log."""
        said = self.value.get("msg") if isinstance(self.value, dict) else None
        return f"HTTP {self.status}, {said[:200]}" if isinstance(said, str) else self.status_text

    @property
    def status_text(self) -> str:
        """The status alone."""
        return f"HTTP {self.status}"

    @property
    def refusal_status(self) -> HTTPStatus:
        """The status for refusing a request that depended on this answer; a 4xx stays as it is."""
        known = 400 <= self.status < 500 and self.status in {item.value for item in HTTPStatus}
        return HTTPStatus(self.status) if known else HTTPStatus.BAD_GATEWAY


async def ask(upstream: Upstream, path: str, headers: Headers) -> ServerAnswer:
    """Ask for one object of the API.

    Args:
        upstream: the server.
        path: path of the object, such as /task/1.
        headers: headers of the algorithm's request, including the token.

    Raises:
        RequestRefusedError: the server cannot be reached, is too slow, redirects or breaks off.
    """
    asked = [(name, value) for name, value in headers if name.lower() == "authorization"]
    asked.append(("Accept-Encoding", "identity"))
    body = b""
    async with upstream.request(Target(Kind.FORWARD, "GET", path, ""), asked) as response:
        async for piece in of_server(response):
            body += piece
            if len(body) > _ANSWER_BYTES:
                return ServerAnswer(response.status, None)
        status = response.status
    try:
        return ServerAnswer(status, json.loads(body))
    except (ValueError, RecursionError):
        return ServerAnswer(status, None)
