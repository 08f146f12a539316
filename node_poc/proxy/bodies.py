"""Bodies on their way: from algorithms, out of the spool, back to algorithms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from functools import partial
from http import HTTPStatus
from typing import TypeVar

import aiohttp
from aiohttp import web

from node_poc.crypto.errors import CryptoError
from node_poc.crypto.streams import Step
from node_poc.proxy.refusals import RefusedError
from node_poc.proxy.settings import Limits
from node_poc.proxy.spool import Spool

Result = TypeVar("Result")

_PIECE = 1 << 18


class Pace:
    """Notices an algorithm that draws a body out, which holds disk and a connection meanwhile.

    It is looked at anew each `client_seconds`: over a whole body, whoever was quick for a gigabyte
    could be all but silent for days. Only the time that is spent waiting for the algorithm counts,
    so a slow server is nobody's fault.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waited_seconds = 0.0
        self._size = 0

    def count(self, waited_seconds: float, size: int) -> None:
        """Count a piece. Raises TimeoutError if the algorithm is too slow."""
        self._waited_seconds += waited_seconds
        self._size += size
        if self._waited_seconds < self._limits.client_seconds:
            return
        if self._size < self._limits.client_bytes_per_second * self._waited_seconds:
            raise TimeoutError
        self._waited_seconds, self._size = 0.0, 0


class AlgorithmBody:
    """The body of an algorithm's request, read once, within the limits.

    `failure` tells afterwards what was wrong with it: who sends it on to the server learns only
    that the sending broke off.
    """

    def __init__(self, request: web.BaseRequest, limits: Limits) -> None:
        """Raises RefusedError if the body says beforehand that it is too big."""
        self._request = request
        self._limits = limits
        self._pace = Pace(limits)
        self.failure: RefusedError | None = None
        self.too_big = RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the request's body is larger than this proxy takes ({limits.body_bytes} bytes)",
            closes=True,
        )
        if (request.content_length or 0) > limits.body_bytes:
            raise self.too_big

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the body as it comes. Raises RefusedError."""
        try:
            async for piece in self._checked():
                yield piece
        except RefusedError as error:
            self.failure = error
            raise

    async def _checked(self) -> AsyncIterator[bytes]:
        size = 0
        while piece := await self._next():
            size += len(piece)
            if size > self._limits.body_bytes:
                raise self.too_big
            yield piece

    async def _next(self) -> bytes:
        clock = asyncio.get_running_loop().time
        start = clock()
        try:
            async with asyncio.timeout(self._limits.client_seconds):
                piece: bytes = await self._request.content.readany()
            self._pace.count(clock() - start, len(piece))
        except TimeoutError as error:
            raise _too_slow() from error
        except (OSError, ValueError, aiohttp.ClientError, aiohttp.http.HttpProcessingError):
            # `from None`: the error may hold some of the body.
            raise RefusedError(
                HTTPStatus.BAD_REQUEST, "the request's body broke off or is malformed", closes=True
            ) from None
        return piece

    async def through(self, step: Step) -> AsyncIterator[bytes]:
        """Give the body in another form."""
        async for piece in self.pieces():
            if ready := step.update(piece):
                yield ready
        if rest := step.finish():
            yield rest


def require_plain(request: web.BaseRequest) -> None:
    """Refuse a body that is coded: what is encrypted here must be the data itself."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send this without Content-Encoding", closes=True
        )


def _too_slow() -> RefusedError:
    return RefusedError(
        HTTPStatus.REQUEST_TIMEOUT, "the request's body came too slowly", closes=True
    )


async def in_thread(work: Callable[[], Result], workers: Executor | None = None) -> Result:
    """Do work that takes time in a thread, to its end even if the algorithm goes away meanwhile.

    So nobody closes what the thread still works on.
    """
    running = asyncio.get_running_loop().run_in_executor(workers, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # looked at, or asyncio complains that nobody did
        raise


async def fill(spool: Spool, pieces: AsyncIterator[bytes]) -> None:
    """Write a body into the spool. Raises what `pieces` and the spool raise."""
    async for piece in pieces:
        if spool.is_on_disk:
            await in_thread(partial(spool.write, piece))
        else:
            spool.write(piece)


async def out_of(spool: Spool) -> AsyncIterator[bytes]:
    """Give what the spool holds."""
    for start in range(0, spool.size, _PIECE):
        yield await in_thread(partial(spool.read, start, _PIECE))


async def of_server(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Give the server's body as it comes. Raises RefusedError if it breaks off."""
    try:
        async for piece in response.content.iter_any():
            yield piece
    except TimeoutError as error:
        raise RefusedError(
            HTTPStatus.GATEWAY_TIMEOUT, "the server's answer stopped in the middle"
        ) from error
    except (aiohttp.ClientError, OSError) as error:
        raise RefusedError(
            HTTPStatus.BAD_GATEWAY, "the server's answer broke off in the middle"
        ) from error


async def opened(pieces: AsyncIterator[bytes], step: Step) -> AsyncIterator[bytes]:
    """Give the server's blob as plain bytes. Raises RefusedError if it cannot be opened."""
    try:
        async for piece in pieces:
            if ready := step.update(piece):
                yield ready
        if rest := step.finish():
            yield rest
    except CryptoError as error:
        raise RefusedError(
            HTTPStatus.BAD_GATEWAY,
            f"the stored data cannot be decrypted: {error}",
            kind="stored data cannot be decrypted",
        ) from error


async def send(
    request: web.BaseRequest,
    answer: web.StreamResponse,
    pieces: AsyncIterator[bytes],
    limits: Limits,
) -> web.StreamResponse:
    """Send an answer's body; its head goes when the first piece is there.

    So whatever goes wrong before that can still be told with a status of its own. What goes wrong
    afterwards closes the connection in the middle of the body: the algorithm must not take a part
    for the whole.
    """
    clock = asyncio.get_running_loop().time
    pace = Pace(limits)
    try:
        async for piece in pieces:
            start = clock()
            async with asyncio.timeout(limits.client_seconds):
                if not answer.prepared:
                    await answer.prepare(request)
                await answer.write(piece)
            pace.count(clock() - start, len(piece))
        async with asyncio.timeout(limits.client_seconds):
            if not answer.prepared:
                await answer.prepare(request)
            await answer.write_eof()
    except TimeoutError:
        _abort(request)
        raise RefusedError(
            HTTPStatus.REQUEST_TIMEOUT, "the answer was not taken in time", closes=True
        ) from None
    except RefusedError:
        if answer.prepared:
            _abort(request)
        raise
    return answer


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
