"""The shared means for carrying every kind of request to the server, and the answers back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import aiohttp
from aiohttp import web

from node_poc.proxy import headers
from node_poc.proxy.bodies import AlgorithmBody, of_server, send
from node_poc.proxy.fair_pool import FairPool
from node_poc.proxy.jobs import Jobs
from node_poc.proxy.public_keys import PublicKeys
from node_poc.proxy.refusals import RefusedError
from node_poc.proxy.settings import ProxySettings, ResultsOf
from node_poc.proxy.spool import Spool, SpoolBudget
from node_poc.proxy.stored import StoredNames
from node_poc.proxy.targets import Target
from node_poc.proxy.tokens import Container
from node_poc.proxy.upstream import Headers, Upstream

Result = TypeVar("Result")

# Parsed JSON takes many times the size of its text, so few bodies are parsed at once. Parsed JSON
# exists in these threads only, and no thread waits for the network, not even for the server's
# public keys.
_THREADS = 2


class TellRefusal(Protocol):
    """Write a refusal to the log: the caller's address, the reason, and related numbers."""

    def __call__(self, address: str, kind: str, **about: object) -> None:
        """Write the refusal."""


@dataclass(frozen=True)
class Call:
    """One request of an algorithm. `container` holds the claims of the request's token."""

    request: web.BaseRequest
    target: Target
    container: Container

    @property
    def address(self) -> str:
        """The address of the caller, by which the limits for one caller are counted."""
        return self.request.remote or "?"

    def sent_headers(self, *, body_as_it_came: bool) -> Headers:
        """Return those headers of the request that go to the server."""
        return headers.to_server(self.request.headers.items(), body_as_it_came=body_as_it_came)


class Carrier:
    """Carry requests, and hold the state that is kept between requests."""

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
        # By job: blobs with results of the job's runs. By token: blobs stored with the token.
        self.results_of_job: StoredNames[int] = StoredNames()
        self.inputs_of_token: StoredNames[str] = StoredNames()
        self._budget = SpoolBudget(
            settings.limits.spooled_bytes, settings.limits.spooled_bytes_of_one
        )
        self._pool = FairPool(_THREADS)

    async def forward(self, call: Call) -> web.StreamResponse:
        """Carry a request whose body and answer the proxy does not need to read."""
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
        """Pass the server's answer on unchanged."""
        kept = headers.to_algorithm(response.headers.items(), body_as_it_came=True)
        answer = web.StreamResponse(status=response.status, headers=kept)
        return await send(call.request, answer, of_server(response), self.limits)

    def spool(self, call: Call, limit_bytes: int, too_big: RefusedError) -> Spool:
        """Return a spool for one body of this call."""
        return Spool(self._budget, call.address, limit_bytes, too_big)

    async def in_turn(self, call: Call, spool: Spool, work: Callable[[], Result]) -> Result:
        """Process a body in a thread, when the caller's address gets its turn."""
        return await self._pool.run(call.address, spool.size, work)

    def close(self) -> None:
        """Stop the threads."""
        self._pool.close()
