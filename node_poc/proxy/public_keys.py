"""The public keys of the organizations that a subtask is for, as the server has the keys now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from weakref import WeakValueDictionary

from node_poc.proxy.questions import ask
from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.upstream import Headers, Upstream

_AT_ONCE = 8


class PublicKeys:
    """Ask the server for keys: a few at one time for each address, whatever the number of tasks."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def of(
        self, address: str, organizations: Sequence[int], headers: Headers
    ) -> dict[int, str | None]:
        """Ask for the key of each organization, with the algorithm's own token.

        Args:
            address: address from which the algorithm's request came.
            organizations: ids of the organizations.
            headers: headers of the algorithm's request, including the token.

        Raises:
            RequestRefusedError: the server refuses or fails; a 4xx keeps its status.
        """
        keys: dict[int, str | None] = {}
        remaining = iter(organizations)
        places = self._places.setdefault(address, asyncio.Semaphore(_AT_ONCE))

        async def ask_in_turn() -> None:
            for organization in remaining:
                async with places:
                    keys[organization] = await _public_key(self._upstream, organization, headers)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AT_ONCE):
                    group.create_task(ask_in_turn())
        except* RequestRefusedError as several:
            raise several.exceptions[0] from None
        return keys


async def _public_key(upstream: Upstream, organization: int, headers: Headers) -> str | None:
    answer = await ask(upstream, f"/organization/{organization}", headers)
    if answer.status != HTTPStatus.OK:
        raise RequestRefusedError(
            answer.refusal_status,
            f"the server does not give the public key of organization {organization}: "
            f"{answer.said}",
            kind="the server does not give an organization's public key",
            about={"organization": organization, "status": answer.status},
        )
    value = answer.value
    if not isinstance(value, dict) or not isinstance(value.get("public_key"), str | None):
        raise RequestRefusedError(
            HTTPStatus.BAD_GATEWAY,
            f"the server's answer about organization {organization} cannot be read",
            kind="the server's answer about an organization cannot be read",
            about={"organization": organization},
        )
    return value.get("public_key")
