"""``POST /task``: create a subtask, with encrypted inputs if the collaboration is encrypted."""

from __future__ import annotations

from aiohttp import web

from node_poc.crypto.payload import RsaCryptor
from node_poc.proxy.bodies import AlgorithmBody, fill, out_of, require_plain
from node_poc.proxy.carrier import Call, Carrier
from node_poc.proxy.spool import Spool
from node_poc.proxy.task_inputs import encrypt_task, organizations_of


async def create_task(carrier: Carrier, call: Call) -> web.StreamResponse:
    """Carry a new task. Raise RequestRefusedError."""
    require_plain(call.request)
    body = AlgorithmBody(call.request, carrier.limits)
    with (
        carrier.spool(call, carrier.limits.body_bytes, body.too_big) as plain,
        carrier.spool(call, 2 * carrier.limits.body_bytes, body.too_big) as encrypted,
    ):
        await fill(plain, body.pieces())
        sent = await _prepare(carrier, call, plain, encrypted)
        headers = call.sent_headers(body_as_it_came=True)
        asked = carrier.upstream.request(call.target, headers, out_of(sent), sent.size)
        async with asked as response:
            return await carrier.relay(call, response)


async def _prepare(carrier: Carrier, call: Call, plain: Spool, encrypted: Spool) -> Spool:
    """Return the body that goes to the server: as received, or encrypted."""
    stored, cryptor = carrier.inputs_of_token.of(call.container.digest), carrier.cryptor
    wanted = await carrier.in_turn(call, plain, lambda: organizations_of(plain.buffer(), stored))
    if not isinstance(cryptor, RsaCryptor):
        return plain
    headers = call.sent_headers(body_as_it_came=True)
    keys = await carrier.public_keys.of(call.address, wanted, headers)
    await carrier.in_turn(
        call, plain, lambda: encrypt_task(plain.buffer(), cryptor, keys, stored, encrypted.write)
    )
    return encrypted
