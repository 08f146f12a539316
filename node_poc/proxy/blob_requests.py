"""``/blobstream``: encrypt the data that an algorithm stores, decrypt the data that it reads.

The server gives a blob to every member of the collaboration and does not name the blob's owner. An
algorithm may therefore read only blobs whose names the proxy has seen in results of the algorithm's
own job.
"""

from __future__ import annotations

import json
from http import HTTPStatus

import aiohttp
from aiohttp import web

from node_poc.crypto.errors import CryptoError
from node_poc.proxy import headers
from node_poc.proxy.bodies import AlgorithmBody, of_server, opened, require_plain, send
from node_poc.proxy.carrier import Call, Carrier
from node_poc.proxy.refusals import RequestRefusedError

_PUBLIC_KEY = "X-Public-Key"
_ANSWER_BYTES = 65_536


async def read_blob(carrier: Carrier, call: Call) -> web.StreamResponse:
    """Carry ``GET /blobstream/<name>``. Raise RequestRefusedError."""
    sent = call.sent_headers(body_as_it_came=False)
    if carrier.only_own_job:
        job = await carrier.jobs.own(call.container, sent)
        if not carrier.results_of_job.has(job, call.target.last_segment):
            raise RequestRefusedError(
                HTTPStatus.FORBIDDEN,
                "nothing shows that this stored data is a result of your own job, and this proxy "
                "gives no other (kubernetes.proxy.results: job); ask for result?task_id= first, "
                "with a task of your own job",
                kind="stored data was asked for that no result of the own job names",
            )
    async with carrier.upstream.request(call.target, sent) as response:
        is_blob = response.content_type == "application/octet-stream"
        if response.status != HTTPStatus.OK or not is_blob:
            return await carrier.relay(call, response)
        kept = headers.to_algorithm(response.headers.items(), body_as_it_came=False)
        plain = opened(of_server(response), carrier.cryptor.decrypt_stream())
        answer = web.StreamResponse(headers=kept)
        return await send(call.request, answer, plain, carrier.limits)


async def write_blob(carrier: Carrier, call: Call) -> web.StreamResponse:
    """Carry ``POST /blobstream``, and remember the blob's name for the token.

    Raises:
        RequestRefusedError: the request is refused, or the server fails or names no blob.
    """
    require_plain(call.request)
    try:
        step = carrier.cryptor.encrypt_stream(call.request.headers.get(_PUBLIC_KEY))
    except CryptoError as error:
        raise RequestRefusedError(
            HTTPStatus.BAD_REQUEST, f"header {_PUBLIC_KEY}: {error}"
        ) from error
    body = AlgorithmBody(call.request, carrier.limits)
    sent = call.sent_headers(body_as_it_came=False)
    try:
        asked = carrier.upstream.request(call.target, sent, body.through(step))
        async with asked as response:
            if response.status != HTTPStatus.CREATED:
                return await carrier.relay(call, response)
            answer, name = await _stored(response)
    except RequestRefusedError as error:
        raise body.failure or error from None
    carrier.inputs_of_token.add(call.container.digest, [name])
    kept = headers.to_algorithm(response.headers.items(), body_as_it_came=False)
    return web.Response(status=HTTPStatus.CREATED, body=answer, headers=kept)


async def _stored(response: aiohttp.ClientResponse) -> tuple[bytes, str]:
    """Return the server's answer, and the blob's name in the answer."""
    answer = b""
    async for piece in of_server(response):
        answer += piece
        if len(answer) > _ANSWER_BYTES:
            break
    try:
        name = json.loads(answer)["uuid"]
    except (ValueError, RecursionError, KeyError, TypeError):
        name = None
    if not isinstance(name, str):
        raise RequestRefusedError(
            HTTPStatus.BAD_GATEWAY, "the server took the data, but does not tell its name"
        )
    return answer, name
