"""One request of an algorithm: checked, carried to the server, answered."""

from __future__ import annotations

import json
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import aiohttp
import structlog
from aiohttp import web

from node_poc.crypto.errors import CryptoError
from node_poc.crypto.payload import RsaCryptor
from node_poc.proxy import headers
from node_poc.proxy.bodies import (
    AlgorithmBody,
    fill,
    in_thread,
    of_server,
    opened,
    out_of,
    send,
)
from node_poc.proxy.guard import Guard
from node_poc.proxy.payloads import decrypt_results, encrypt_task, organizations_of
from node_poc.proxy.public_keys import public_keys
from node_poc.proxy.refusals import RefusalLog, RefusedError
from node_poc.proxy.settings import ProxySettings
from node_poc.proxy.spool import Spool, SpoolBudget
from node_poc.proxy.targets import Kind, Target, read_target
from node_poc.proxy.tokens import read_token
from node_poc.proxy.upstream import Upstream

log = structlog.get_logger(__name__)

# What JSON becomes in memory is many times its size, so few are read at once. It is held in these
# threads only, and none of them waits for anybody: not for the server's keys either.
_WORKERS = 2
_PUBLIC_KEY = "X-Public-Key"


class Handler:
    """Answers all requests of all algorithms."""

    def __init__(self, settings: ProxySettings, upstream: Upstream) -> None:
        self._limits = settings.limits
        self._cryptor = settings.cryptor
        self._upstream = upstream
        self._budget = SpoolBudget(
            settings.limits.spooled_bytes, settings.limits.spooled_bytes_of_one
        )
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="crypto")
        self._refusals = RefusalLog()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; never raises but when it is cancelled."""
        guard = request.transport.get_protocol() if request.transport else None
        if isinstance(guard, Guard):
            guard.begin_request()
        try:
            return await self._answer(request)
        finally:
            if isinstance(guard, Guard):
                guard.end_request()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        address, who = request.remote or "?", None
        try:
            who = str(read_token(request.headers.getall("Authorization", [])))
            target = read_target(request.method, request.raw_path)
            await _expect(request)
            answer = await self._carry(request, target)
        except RefusedError as error:
            self.refused(address, error.kind, claims=who, **error.about)
            return _refusal(error)
        except ConnectionError:
            log.debug("an algorithm went away", address=address, claims=who)
            raise
        except Exception as error:  # one request must not end the others
            self._failed(address, error)
            return _refusal(RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "the proxy failed"))
        log.debug(
            "request", method=target.method, path=target.path, status=answer.status, claims=who
        )
        return answer

    def refused(self, address: str, kind: str, **about: object) -> None:
        """Write a refusal to the log, unless one of its kind stands there since a minute ago.

        `about` may be chosen by the caller, if it is short: it does not make another kind.
        """
        left_out = self._refusals.note(address, kind, time.monotonic())
        if left_out is not None:
            log.warning(
                "request refused", address=address, told=kind, repeats_before=left_out, **about
            )

    def _failed(self, address: str, error: Exception) -> None:
        """Write to the log what is wrong with the proxy itself, as seldom as a refusal."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        name, where = type(error).__name__, f"{frame.name}:{frame.lineno}"
        left_out = self._refusals.note(address, f"{name} in {where}", time.monotonic())
        if left_out is not None:
            # No traceback: its message may hold data.
            log.error(
                "request failed",
                address=address,
                error=name,
                where=where,
                repeats_before=left_out,
            )

    async def _carry(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        cryptor = self._cryptor
        match target.kind:
            case Kind.CREATE_TASK if isinstance(cryptor, RsaCryptor):
                return await self._create_task(request, target, cryptor)
            case Kind.RESULTS if isinstance(cryptor, RsaCryptor):
                return await self._results(request, target, cryptor)
            case Kind.READ_BLOB:
                return await self._read_blob(request, target)
            case Kind.WRITE_BLOB:
                return await self._write_blob(request, target)
        return await self._forward(request, target)

    async def _forward(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        sent = headers.to_server(request.headers.items(), body_as_it_came=True)
        if not request.body_exists:
            async with self._upstream.request(target, sent) as response:
                return await self._relay(request, response)
        body = AlgorithmBody(request, self._limits)
        try:
            asked = self._upstream.request(target, sent, body.pieces(), request.content_length)
            async with asked as response:
                return await self._relay(request, response)
        except RefusedError as error:
            raise body.failure or error from None

    async def _relay(
        self, request: web.BaseRequest, response: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        kept = headers.to_algorithm(response.headers.items(), body_as_it_came=True)
        answer = web.StreamResponse(status=response.status, headers=kept)
        return await send(request, answer, of_server(response), self._limits)

    async def _create_task(
        self, request: web.BaseRequest, target: Target, cryptor: RsaCryptor
    ) -> web.StreamResponse:
        sent = headers.to_server(request.headers.items(), body_as_it_came=True)
        _require_plain(request)
        body = AlgorithmBody(request, self._limits)
        with (
            self._spool(request, self._limits.body_bytes, body.too_big) as plain,
            self._spool(request, 2 * self._limits.body_bytes, body.too_big) as encrypted,
        ):
            await fill(plain, body.pieces())
            wanted = await in_thread(lambda: organizations_of(plain.buffer()), self._workers)
            keys = await public_keys(self._upstream, wanted, sent)
            await in_thread(
                lambda: encrypt_task(plain.buffer(), cryptor, keys, encrypted.write), self._workers
            )
            asked = self._upstream.request(target, sent, out_of(encrypted), encrypted.size)
            async with asked as response:
                return await self._relay(request, response)

    async def _results(
        self, request: web.BaseRequest, target: Target, cryptor: RsaCryptor
    ) -> web.StreamResponse:
        sent = headers.to_server(request.headers.items(), body_as_it_came=False)
        limit = self._limits.body_bytes
        too_big = RefusedError(
            HTTPStatus.BAD_GATEWAY,
            f"the results are larger than this proxy takes ({limit} bytes); ask for fewer at once, "
            "with per_page",
        )
        with (
            self._spool(request, limit, too_big) as encrypted,
            self._spool(request, limit, too_big) as plain,
        ):
            async with self._upstream.request(target, sent) as response:
                if response.status != HTTPStatus.OK:
                    return await self._relay(request, response)
                kept = headers.to_algorithm(response.headers.items(), body_as_it_came=False)
                await fill(encrypted, of_server(response))
            unreadable = await in_thread(
                lambda: decrypt_results(encrypted.buffer(), cryptor, plain.write), self._workers
            )
            for error in unreadable:
                self.refused(request.remote or "?", error.kind, **error.about)
            answer = web.StreamResponse(headers=[*kept, ("Content-Length", str(plain.size))])
            return await send(request, answer, out_of(plain), self._limits)

    def _spool(self, request: web.BaseRequest, limit: int, too_big: RefusedError) -> Spool:
        return Spool(self._budget, request.remote or "?", limit, too_big)

    async def _read_blob(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        sent = headers.to_server(request.headers.items(), body_as_it_came=False)
        async with self._upstream.request(target, sent) as response:
            is_blob = response.content_type == "application/octet-stream"
            if response.status != HTTPStatus.OK or not is_blob:
                return await self._relay(request, response)
            kept = headers.to_algorithm(response.headers.items(), body_as_it_came=False)
            plain = opened(of_server(response), self._cryptor.decrypt_stream())
            return await send(request, web.StreamResponse(headers=kept), plain, self._limits)

    async def _write_blob(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        sent = headers.to_server(request.headers.items(), body_as_it_came=True)
        _require_plain(request)
        try:
            step = self._cryptor.encrypt_stream(request.headers.get(_PUBLIC_KEY))
        except CryptoError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"header {_PUBLIC_KEY}: {error}") from error
        body = AlgorithmBody(request, self._limits)
        try:
            asked = self._upstream.request(target, sent, body.through(step))
            async with asked as response:
                return await self._relay(request, response)
        except RefusedError as error:
            raise body.failure or error from None

    def close(self) -> None:
        """End the threads."""
        self._workers.shutdown(wait=False, cancel_futures=True)


def _require_plain(request: web.BaseRequest) -> None:
    """Refuse a body that is coded: what is encrypted here must be the data itself."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send this without Content-Encoding", closes=True
        )


async def _expect(request: web.BaseRequest) -> None:
    """Answer `Expect: 100-continue`, which some clients wait for before they send a body."""
    expected = request.headers.get("Expect")
    if expected is None:
        return
    if expected.lower() != "100-continue":
        raise RefusedError(HTTPStatus.EXPECTATION_FAILED, "only 100-continue can be expected here")
    if request.transport is not None and request.version >= aiohttp.HttpVersion11:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _refusal(error: RefusedError) -> web.StreamResponse:
    answer = web.Response(
        status=error.status, text=json.dumps({"msg": error.told}), content_type="application/json"
    )
    answer.headers["Server"] = headers.NAME
    if error.status is HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = "GET, POST, PATCH, PUT, DELETE"
    if error.status is HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if error.closes:
        answer.force_close()
    return answer
