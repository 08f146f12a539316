"""Requests to the server: one attempt, except for a GET on a broken connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp
import certifi
from yarl import URL

from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.settings import Limits
from node_poc.proxy.targets import Target

_PAUSES = (0.2, 1.0)
# The connections from algorithms are limited already; a slow server must not make other requests
# wait for a free connection.
_NO_LIMIT = 0
_REDIRECTS = range(300, 400)

Headers = Sequence[tuple[str, str]]
Body = AsyncIterator[bytes] | None


class Upstream:
    """Make requests to the API of one server and to no other address."""

    def __init__(self, server: str, limits: Limits) -> None:
        """Open the client sessions; needs a running event loop.

        Args:
            server: scheme, host, port and `api_path`.
            limits: timeouts for connecting and for reading.
        """
        self._base = server.rstrip("/")
        secure = ssl.create_default_context()
        secure.load_verify_locations(certifi.where())
        times = aiohttp.ClientTimeout(
            total=None, sock_connect=limits.connect_seconds, sock_read=limits.server_seconds
        )

        def session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
            return aiohttp.ClientSession(
                connector=connector,
                timeout=times,
                auto_decompress=False,
                trust_env=True,  # HTTPS_PROXY and NO_PROXY apply, as for the node
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Content-Type", "Accept-Encoding"),
                max_field_size=65_536,
                max_line_size=65_536,
            )

        # A kept connection saves the TLS handshake. Without TLS there is little to save, and
        # vantage6's server sends head and body of an answer in two packets: on a kept connection
        # the second packet waits 40 ms for the acknowledgement of the first.
        plain = self._base.startswith("http://")
        self._kept = session(aiohttp.TCPConnector(limit=_NO_LIMIT, ssl=secure, force_close=plain))
        # A kept connection may be closed already, and then nobody can tell whether the server
        # received the request. A request that must not be repeated therefore gets its own
        # connection.
        self._fresh = session(aiohttp.TCPConnector(limit=_NO_LIMIT, ssl=secure, force_close=True))

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(self._kept.close(), self._fresh.close())

    @asynccontextmanager
    async def request(
        self, target: Target, headers: Headers, body: Body = None, length: int | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield the server's answer; the caller still has to read the body.

        Args:
            target: method, path and query of the request.
            headers: headers for the server, complete except for the body's length.
            body: the body, if there is one.
            length: bytes of the body; None sends the body chunked.

        Raises:
            RequestRefusedError: the server cannot be reached, is too slow or redirects.
        """
        url = URL(self._base + target.path_and_query, encoded=True)
        if target.method == "GET" and body is None:
            response = await self._asked(url, headers)
        else:
            sent = [*headers, ("Content-Length", str(length))] if length is not None else headers
            response = await self._once(self._fresh, target.method, url, sent, body)
        try:
            if response.status in _REDIRECTS:
                raise RequestRefusedError(
                    HTTPStatus.BAD_GATEWAY,
                    "the server sends elsewhere (a redirect), and the proxy goes to the configured "
                    "address only; correct server_url, port and api_path",
                )
            yield response
        finally:
            response.close() if not response.content.at_eof() else response.release()

    async def _asked(self, url: URL, headers: Headers) -> aiohttp.ClientResponse:
        for pause in _PAUSES:
            try:
                return await self._once(self._kept, "GET", url, headers, None)
            except RequestRefusedError as error:
                if not isinstance(error.__cause__, aiohttp.ClientConnectionError | OSError):
                    raise
                if isinstance(error.__cause__, TimeoutError):
                    raise
            await asyncio.sleep(pause)
        return await self._once(self._kept, "GET", url, headers, None)

    @staticmethod
    async def _once(
        session: aiohttp.ClientSession, method: str, url: URL, headers: Headers, body: Body
    ) -> aiohttp.ClientResponse:
        try:
            return await session.request(
                method, url, headers=headers, data=body, allow_redirects=False
            )
        except TimeoutError as error:
            raise RequestRefusedError(
                HTTPStatus.GATEWAY_TIMEOUT, "the server did not answer in time"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise RequestRefusedError(
                HTTPStatus.BAD_GATEWAY,
                f"the server cannot be reached, or broke off ({type(error).__name__})",
            ) from error
