"""``GET /result`` and other requests for results: an algorithm gets results of its own job only."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from node_poc.crypto.payload import RsaCryptor
from node_poc.proxy import headers
from node_poc.proxy.bodies import fill, of_server, out_of, send
from node_poc.proxy.carrier import Call, Carrier
from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.results import open_results, task_of_result
from node_poc.proxy.spool import Spool


async def read_results(carrier: Carrier, call: Call) -> web.StreamResponse:
    """Carry ``GET /result?task_id=``. Raise RequestRefusedError."""
    if not carrier.only_own_job:
        return await _read(carrier, call, None)
    task_id = call.target.task_id()
    sent = call.sent_headers(body_as_it_came=False)
    await carrier.jobs.require_own_task(call.container, task_id, sent)
    return await _read(carrier, call, task_id)


async def read_result(carrier: Carrier, call: Call) -> web.StreamResponse:
    """Carry ``GET /result/<id>``; the server's answer names the task. Raise RequestRefusedError."""
    return await _read(carrier, call, None)


async def read_tasks(carrier: Carrier, call: Call) -> web.StreamResponse:
    """Carry ``GET /task``; refuse a request that includes results.

    Encryption does not protect these results: the server lists tasks of all collaborations of the
    organization, and the results of a collaboration without encryption are plain text.
    """
    included = ",".join(call.target.values("include"))
    if carrier.only_own_job and "results" in included:
        raise RequestRefusedError(
            HTTPStatus.FORBIDDEN,
            "this proxy includes no results in tasks (kubernetes.proxy.results: job); ask for "
            "result?task_id=, with a task of your own job",
        )
    return await carrier.forward(call)


async def _read(carrier: Carrier, call: Call, task_id: int | None) -> web.StreamResponse:
    if not carrier.only_own_job and not isinstance(carrier.cryptor, RsaCryptor):
        return await carrier.forward(call)
    sent = call.sent_headers(body_as_it_came=False)
    limit = carrier.limits.body_bytes
    too_big = RequestRefusedError(
        HTTPStatus.BAD_GATEWAY,
        f"the results are larger than this proxy takes ({limit} bytes); ask for fewer at once, "
        "with per_page",
    )
    with (
        carrier.spool(call, limit, too_big) as stored,
        carrier.spool(call, limit, too_big) as plain,
    ):
        async with carrier.upstream.request(call.target, sent) as response:
            if response.status != HTTPStatus.OK:
                return await carrier.relay(call, response)
            kept = headers.to_algorithm(response.headers.items(), body_as_it_came=False)
            await fill(stored, of_server(response))
        await _open(carrier, call, stored, plain, task_id)
        answer = web.StreamResponse(headers=[*kept, ("Content-Length", str(plain.size))])
        return await send(call.request, answer, out_of(plain), carrier.limits)


async def _open(
    carrier: Carrier, call: Call, stored: Spool, plain: Spool, task_id: int | None
) -> None:
    job = None
    if carrier.only_own_job:
        if task_id is None:
            task_id = await carrier.in_turn(call, stored, lambda: task_of_result(stored.buffer()))
        if task_id is None:
            raise RequestRefusedError(
                HTTPStatus.BAD_GATEWAY, "the server does not tell the task of this result"
            )
        sent = call.sent_headers(body_as_it_came=False)
        job = await carrier.jobs.require_own_task(call.container, task_id, sent)
    opened = await carrier.in_turn(
        call,
        stored,
        lambda: open_results(stored.buffer(), carrier.cryptor, task_id, plain.write),
    )
    if job is not None:
        carrier.results_of_job.add(job, opened.stored)
    for error in opened.left_out:
        carrier.request_log.refused(call.address, error.kind, **error.about)
