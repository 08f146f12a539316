"""Request and response bodies: from algorithms, out of the spool, and back to algorithms."""

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
from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.settings import Limits
from node_poc.proxy.spool import Spool

Result = TypeVar("Result")

_PIECE = 1 << 18


class Pace:
    """Detect an algorithm that sends or reads a body slowly and so occupies disk and a connection.

    The pace is measured anew every `client_seconds`: measured over a whole body, an algorithm that
    was fast for a gigabyte could then be almost silent for days. Only the time spent waiting for
    the algorithm counts, so a slow server is not blamed on the algorithm.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waited_seconds = 0.0
        self._size = 0

    def count(self, waited_seconds: float, size: int) -> None:
        """Count a piece. Raise TimeoutError if the algorithm is too slow."""
        self._waited_seconds += waited_seconds
        self._size += size
        if self._waited_seconds < self._limits.client_seconds:
            return
        if self._size < self._limits.client_bytes_per_second * self._waited_seconds:
            raise TimeoutError
        self._waited_seconds, self._size = 0.0, 0


class AlgorithmBody:
    """The body of an algorithm's request, read once, within the limits.

    Attributes:
        failure: why the body could not be read; None while there is no error. The code that sends
            the body on to the server learns only that sending was interrupted.
        too_big: the refusal of a body that is larger than the limit.
    """

    def __init__(self, request: web.BaseRequest, limits: Limits) -> None:
        """Raise RequestRefusedError if the request's Content-Length is above the limit."""
        self._request = request
        self._limits = limits
        self._pace = Pace(limits)
        self.failure: RequestRefusedError | None = None
        self.too_big = RequestRefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the request's body is larger than this proxy takes ({limits.body_bytes} bytes)",
            closes=True,
        )
        if (request.content_length or 0) > limits.body_bytes:
            raise self.too_big

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as its pieces arrive. Raise RequestRefusedError."""
        try:
            async for piece in self._checked():
                yield piece
        except RequestRefusedError as error:
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
            # `from None`: the error may hold a part of the body.
            raise RequestRefusedError(
                HTTPStatus.BAD_REQUEST, "the request's body broke off or is malformed", closes=True
            ) from None
        return piece

    async def through(self, step: Step) -> AsyncIterator[bytes]:
        """Yield the body in the form that `step` makes."""
        async for piece in self.pieces():
            if ready := step.update(piece):
                yield ready
        if rest := step.finish():
            yield rest


def require_plain(request: web.BaseRequest) -> None:
    """Refuse a body with a Content-Encoding: the proxy must encrypt the data itself."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise RequestRefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send this without Content-Encoding", closes=True
        )


def _too_slow() -> RequestRefusedError:
    return RequestRefusedError(
        HTTPStatus.REQUEST_TIMEOUT, "the request's body came too slowly", closes=True
    )


async def in_thread(work: Callable[[], Result], workers: Executor | None = None) -> Result:
    """Run slow work in a thread, to its end even if the algorithm disconnects meanwhile.

    Waiting for the end keeps the caller from closing files that the thread still uses.
    """
    running = asyncio.get_running_loop().run_in_executor(workers, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # read the error, or asyncio reports it as unread
        raise


async def fill(spool: Spool, pieces: AsyncIterator[bytes]) -> None:
    """Write a body into the spool. Raise the errors of `pieces` and of the spool."""
    async for piece in pieces:
        if spool.is_on_disk:
            await in_thread(partial(spool.write, piece))
        else:
            spool.write(piece)


async def out_of(spool: Spool) -> AsyncIterator[bytes]:
    """Yield the content of the spool."""
    for start in range(0, spool.size, _PIECE):
        yield await in_thread(partial(spool.read, start, _PIECE))


async def of_server(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield the server's body as its pieces arrive. Raise RequestRefusedError if it breaks off."""
    try:
        async for piece in response.content.iter_any():
            yield piece
    except TimeoutError as error:
        raise RequestRefusedError(
            HTTPStatus.GATEWAY_TIMEOUT, "the server's answer stopped in the middle"
        ) from error
    except (aiohttp.ClientError, OSError) as error:
        raise RequestRefusedError(
            HTTPStatus.BAD_GATEWAY, "the server's answer broke off in the middle"
        ) from error


async def opened(pieces: AsyncIterator[bytes], step: Step) -> AsyncIterator[bytes]:
    """Yield the server's blob as plain bytes.

    Raises:
        RequestRefusedError: the blob cannot be decrypted.
    """
    try:
        async for piece in pieces:
            if ready := step.update(piece):
                yield ready
        if rest := step.finish():
            yield rest
    except CryptoError as error:
        raise RequestRefusedError(
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
    """Send an answer's body; the headers are sent together with the first piece.

    An error before the first piece can therefore still be reported with its own status. An error
    after the first piece closes the connection in the middle of the body: the algorithm must not
    take a part of the body for the whole.
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
        raise RequestRefusedError(
            HTTPStatus.REQUEST_TIMEOUT, "the answer was not taken in time", closes=True
        ) from None
    except RequestRefusedError:
        if answer.prepared:
            _abort(request)
        raise
    return answer


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
