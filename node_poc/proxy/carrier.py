"""What all kinds of requests need to be carried to the server, and their answers back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import aiohttp
from aiohttp import web

from node_poc.proxy import headers
from node_poc.proxy.bodies import AlgorithmBody, of_server, send
from node_poc.proxy.jobs import Jobs
from node_poc.proxy.public_keys import PublicKeys
from node_poc.proxy.refusals import RefusedError
from node_poc.proxy.settings import ProxySettings, ResultsOf
from node_poc.proxy.spool import Spool, SpoolBudget
from node_poc.proxy.stored import StoredNames
from node_poc.proxy.targets import Target
from node_poc.proxy.tokens import Container
from node_poc.proxy.turns import Turns
from node_poc.proxy.upstream import Headers, Upstream

Result = TypeVar("Result")

# What JSON becomes in memory is many times its size, so few are read at once. It is held in these
# threads only, and none of them waits for anybody: not for the server's keys either.
_THREADS = 2


class TellRefusal(Protocol):
    """Writes a refusal to the log: the caller's address, why, and numbers that belong to it."""

    def __call__(self, address: str, kind: str, **about: object) -> None:
        """Write."""


@dataclass(frozen=True)
class Call:
    """One request of an algorithm, whose token names `container`."""

    request: web.BaseRequest
    target: Target
    container: Container

    @property
    def address(self) -> str:
        """Where it comes from; what one caller may take is counted by it."""
        return self.request.remote or "?"

    def sent_headers(self, *, body_as_it_came: bool) -> Headers:
        """Return what of its headers goes to the server."""
        return headers.to_server(self.request.headers.items(), body_as_it_came=body_as_it_came)


class Carrier:
    """Carries requests, and holds what is remembered between them."""

    def __init__(
        self, settings: ProxySettings, upstream: Upstream, tell_refusal: TellRefusal
    ) -> None:
        self.limits = settings.limits
        self.cryptor = settings.cryptor
        self.only_own_job = settings.results is ResultsOf.JOB
        self.upstream = upstream
        self.tell_refusal = tell_refusal
        self.jobs = Jobs(upstream)
        self.public_keys = PublicKeys(upstream)
        # By job: blobs that are results of its runs. By token: blobs that it stored itself.
        self.results_of_job: StoredNames[int] = StoredNames()
        self.inputs_of_token: StoredNames[str] = StoredNames()
        self._budget = SpoolBudget(
            settings.limits.spooled_bytes, settings.limits.spooled_bytes_of_one
        )
        self._turns = Turns(_THREADS)

    async def forward(self, call: Call) -> web.StreamResponse:
        """Carry a request whose body and answer are nobody's business here."""
        sent = call.sent_headers(body_as_it_came=True)
        if not call.request.body_exists:
            async with self.upstream.request(call.target, sent) as response:
                return await self.relay(call, response)
        body, length = AlgorithmBody(call.request, self.limits), call.request.content_length
        try:
            asked = self.upstream.request(call.target, sent, body.pieces(), length)
            async with asked as response:
                return await self.relay(call, response)
        except RefusedError as error:
            raise body.failure or error from None

    async def relay(self, call: Call, response: aiohttp.ClientResponse) -> web.StreamResponse:
        """Pass the server's answer on as it is."""
        kept = headers.to_algorithm(response.headers.items(), body_as_it_came=True)
        answer = web.StreamResponse(status=response.status, headers=kept)
        return await send(call.request, answer, of_server(response), self.limits)

    def spool(self, call: Call, limit_bytes: int, too_big: RefusedError) -> Spool:
        """Return a place for one body of this call."""
        return Spool(self._budget, call.address, limit_bytes, too_big)

    async def in_turn(self, call: Call, spool: Spool, work: Callable[[], Result]) -> Result:
        """Work on a body in a thread, when it is the turn of the call's address."""
        return await self._turns.run(call.address, spool.size, work)

    def close(self) -> None:
        """End the threads."""
        self._turns.close()
