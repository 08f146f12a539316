"""The public keys of the organizations that a subtask is for, as the server has them now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from http import HTTPStatus

from node_poc.proxy.bodies import of_server
from node_poc.proxy.refusals import RefusedError
from node_poc.proxy.targets import Kind, Target
from node_poc.proxy.upstream import Headers, Upstream

_AT_ONCE = 8
_ANSWER_BYTES = 1_000_000


async def public_keys(
    upstream: Upstream, organizations: Sequence[int], headers: Headers
) -> dict[int, str | None]:
    """Ask for the key of each organization, with the algorithm's own token.

    Args:
        upstream: the server.
        organizations: their ids.
        headers: those of the algorithm's request, its token among them.

    Raises:
        RefusedError: the server refuses or fails; a 4xx keeps its status.
    """
    asked = [(name, value) for name, value in headers if name.lower() == "authorization"]
    asked.append(("Accept-Encoding", "identity"))
    keys: dict[int, str | None] = {}
    remaining = iter(organizations)

    async def ask_in_turn() -> None:
        for organization in remaining:
            keys[organization] = await _public_key(upstream, organization, asked)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(ask_in_turn())
    except* RefusedError as several:
        raise several.exceptions[0] from None
    return keys


async def _public_key(upstream: Upstream, organization: int, headers: Headers) -> str | None:
    target = Target(Kind.FORWARD, "GET", f"/organization/{organization}", "")
    async with upstream.request(target, headers) as response:
        body = b""
        async for piece in of_server(response):
            body += piece
            if len(body) > _ANSWER_BYTES:
                raise _unreadable(organization)
        status = response.status
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if status != HTTPStatus.OK:
        raise _no_key(organization, status, answer)
    if not isinstance(answer, dict) or not isinstance(answer.get("public_key"), str | None):
        raise _unreadable(organization)
    return answer.get("public_key")


def _no_key(organization: int, status: int, answer: object) -> RefusedError:
    said = answer.get("msg") if isinstance(answer, dict) else None
    told = f"the server does not give the public key of organization {organization}: HTTP {status}"
    if isinstance(said, str):
        told += f", {said[:200]}"
    known = 400 <= status < 500 and status in {item.value for item in HTTPStatus}
    return RefusedError(
        HTTPStatus(status) if known else HTTPStatus.BAD_GATEWAY,
        told,
        kind="the server does not give an organization's public key",
        about={"organization": organization, "status": status},
    )


def _unreadable(organization: int) -> RefusedError:
    return RefusedError(
        HTTPStatus.BAD_GATEWAY,
        f"the server's answer about organization {organization} cannot be read",
        kind="the server's answer about an organization cannot be read",
        about={"organization": organization},
    )
