"""Handle a request of an algorithm: check the request, ask the server, and answer."""

from __future__ import annotations

import json
from http import HTTPStatus

import aiohttp
import structlog
from aiohttp import web

from node_poc.proxy import headers
from node_poc.proxy.blob_requests import read_blob, write_blob
from node_poc.proxy.carrier import Call, Carrier
from node_poc.proxy.guard import Guard
from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.request_log import RequestLog
from node_poc.proxy.result_requests import read_result, read_results, read_tasks
from node_poc.proxy.targets import Kind, is_for_everybody, read_target
from node_poc.proxy.task_requests import create_task
from node_poc.proxy.tokens import NOBODY, Container, read_token

log = structlog.get_logger(__name__)


class Handler:
    """Answer all requests of all algorithms."""

    def __init__(self, carrier: Carrier, request_log: RequestLog) -> None:
        self._carrier = carrier
        self._request_log = request_log

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; raise only if the request is cancelled or the connection is lost."""
        guard = request.transport.get_protocol() if request.transport else None
        if isinstance(guard, Guard):
            guard.begin_request()
        try:
            return await self._answer(request)
        finally:
            if isinstance(guard, Guard):
                guard.end_request()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        address, claims = request.remote or "?", None
        try:
            container = _admitted(request)
            claims = str(container)
            target = read_target(request.method, request.raw_path)
            await _expect(request)
            answer = await self._carry(Call(request, target, container))
        except RequestRefusedError as error:
            self._request_log.refused(address, error.kind, claims=claims, **error.about)
            return _refusal(error)
        except ConnectionError:
            log.debug("an algorithm went away", address=address, claims=claims)
            raise
        except Exception as error:  # an error in one request must not end the others
            self._request_log.failed(address, error)
            return _refusal(
                RequestRefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "the proxy failed")
            )
        log.debug(
            "request", method=target.method, path=target.path, status=answer.status, claims=claims
        )
        return answer

    async def _carry(self, call: Call) -> web.StreamResponse:
        carrier = self._carrier
        match call.target.kind:
            case Kind.CREATE_TASK:
                return await create_task(carrier, call)
            case Kind.RESULTS:
                return await read_results(carrier, call)
            case Kind.RESULT:
                return await read_result(carrier, call)
            case Kind.TASKS:
                return await read_tasks(carrier, call)
            case Kind.READ_BLOB:
                return await read_blob(carrier, call)
            case Kind.WRITE_BLOB:
                return await write_blob(carrier, call)
        return await carrier.forward(call)


def _admitted(request: web.BaseRequest) -> Container:
    """Return the sender of the request. Raise RequestRefusedError."""
    tokens = request.headers.getall("Authorization", [])
    is_open = is_for_everybody(request.method, request.raw_path) and not request.body_exists
    if is_open and not tokens:
        return NOBODY
    return read_token(tokens)


async def _expect(request: web.BaseRequest) -> None:
    """Answer `Expect: 100-continue`: some clients wait for the answer before they send a body."""
    expected = request.headers.get("Expect")
    if expected is None:
        return
    if expected.lower() != "100-continue":
        raise RequestRefusedError(
            HTTPStatus.EXPECTATION_FAILED, "only 100-continue can be expected here"
        )
    if request.transport is not None and request.version >= aiohttp.HttpVersion11:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _refusal(error: RequestRefusedError) -> web.StreamResponse:
    answer = web.Response(
        status=error.status, text=json.dumps({"msg": error.reason}), content_type="application/json"
    )
    answer.headers["Server"] = headers.NAME
    if error.status is HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = "GET, POST, PATCH, PUT, DELETE"
    if error.status is HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if error.closes:
        answer.force_close()
    return answer
