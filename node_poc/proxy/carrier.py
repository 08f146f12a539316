"""The shared means for carrying every kind of request to the server, and the answers back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from aiohttp import web

from node_poc.crypto.payload import PlainCryptor, RsaCryptor
from node_poc.proxy import headers
from node_poc.proxy.bodies import AlgorithmBody, of_server, send
from node_poc.proxy.fair_pool import FairPool
from node_poc.proxy.jobs import Jobs
from node_poc.proxy.public_keys import PublicKeys
from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.request_log import RequestLog
from node_poc.proxy.settings import Limits, ProxySettings, ResultsOf
from node_poc.proxy.spool import Spool, SpoolBudget
from node_poc.proxy.stored import StoredNames
from node_poc.proxy.targets import Target
from node_poc.proxy.tokens import Container
from node_poc.proxy.upstream import Headers, Upstream

Result = TypeVar("Result")


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


@dataclass(frozen=True)
class Carrier:
    """Carry requests, and hold the state that is kept between requests.

    Attributes:
        results_of_job: by job, the blobs with results of the job's runs.
        inputs_of_token: by token, the blobs stored with the token.
        budget: disk space for bodies.
        pool: threads for encryption and decryption.
    """

    settings: ProxySettings
    upstream: Upstream
    request_log: RequestLog
    jobs: Jobs
    public_keys: PublicKeys
    results_of_job: StoredNames[int]
    inputs_of_token: StoredNames[str]
    budget: SpoolBudget
    pool: FairPool

    @property
    def limits(self) -> Limits:
        """The limits for one algorithm, or for all."""
        return self.settings.limits

    @property
    def cryptor(self) -> PlainCryptor | RsaCryptor:
        """Encrypts and decrypts inputs and results."""
        return self.settings.cryptor

    @property
    def only_own_job(self) -> bool:
        """Whether an algorithm may read the results of its own job only."""
        return self.settings.results is ResultsOf.JOB

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
        except RequestRefusedError as error:
            raise body.failure or error from None

    async def relay(self, call: Call, response: aiohttp.ClientResponse) -> web.StreamResponse:
        """Pass the server's answer on unchanged."""
        kept = headers.to_algorithm(response.headers.items(), body_as_it_came=True)
        answer = web.StreamResponse(status=response.status, headers=kept)
        return await send(call.request, answer, of_server(response), self.limits)

    def spool(self, call: Call, limit_bytes: int, too_big: RequestRefusedError) -> Spool:
        """Return a spool for one body of this call."""
        return Spool(self.budget, call.address, limit_bytes, too_big)

    async def in_turn(self, call: Call, spool: Spool, work: Callable[[], Result]) -> Result:
        """Process a body in a thread, when the caller's address gets its turn."""
        return await self.pool.run(call.address, spool.size, work)
